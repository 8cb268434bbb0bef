import Config
import Operators
import Store

/// Opens the source that a spec describes.
package enum SourceFactory {
    /// Opens nothing yet that could fail for a passing reason; that is left to
    /// ``Source/discover()`` and ``SourceSplit/read(now:)``.
    ///
    /// - Parameter spec: With the fields that are read; others may have been left out, as
    ///   ``FieldSpec/ordinal`` says where the rest stand.
    /// - Throws: ``ConnectorError``, terminal, for a format, a time zone or a pattern that cannot be.
    package static func open(
        _ spec: SourceSpec, fileSystem: any FileSystem = SystemFileSystem(),
        topics: TopicConnection? = nil
    ) throws(ConnectorError) -> any Source {
        try open(
            spec.connector, name: spec.name, isTable: false, format: spec.format,
            fields: spec.fields, metadata: spec.metadata, fileSystem: fileSystem, topics: topics)
    }

    /// A table's rows as they are read.
    package static func open(
        _ spec: TableSpec, fileSystem: any FileSystem = SystemFileSystem(),
        topics: TopicConnection? = nil
    ) throws(ConnectorError) -> any Source {
        try open(
            spec.connector, name: spec.name, isTable: true, format: spec.format,
            fields: spec.fields, metadata: [], fileSystem: fileSystem, topics: topics)
    }

    private static func open(
        _ connector: SourceConnector, name: String, isTable: Bool, format: FormatSpec,
        fields: [FieldSpec], metadata: [MetadataColumn], fileSystem: any FileSystem,
        topics: TopicConnection?
    ) throws(ConnectorError) -> any Source {
        let rowMetadata = RowMetadata(fields: fields, columns: metadata)
        switch connector {
        case .file(let options):
            let settings = FileSplitSettings(
                files: InputFiles(fileSystem: fileSystem), isFollowed: options.isFollowed,
                format: format, fields: fields, metadata: rowMetadata)
            // Made once in vain, so that a wrong option is found now and not at the first file.
            _ = try settings.makeParser()
            let source = FileSource(options, settings: settings)
            guard let topics, !isTable, format.readsRowsAlone else { return source }
            return ReplayedSource(
                source, name: name, metadata: rowMetadata, topics: topics
            ) { () throws(ConnectorError) in
                try RowParserFactory.make(format, fields: fields)
            }
        case .stdin:
            return StdinSource(
                parser: try RowParserFactory.make(format, fields: fields), metadata: rowMetadata)
        case .generate(let options):
            return try GenerateSource(options, fields: fields, metadata: rowMetadata)
        case .nexmark(let options):
            return try NexmarkSource(options, fields: fields, metadata: rowMetadata)
        case .topic(let options):
            guard let topics else { throw .noTopicStore(options.name) }
            return TopicSource(
                options, fields: fields, metadata: metadata, catalog: topics.catalog,
                reader: "\(topics.pipeline)/\(name)", takesAnyMode: isTable,
                clock: topics.clock)
        }
    }
}

/// Through which the nodes of one pipeline reach topics.
package struct TopicConnection: Sendable {
    package let catalog: TopicCatalog
    /// Whose nodes they are.
    package let pipeline: String
    /// Microseconds since the epoch.
    package let clock: @Sendable () -> Int64

    package init(
        catalog: TopicCatalog, pipeline: String, clock: @escaping @Sendable () -> Int64
    ) {
        self.catalog = catalog
        self.pipeline = pipeline
        self.clock = clock
    }
}

extension FormatSpec {
    /// Whether a row can be read without what stands before it, as the header of a CSV file.
    package var readsRowsAlone: Bool {
        switch self {
        case .json, .lines, .regex, .logfmt: true
        case .csv(let options): !options.hasHeader
        case .none: false
        }
    }
}
