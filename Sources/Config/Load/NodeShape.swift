import Operators

/// What is known of a node's rows while a spec is read, mistakes included.
///
/// A mistake leaves a gap instead of an end: columns whose type could not be found are *doubtful*,
/// and a node whose columns could not all be found is *open*. Expressions that may depend on a gap
/// are not judged, so that each mistake is reported once.
struct NodeShape {
    var schema: Schema
    /// Columns that are there, with a type that nobody could find.
    var doubtful: Set<String> = []
    /// Whether there may be columns that are not in `schema`.
    var isOpen = false
    /// nil when it could not be found out.
    var change: NodeOutput.Change?
    /// The columns that hold the bounds of each row's window.
    var window: WindowColumns?

    static let unknown = NodeShape(schema: Schema([]), isOpen: true, change: nil)

    init(
        schema: Schema, doubtful: Set<String> = [], isOpen: Bool = false,
        change: NodeOutput.Change?, window: WindowColumns? = nil
    ) {
        self.schema = schema
        self.doubtful = doubtful
        self.isOpen = isOpen
        self.change = change
        self.window = window
    }

    /// Of every node's `.invalid` port.
    static let invalidRows = NodeShape(
        schema: Schema([
            Field("raw", .string), Field("error", .string), Field("node", .string),
            Field("source", .string), Field("position", .bigint),
        ]), change: .append)
}

/// The columns that an expression may name, and what is doubtful among them.
struct ColumnScope {
    /// Whose columns they are, for messages: the name of a node.
    var owner: String
    var entries: [ExpressionScope.Entry]
    var doubtful: Set<String>
    var isOpen: Bool
    /// Whether the rows change, so that each must be computed again as it was.
    var isUpdating: Bool
    /// Columns that the step has behind this place, for messages.
    var toCome = ColumnsToCome()

    init(owner: String, shape: NodeShape, qualifier: String?) {
        self.owner = owner
        entries = shape.schema.fields.enumerated().map {
            .init(qualifier: qualifier, field: $0.element, index: $0.offset)
        }
        doubtful = shape.doubtful
        isOpen = shape.isOpen
        isUpdating = shape.change.map { $0 != .append } ?? false
    }

    var columnNames: [String] { entries.map(\.field.name) }

    /// Columns that `name` or `qualifier.name` may mean.
    func matches(_ name: String, qualifier: String? = nil) -> [ExpressionScope.Entry] {
        entries.filter { entry in
            entry.field.name.utf8.elementsEqual(name.utf8)
                && (qualifier == nil || entry.qualifier == qualifier)
        }
    }
}
