import Glibc

/// What is installed beside the program.
struct ProgramFacts {
    var git: String?
    /// The folder of time zones, and whether one can be found there.
    var zoneFolder = ""
    var hasZones = false
    var hasSystemd = false
    /// The unit's file, where it is installed.
    var unit: String?
    /// The folders that the unit is given and that are not there although it was started.
    var missingFolders: [String] = []

    static func read(
        root: String = "", environment: (String) -> String? = DaemonClient.variable
    ) -> ProgramFacts {
        var facts = ProgramFacts()
        for folder in (environment("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        where access("\(folder)/git", X_OK) == 0 {
            facts.git = "\(folder)/git"
            break
        }
        facts.zoneFolder = environment("TZDIR") ?? "\(root)/usr/share/zoneinfo"
        facts.hasZones = access("\(facts.zoneFolder)/Europe/Berlin", R_OK) == 0
        facts.hasSystemd = access("\(root)/run/systemd/system", F_OK) == 0
        for folder in [
            "/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
        ]
        where access("\(root)\(folder)/pipelined.service", R_OK) == 0 {
            facts.unit = "\(root)\(folder)/pipelined.service"
            break
        }
        for name in ["STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CONFIGURATION_DIRECTORY"] {
            for folder in (environment(name) ?? "").split(separator: ":")
            where access(String(folder), F_OK) != 0 {
                facts.missingFolders.append(String(folder))
            }
        }
        return facts
    }
}

/// What may be missing.
enum ProgramChecks {
    static func all(_ facts: ProgramFacts) -> [Finding] {
        [git(facts), zones(facts), systemd(facts)]
    }

    static func git(_ facts: ProgramFacts) -> Finding {
        guard let git = facts.git else {
            return .warning(
                "git", "not on the path", "install it, if specs are to be compared with a revision")
        }
        return .ok("git", git)
    }

    static func zones(_ facts: ProgramFacts) -> Finding {
        facts.hasZones
            ? .ok("time zones", facts.zoneFolder)
            : .warning(
                "time zones", "\(facts.zoneFolder) has none",
                "install tzdata, or set TZDIR, if a spec names a time zone")
    }

    static func systemd(_ facts: ProgramFacts) -> Finding {
        if !facts.missingFolders.isEmpty {
            return .problem(
                "systemd",
                "the environment names \(facts.missingFolders.joined(separator: ", ")), which is not "
                    + "there", "let the unit make it: StateDirectory=, RuntimeDirectory=")
        }
        guard facts.hasSystemd else { return .ok("systemd", "does not run this machine") }
        guard let unit = facts.unit else { return .ok("systemd", "no unit is installed") }
        return .ok("systemd", unit)
    }
}
