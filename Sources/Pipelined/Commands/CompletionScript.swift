/// Scripts that make a shell complete commands, flags and their values, made from the table of
/// commands. Names of pipelines are asked of the daemon.
enum CompletionScript {
    static let shells = ["bash", "zsh", "fish"]

    private static let namesCommand = "pipelined status -o names 2>/dev/null"
    private static let topicsCommand = "pipelined topics -o names 2>/dev/null"

    static func text(shell: String, _ commands: [Command]) -> String {
        switch shell {
        case "zsh": return zsh(commands)
        case "fish": return fish(commands)
        default: return bash(commands)
        }
    }

    private static func bash(_ commands: [Command]) -> String {
        var cases: [String] = []
        for command in commands {
            var values: [String] = []
            for flag in command.allFlags {
                let names = (flag.letter.map { "-\($0)|" } ?? "") + "--\(flag.name)"
                switch flag.value {
                case .none: continue
                case .choice(let words):
                    values.append(
                        "            \(names)) words=\"\(words.joined(separator: " "))\" ;;")
                case .path:
                    values.append(
                        "            \(names)) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;")
                case .folder:
                    values.append(
                        "            \(names)) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;")
                case .text, .duration, .count: values.append("            \(names)) return ;;")
                }
            }
            let flags = command.allFlags.map { "--\($0.name)" }.joined(separator: " ")
            let words: String
            switch command.operands.first?.kind {
            case .pipeline: words = "$(\(namesCommand)) \(flags)"
            case .topic: words = "$(\(topicsCommand)) \(flags)"
            case .choice(let choices): words = (choices + [flags]).joined(separator: " ")
            case .command: words = (commands.map(\.name) + [flags]).joined(separator: " ")
            case .specFile, .folder, nil: words = flags
            }
            let files =
                switch command.operands.first?.kind {
                case .specFile, .folder: "files=1; "
                default: ""
                }
            cases.append("    \(command.name))")
            cases.append("        case \"$prev\" in")
            cases += values
            cases.append("            *) \(files)words=\"\(words)\" ;;")
            cases += ["        esac ;;"]
        }
        return """
            # bash completion for pipelined: source <(pipelined completion bash)
            _pipelined() {
                local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words files=
                if [ "$COMP_CWORD" -eq 1 ]; then
                    COMPREPLY=($(compgen -W "\(commands.map(\.name).joined(separator: " "))" -- "$cur"))
                    return
                fi
                case "${COMP_WORDS[1]}" in
            \(cases.joined(separator: "\n"))
                esac
                COMPREPLY=($(compgen -W "$words" -- "$cur"))
                if [ -n "$files" ]; then COMPREPLY+=($(compgen -f -- "$cur")); fi
            }
            complete -F _pipelined pipelined
            """
    }

    private static func zsh(_ commands: [Command]) -> String {
        var lines = ["#compdef pipelined", "# zsh completion: source <(pipelined completion zsh)"]
        lines += ["_pipelined() {", "    local -a commands", "    commands=("]
        lines += commands.map { "        '\($0.name):\(quoted($0.summary))'" }
        lines += [
            "    )", "    if (( CURRENT == 2 )); then _describe command commands; return; fi",
        ]
        lines += ["    local command=$words[2]", "    shift words; (( CURRENT-- ))"]
        lines += ["    case $command in"]
        for command in commands {
            lines.append("        \(command.name)) _arguments \\")
            for flag in command.allFlags {
                let star = flag.isRepeated ? "*" : ""
                let value: String
                switch flag.value {
                case .none: value = ""
                case .choice(let words): value = ":value:(\(words.joined(separator: " ")))"
                case .path: value = ":path:_files"
                case .folder: value = ":folder:_files -/"
                case .text, .duration, .count: value = ":value: "
                }
                let summary = quoted(flag.summary)
                lines.append("            '\(star)--\(flag.name)[\(summary)]\(value)' \\")
                if let letter = flag.letter {
                    lines.append("            '-\(letter)[\(summary)]\(value)' \\")
                }
            }
            let operand: String
            switch command.operands.first?.kind {
            case .pipeline: operand = "'*:pipeline:($(\(namesCommand)))'"
            case .topic: operand = "'*:topic:($(\(topicsCommand)))'"
            case .folder: operand = "'*:folder:_files -/'"
            case .specFile: operand = "'*:spec:_files'"
            case .choice(let words): operand = "'*:value:(\(words.joined(separator: " ")))'"
            case .command: operand = "'*:command:(\(commands.map(\.name).joined(separator: " ")))'"
            case nil: operand = "''"
            }
            lines.append("            \(operand) ;;")
        }
        lines += ["    esac", "}", "compdef _pipelined pipelined"]
        return lines.joined(separator: "\n")
    }

    private static func fish(_ commands: [Command]) -> String {
        var lines = ["# fish completion: pipelined completion fish | source"]
        lines.append("complete -c pipelined -f")
        for command in commands {
            lines.append(
                "complete -c pipelined -n __fish_use_subcommand -a \(command.name)"
                    + " -d '\(quoted(command.summary))'")
            let scope = "complete -c pipelined -n '__fish_seen_subcommand_from \(command.name)'"
            for flag in command.allFlags {
                var line = "\(scope) -l \(flag.name)"
                if let letter = flag.letter { line += " -s \(letter)" }
                switch flag.value {
                case .none: break
                case .choice(let words): line += " -x -a '\(words.joined(separator: " "))'"
                case .path: line += " -r -F"
                case .folder: line += " -x -a '(__fish_complete_directories)'"
                case .text, .duration, .count: line += " -x"
                }
                lines.append(line + " -d '\(quoted(flag.summary))'")
            }
            switch command.operands.first?.kind {
            case .pipeline: lines.append("\(scope) -a '(\(namesCommand))'")
            case .topic: lines.append("\(scope) -a '(\(topicsCommand))'")
            case .specFile: lines.append("\(scope) -F")
            case .folder: lines.append("\(scope) -a '(__fish_complete_directories)'")
            case .choice(let words): lines.append("\(scope) -a '\(words.joined(separator: " "))'")
            case .command:
                lines.append("\(scope) -a '\(commands.map(\.name).joined(separator: " "))'")
            case nil: break
            }
        }
        return lines.joined(separator: "\n")
    }

    /// Without what would end a quoted text in a shell or a description in zsh.
    private static func quoted(_ text: String) -> String {
        String(text.map { "'[]:`$\\".contains($0) ? " " : $0 })
    }
}
