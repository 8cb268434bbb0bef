/// What can be wrong with the tests of a pipeline.
extension Diagnostic {
    static func noTestedFile(_ path: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "there is no spec that this file tests", at: place,
            help: "the tests of '\(path)' stand beside it")
    }

    static func severalTested(_ names: [String], at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "the file beside has several pipelines", at: place, label: "it has \(listed(names))",
            help: "write pipeline: \(names.first ?? "NAME")")
    }

    static func unknownTested(
        _ name: String, known: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "unknown pipeline '\(name)'", at: place,
            label: "the file beside has \(listed(known))",
            help: suggestion(for: name, among: known).map { "did you mean '\($0)'?" })
    }

    static func duplicateTest(
        _ name: String, at place: FileLocation, first: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "two tests are called '\(name)'", at: place, label: "names are unique in a file",
            related: [.init(message: "first used here", location: first)])
    }

    static func expectsNothing(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "the test expects nothing", at: place,
            help: "add expect: {SINK: [{column: value}]}, or {SINK: []} for no rows")
    }

    static func unknownParameter(
        _ name: String, known: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "unknown parameter '\(name)'", at: place,
            label: known.isEmpty ? "the pipeline has none" : "there is \(listed(known))",
            help: suggestion(for: name, among: known).map { "did you mean '\($0)'?" })
    }

    static func badParameters(_ problem: String, at place: FileLocation) -> Diagnostic {
        let words = problem.hasPrefix("--param ") ? problem.dropFirst(8) : problem[...]
        return Diagnostic(
            "the pipeline does not go with these parameters", at: place, label: String(words))
    }

    static func cannotUseSpec(
        _ what: String, _ problem: Diagnostic, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "cannot use \(what): \(problem.message)", at: place,
            related: problem.location.map { [.init(message: "it is here", location: $0)] } ?? [])
    }

    static func severalTestSteps(_ names: [String], at place: FileLocation) -> Diagnostic {
        guard names.count > 1 else {
            return Diagnostic(
                "a step does something", at: place,
                label: "one of \(SpecFields.testStep.fields.map(\.name).joined(separator: ", "))")
        }
        return Diagnostic(
            "a step does one thing: '\(names[0])' or '\(names[1])', not both", at: place,
            help: "make a second step of it")
    }

    static func clockGoesBack(now: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "time does not go back", at: place, label: "the clock says \(now) here",
            help: "give a later time, or begin the test with an earlier 'clock'")
    }

    static func tableIsComplete(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "table '\(name)' is read once, before the first row", at: place,
            label: "nothing comes to it later",
            help: "give its rows under the test's 'tables', or let the table 'refresh'")
    }

    static func cannotSendTo(
        _ name: String, isOther: String?, known: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            isOther.map { "'\(name)' is a \($0), and rows are sent to sources and tables" }
                ?? "unknown source '\(name)'",
            at: place, label: known.isEmpty ? nil : "there is \(listed(known))",
            help: suggestion(for: name, among: known).map { "did you mean '\($0)'?" })
    }

    static func hasNoLines(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'\(name)' has no format that lines could be of", at: place,
            help: "write its rows as [{column: value}]")
    }

    static func badTestValue(
        _ written: String, isSubstituted: Bool, of name: String, type words: String,
        at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "'\(name)' takes \(words)", at: place,
            label: isSubstituted ? "what this stands for is none" : "'\(written)' is none")
    }

    static func cannotExpectOf(_ table: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'\(table)' is a table, which gives no rows by itself", at: place,
            help: "expect something of a step or sink that reads it")
    }

    static func severalExpectations(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "one thing is expected of '\(name)'", at: place,
            help: "write a list of rows, or one of {exactly: […]}, {changes: […]} and {count: N}")
    }

    static func orderOfChanging(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "the rows of '\(name)' change, and those that stand have no order", at: place,
            help: "write a list of rows, or {changes: […]} for every change")
    }

    static func changesOfAppended(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "the rows of '\(name)' are only added", at: place,
            help: "write {exactly: […]} for all of them in order")
    }

    static func changeWithoutOperation(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "a change says what it does", at: place,
            help: "add _op: insert, update_before, update_after or delete; an upsert sink writes "
                + "upsert or delete")
    }
}
