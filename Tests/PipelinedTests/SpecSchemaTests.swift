import Config
import TestSupport
import Testing

@testable import Pipelined

@Suite("JSON Schema of the spec language")
struct SpecSchemaTests {
    private let schema = SpecSchema.document
    private var definitions: JSONObject { schema["definitions"]?.object ?? JSONObject() }

    /// The mapping of a group; of one that is written as a name too, that half.
    private func fieldMapping(_ name: String) -> JSONValue? {
        guard let definition = definitions[name] else { return nil }
        if definition["properties"] != nil || definition["additionalProperties"] != nil {
            return definition
        }
        return definition["anyOf"]?.array?.first { $0["properties"] != nil }
    }

    @Test("is what the golden holds")
    func golden() { expectGolden(schema.indented + "\n", "spec-schema.json") }

    @Test("has every declared field, with its words, and no other", arguments: SpecFields.all)
    func fields(_ group: FieldGroup) throws {
        let name = SpecSchema.definitionName(group)
        let mapping = try #require(fieldMapping(name), "no definition '\(name)'")
        if group.fields.count == 1, group.fields[0].name == group.fields[0].name.uppercased() {
            let text = mapping["additionalProperties"]?["description"]?.text ?? ""
            #expect(text.hasPrefix(group.fields[0].doc))
            return
        }
        let properties = try #require(mapping["properties"]?.object)
        for field in group.fields {
            let property = try #require(properties[field.name], "no \(group.name).\(field.name)")
            let text = property["description"]?.text ?? ""
            #expect(text.hasPrefix(field.doc) && text.contains(field.example))
            let isRequired = mapping["required"]?.array?.contains(.string(field.name)) ?? false
            #expect(isRequired == field.isRequired, "\(group.name).\(field.name)")
            #expect((property["default"] == nil) == (field.defaultText == nil))
        }
        let extra = properties.members.map(\.key).filter { group[$0] == nil }
        #expect(extra.isEmpty, "\(extra)")
        #expect(mapping["additionalProperties"] == false)
    }

    @Test("says of every field what it takes")
    func forms() {
        for group in SpecFields.all {
            for field in group.fields {
                if case .either(_, let forms) = field.form {
                    #expect(!forms.isEmpty, "\(group.name).\(field.name) has words alone")
                }
                if case .mapping = field.form {
                    Issue.record("what is in \(group.name).\(field.name) is not declared")
                }
            }
        }
    }

    @Test("refers to nothing that is not there, and has nothing that is not referred to")
    func references() {
        var found: Set<String> = []
        func walk(_ value: JSONValue) {
            if case .string(let target)? = value["$ref"] {
                found.insert(String(target.dropFirst("#/definitions/".count)))
            }
            for element in value.array ?? [] { walk(element) }
            for member in value.object?.members ?? [] { walk(member.value) }
        }
        walk(schema)
        #expect(found == Set(definitions.members.map(\.key)))
    }

    @Test("lists the fields that go together by names that there are")
    func rules() {
        for group in SpecFields.all {
            let rules = group.rules
            var names = rules.one + rules.atMostOne + rules.alone
            names += rules.needs.flatMap { [$0.field] + $0.others }
            for name in names { #expect(group[name] != nil, "\(group.name): \(name)") }
        }
    }

    @Test("knows the types that the loader reads", arguments: TypeNames.plain)
    func types(_ name: String) {
        let text = """
            pipeline: types
            sources: {in: {file: {path: in.ndjson}, format: json, schema: {a: \(name)}}}
            steps: {out: {from: in}}
            sinks: {result: {from: out, stdout: {}, format: json}}
            """
        let loader = SpecLoader(
            environment: SpecEnvironment(
                variables: [:], workingDirectory: repositoryRoot.path, allowedPaths: []))
        let result = loader.load(bytes: Array(text.utf8), path: "types.yaml")
        #expect(result.diagnostics.rendered == "")
    }

    @Test("is what the command prints")
    func command() {
        let terminal = Terminal(capturing: ())
        #expect(CommandLineProgram.run(["spec-schema"], terminal: terminal) == .done)
        #expect(terminal.output == schema.indented + "\n")
    }
}
