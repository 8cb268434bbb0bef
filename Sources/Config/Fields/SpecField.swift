/// One field of the spec language, declared once: what is read, what is refused with a suggestion
/// and what docs/spec-reference.md says all come from here.
package struct SpecField: Sendable {
    /// What may be written.
    package enum Form: Sendable {
        case text, name, node, nodes, column, columns, items, expression, type
        case duration, size, integer, number, boolean, constant
        case choice([String])
        /// A name with rules of its own.
        case named(NameKind)
        case mapping
        /// A mapping with these fields.
        case group(FieldGroup)
        /// The name of one field of the group where that may stand alone, or `{NAME: value}`.
        case oneOf(FieldGroup)
        /// A mapping of names that people choose, each to a value of one form.
        indirect case entries(NameKind, Form)
        /// A list, of so many values where that is fixed.
        indirect case list(Form, count: Int? = nil)
        /// A column's type, or a mapping of the group's fields, one of which is the type.
        case columnType(FieldGroup)
        /// `{}`, or nothing at all.
        case nothing
        /// Any of the forms; the words are for people.
        indirect case either(String, [Form] = [])

        /// For the reference.
        package var words: String {
            switch self {
            case .text: return "a text"
            case .name, .named: return "a name"
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
            case .mapping, .group, .oneOf, .entries, .columnType, .nothing: return "a mapping"
            case .list: return "a list"
            case .either(let words, _): return words
            }
        }
    }

    /// What names people may choose.
    package enum NameKind: Sendable {
        case pipeline, topic, node, column
        /// A variable of a pattern.
        case variable
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

/// Which fields of a mapping go together, as far as that can be said without their values.
package struct FieldRules: Sendable {
    /// Fields of which exactly one must be written.
    package var one: [String] = []
    /// Fields of which one may be written, or none.
    package var atMostOne: [String] = []
    /// Fields that ask for others beside them.
    package var needs: [(field: String, others: [String])] = []
    /// Fields whose name may stand alone in the mapping's place, without a value.
    package var alone: [String] = []
}

/// The fields of one mapping of the language. A name in capitals stands for names that people choose.
package struct FieldGroup: Sendable {
    /// A short title, unique: `file source`.
    package let name: String
    /// Where it stands: `sources.NAME.file`.
    package let path: String
    package let fields: [SpecField]
    /// Names that the language has and this version does not read.
    package let laterNames: [String]
    /// Which fields go together.
    package let rules: FieldRules

    package init(
        _ name: String, at path: String, _ fields: [SpecField], later: [String] = [],
        rules: FieldRules = FieldRules()
    ) {
        self.name = name
        self.path = path
        self.fields = fields
        laterNames = later
        self.rules = rules
    }

    /// A group of some of the fields, under a name of its own.
    func only(_ names: [String], as name: String) -> FieldGroup {
        var rules = rules
        rules.one = rules.one.filter(names.contains)
        rules.alone = rules.alone.filter(names.contains)
        return FieldGroup(
            name, at: path, fields.filter { names.contains($0.name) }, later: laterNames,
            rules: rules)
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
