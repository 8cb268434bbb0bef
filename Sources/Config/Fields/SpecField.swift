/// One field of the spec language, declared once: what is read, what is refused with a suggestion
/// and what docs/spec-reference.md says all come from here.
package struct SpecField: Sendable {
    /// What may be written.
    package enum Form: Sendable {
        case text, name, node, nodes, column, columns, items, expression, type
        case duration, size, integer, number, boolean, constant
        case choice([String])
        case mapping
        case either(String)

        /// For the reference.
        package var words: String {
            switch self {
            case .text: return "a text"
            case .name: return "a name"
            case .node: return "a node"
            case .nodes: return "a node or a list of nodes"
            case .column: return "a column"
            case .columns: return "a list of columns"
            case .items: return "a list of items, or a map"
            case .expression: return "an expression"
            case .type: return "a type"
            case .duration: return "a duration"
            case .size: return "a size"
            case .integer: return "a whole number"
            case .number: return "a number"
            case .boolean: return "`true` or `false`"
            case .constant: return "a constant"
            case .choice(let names):
                return "one of " + names.map { "`\($0)`" }.joined(separator: ", ")
            case .mapping: return "a mapping"
            case .either(let words): return words
            }
        }
    }

    package let name: String
    package let form: Form
    /// What a number counts; nil where the form says it (durations and sizes carry their unit).
    package let unit: String?
    /// The value that stands when the field is absent, as it would be written. Read by the same
    /// code as what people write.
    package let defaultText: String?
    package let isRequired: Bool
    package let doc: String
    package let example: String

    package init(
        _ name: String, _ form: Form, unit: String? = nil, default defaultText: String? = nil,
        required: Bool = false, _ doc: String, example: String
    ) {
        self.name = name
        self.form = form
        self.unit = unit
        self.defaultText = defaultText
        self.isRequired = required
        self.doc = doc
        self.example = example
    }

    /// The field's line in the reference.
    package var markdownRow: String {
        let unitText: String
        switch form {
        case .duration: unitText = "`us ms s m h d w`"
        case .size: unitText = "`B KiB MiB GiB TiB`"
        default: unitText = unit ?? "–"
        }
        let defaultWords =
            isRequired ? "required" : defaultText.map { "`\($0)`" } ?? "none"
        let cells = [
            "`\(name)`", form.words, unitText, defaultWords, "`\(example)`", doc,
        ]
        return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
}

/// The fields of one mapping of the language.
package struct FieldGroup: Sendable {
    /// A short title, unique: `file source`.
    package let name: String
    /// Where it stands: `sources.NAME.file`.
    package let path: String
    package let fields: [SpecField]
    /// Names that the language has and this version does not read.
    package let laterNames: [String]

    package init(_ name: String, at path: String, _ fields: [SpecField], later: [String] = []) {
        self.name = name
        self.path = path
        self.fields = fields
        laterNames = later
    }

    package subscript(name: String) -> SpecField? { fields.first { $0.name == name } }

    /// The group's table in the reference.
    package var markdownTable: String {
        var lines = ["| field | value | unit | default | example | what it does |"]
        lines.append("| --- | --- | --- | --- | --- | --- |")
        lines += fields.map(\.markdownRow)
        if !laterNames.isEmpty {
            lines.append("")
            lines.append(
                "Not supported by this version: "
                    + laterNames.map { "`\($0)`" }.joined(separator: ", ") + ".")
        }
        return lines.joined(separator: "\n")
    }
}
