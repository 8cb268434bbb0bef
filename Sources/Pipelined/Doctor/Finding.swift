/// What one check of `doctor` has found.
struct Finding: Equatable, Sendable {
    enum Level: String, Sendable {
        case ok
        /// It works, and will not for ever, or not as well as it could.
        case warning
        /// It does not work, or rows are in danger.
        case problem
    }
    /// One word or two: what was looked at.
    let check: String
    let level: Level
    /// What is there, in one line.
    let text: String
    /// What to do; nil where nothing has to be.
    let remedy: String?

    static func ok(_ check: String, _ text: String) -> Finding {
        Finding(check: check, level: .ok, text: text, remedy: nil)
    }

    static func warning(_ check: String, _ text: String, _ remedy: String) -> Finding {
        Finding(check: check, level: .warning, text: text, remedy: remedy)
    }

    static func problem(_ check: String, _ text: String, _ remedy: String) -> Finding {
        Finding(check: check, level: .problem, text: text, remedy: remedy)
    }

    var json: JSONValue {
        [
            "check": .string(check), "level": .string(level.rawValue), "text": .string(text),
            "remedy": remedy.map(JSONValue.string) ?? .null,
        ]
    }
}

extension [Finding] {
    var json: JSONValue {
        [
            "problems": .count(count { $0.level == .problem }),
            "warnings": .count(count { $0.level == .warning }),
            "checks": .array(map(\.json)),
        ]
    }

    /// A line a check, the remedies below, and how it went.
    func rendered(_ terminal: Terminal) -> String {
        let width = map(\.check.count).max() ?? 0
        var lines: [String] = []
        for finding in self {
            let style: Terminal.Style =
                switch finding.level {
                case .ok: .green
                case .warning: .yellow
                case .problem: .red
                }
            let word = finding.level.rawValue
            let padding = String(repeating: " ", count: 7 - word.count)
            let name =
                finding.check + String(repeating: " ", count: width - finding.check.count)
            lines.append("\(terminal.styled(word, style))\(padding)  \(name)  \(finding.text)")
            if let remedy = finding.remedy {
                lines.append(String(repeating: " ", count: width + 11) + "-> " + remedy)
            }
        }
        let problems = count { $0.level == .problem }
        let warnings = count { $0.level == .warning }
        let sum =
            problems + warnings == 0
            ? "\(count) checks, nothing to mend"
            : "\(count) checks, \(problems) problem\(problems == 1 ? "" : "s"), "
                + "\(warnings) warning\(warnings == 1 ? "" : "s")"
        return (lines + ["", sum]).joined(separator: "\n")
    }
}
