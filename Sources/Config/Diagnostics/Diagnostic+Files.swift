/// What can be wrong with documents, and between files.
extension Diagnostic {
    static func noPipeline(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "a document begins with 'pipeline: NAME' or 'topic: NAME'", at: place,
            label: "this one does not")
    }

    static func emptyFile(_ path: String) -> Diagnostic {
        Diagnostic("\(path) holds no pipeline and no topic", at: nil, severity: .warning)
    }

    static func duplicatePipeline(
        _ name: String, at place: FileLocation?, first: FileLocation?
    ) -> Diagnostic {
        Diagnostic(
            "two pipelines are called '\(name)'", at: place,
            label: "names are unique in a directory",
            related: first.map { [.init(message: "the other one is here", location: $0)] } ?? [])
    }

    static func sharedPath(
        with other: String, at place: FileLocation?, other otherPlace: FileLocation?
    ) -> Diagnostic {
        Diagnostic(
            "two sinks write to one path", at: place, label: "\(other) writes it too",
            related: otherPlace.map { [.init(message: "the other one is here", location: $0)] }
                ?? [])
    }

    static func readsFileSink(
        reader: String, writer: String, at place: FileLocation?, other: FileLocation?
    ) -> Diagnostic {
        Diagnostic(
            "\(reader) reads the file that \(writer) writes", at: place,
            label: "a file sink may be cut back, and whoever reads it would not know",
            help: "make one pipeline of the two",
            related: other.map { [.init(message: "the other end is here", location: $0)] } ?? [])
    }
}
