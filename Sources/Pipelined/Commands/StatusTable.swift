/// The table of `status`, from the daemon's answer.
enum StatusTable {
    /// - Parameter isWide: With the columns that `-o wide` adds.
    static func render(_ answer: JSONValue, isWide: Bool, _ terminal: Terminal) -> String {
        var titles: [TextTable.Column] = [
            .init("NAME"), .init("READY"), .init("PHASE"), .init("REVISION"),
            .init("LAG", isRight: true), .init("RATE", isRight: true),
            .init("STATE", isRight: true), .init("LATE", isRight: true),
            .init("DEAD", isRight: true), .init("RESTARTS", isRight: true),
            .init("AGE", isRight: true),
        ]
        if isWide {
            titles += [
                .init("ROWS", isRight: true), .init("EPOCH", isRight: true),
                .init("GENERATION", isRight: true), .init("WATERMARK"), .init("FILE"),
            ]
        }
        var table = TextTable(titles + [.init("MESSAGE")])
        for row in answer["pipelines"]?.array ?? [] { table.rows.append(cells(row, isWide)) }
        for problem in answer["problems"]?.array ?? [] {
            var cells = [problem["file"]?.text ?? "", "False", "Invalid"]
            cells += Array(repeating: "-", count: table.columns.count - 4)
            table.rows.append(cells + [problem["summary"]?.text ?? ""])
        }
        var text =
            table.rows.isEmpty
            ? "no pipelines"
            : table.rendered(width: terminal.width) { row, column, cell in
                guard row != nil else { return terminal.styled(cell, .bold) }
                guard column == 1 || column == 2 else { return cell }
                return terminal.styled(cell, style(cell))
            }
        for key in ["folder_problem", "store_problem"] {
            if let problem = answer[key]?.text {
                text += "\n\n" + terminal.styled("warning:", .yellow) + " " + problem
            }
        }
        return text + following(answer["git"], terminal)
    }

    private static func style(_ cell: String) -> Terminal.Style {
        switch cell.split(separator: " ").first {
        case "True", "Running", "Finished": return .green
        case "False", "Failed", "Stalled", "Invalid": return .red
        default: return .yellow
        }
    }

    private static func cells(_ row: JSONValue, _ isWide: Bool) -> [String] {
        func count(_ key: String) -> String {
            row[key]?.integer.map { HumanText.count($0) } ?? "-"
        }
        var cells = [
            row["name"]?.text ?? "", row["ready"]?.bool == true ? "True" : "False",
            row["phase"]?.text ?? "", row["revision"]?.text.map { String($0.prefix(8)) } ?? "-",
            count("lag"), HumanText.count(row["rows_per_second"]?.double ?? 0) + "/s",
            HumanText.bytes(row["state_bytes"]?.integer ?? 0), count("late"),
            count("dead_letters"), count("restarts"),
            row["age_micros"]?.integer.map { HumanText.duration(micros: $0) } ?? "-",
        ]
        if isWide {
            let generation = row["generation"]?.integer ?? 0
            let observed = row["observed_generation"]?.integer ?? 0
            cells += [
                count("rows"), row["checkpoint"]?["epoch"]?.integer.map { "\($0)" } ?? "-",
                generation == observed ? "\(generation)" : "\(observed) of \(generation)",
                row["watermark"]?.text ?? "-", row["file"]?.text ?? "",
            ]
        }
        // A message of several lines would break the table.
        let message = (row["message"]?.text ?? "").split(separator: "\n").first.map(String.init)
        return cells + [rebuild(row["rebuild"]) ?? message ?? history(row["history"]) ?? ""]
    }

    /// `building a new version's state: 43 %, 12s left`.
    static func rebuild(_ value: JSONValue?) -> String? {
        guard let rows = value?["rows"]?.integer else { return nil }
        var text = "building a new version's state: "
        if value?["caught_up"]?.bool == true { return text + "caught up" }
        if let share = value?["share"]?.double {
            text += "\(Int(share * 100)) %"
        } else {
            text += "\(HumanText.count(rows)) rows"
        }
        if let left = value?["micros_left"]?.integer {
            text += ", \(HumanText.duration(micros: left)) left"
        }
        return text
    }

    /// `reading history: 43 %, 12s left`.
    static func history(_ value: JSONValue?) -> String? {
        guard let share = value?["share"]?.double, let left = value?["micros_left"]?.integer else {
            return nil
        }
        return "reading history: \(Int(share * 100)) %, \(HumanText.duration(micros: left)) left"
    }
}
