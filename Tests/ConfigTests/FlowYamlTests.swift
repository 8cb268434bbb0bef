import Config
import TestSupport
import Testing

@Suite("Text in braces and brackets")
struct FlowYamlTests {
    @Test("that is no mistake stays as it is")
    func sound() {
        let result = load(
            pipeline(
                step: """
                    from: known
                    add: {zone: "coalesce(kind, 'a:b')", cast: id::string, less: amount < 3}
                    select: [id, zone, cast, less, {"a:b": kind}]
                    """))
        #expect(result.diagnostics.rendered == "")
    }

    @Test(
        "that lacks a blank is one mistake, and the key is known",
        arguments: [
            ("select: [{total:amount}]", "write total: amount"),
            ("select: [{total:\"amount\"}]", "write total: \"amount\""),
            ("add: {total:amount, twice: 2 * amount}", "write total: amount"),
        ])
    func missingBlank(_ clause: String, _ help: String) {
        let result = load(pipeline(step: "from: known\n\(clause)"))
        #expect(messages(result) == ["a blank is missing after ':'"])
        #expect(result.diagnostics.first?.help == help)
    }

    @Test(
        "is put together again where a comma cut it",
        arguments: [
            ("add: {a: coalesce(id, kind)}", "coalesce(id, kind)"),
            ("add: {a: coalesce(coalesce(id, kind), name)}", "coalesce(coalesce(id, kind), name)"),
            ("add: {b: 1, a: concat(id, kind, name), c: 2}", "concat(id, kind, name)"),
            ("select: [id, coalesce(id, kind), name]", "coalesce(id, kind)"),
            ("select: [id, concat(id, concat(kind, name))]", "concat(id, concat(kind, name))"),
        ])
    func cut(_ clause: String, _ text: String) throws {
        let result = load(pipeline(step: "from: known\n\(clause)"))
        #expect(messages(result) == ["YAML cut this text at its comma"])
        let place = try #require(result.diagnostics.first?.location)
        let line = Array(place.lineText)
        #expect(String(line[(place.column - 1)..<(place.endColumn - 1)]) == text)
    }

    @Test(
        "that SQL writes with AS has its name in front",
        arguments: [
            ("id as key", "{key: id}"), ("known.id AS key", "{key: known.id}"),
            ("2 * amount As twice", "{twice: \"2 * amount\"}"),
            ("upper(id) as \\\"the key\\\"", "{the key: upper(id)}"),
            ("\\\"id\\\" || kind as both", "{both: \"\\\"id\\\" || kind\"}"),
        ])
    func alias(_ item: String, _ written: String) {
        let result = load(pipeline(step: "from: known\nselect: [\"\(item)\"]"))
        #expect(messages(result) == ["an item has no 'as'"])
        #expect(result.diagnostics.first?.help == "write \(written)")
    }

    @Test(
        "casts and names that begin alike are no aliases",
        arguments: ["cast(id as string)", "id as", "as key", "id askey", "a as b c"])
    func noAlias(_ item: String) {
        let result = load(pipeline(step: "from: known\nselect: [\(item)]"))
        #expect(!messages(result).contains("an item has no 'as'"))
        #expect(!messages(result).isEmpty)
    }

    @Test("what a step computes is for 'having', what it reads for 'where'")
    func having() {
        let step = """
            from: known
            where: n > 1
            aggregate: {group_by: [id], compute: {n: count(*)}}
            """
        let sink = "from: out, stdout: {}, format: json, mode: changelog"
        let wrong = load(pipeline(step: step, sink: sink))
        #expect(messages(wrong) == ["unknown column 'n'"])
        #expect(wrong.diagnostics.first?.help?.contains("'having'") == true)
        let right = load(
            pipeline(step: step.replacing("where", with: "having"), sink: sink))
        #expect(right.diagnostics.rendered == "")
    }

    @Test("costs no more than its length, however many texts are cut")
    func long() {
        let open = Array(repeating: "f(a", count: 6_000).joined(separator: ", ")
        let cut = Array(repeating: "f(a, b)", count: 3_000).joined(separator: ", ")
        for items in [open, cut] {
            let seconds = ThreadTime.seconds {
                let lists = load(pipeline(step: "from: known\nselect: [\(items)]"))
                #expect(lists.diagnostics.hasErrors)
                let maps = load(pipeline(step: "from: known\nadd: {z: f(f(, b), \(items)}"))
                #expect(maps.diagnostics.hasErrors)
            }
            // About half a second without optimisation.
            #expect(seconds < 10)
        }
    }
}
