import CPrimitives
import Glibc

/// The limits of this machine and process, or of the daemon's.
struct LimitFacts {
    var descriptorsMax: Int64 = .max
    var watchesMax: Int64?
    var instancesMax: Int64?
    /// Whether a watch could be had just now; an errno otherwise.
    var watchFailure: Int32?
    /// Of the tightest control group; nil for none.
    var memoryMax: Int64?
    var memoryTotal: Int64?
    var cores = 1
    /// Of the control group, in cores; nil for no limit.
    var coresMax: Double?
    var hasFastChecksums = true
    var coreLimit: Int64 = 0
    var corePattern: String?

    /// - Parameter process: The daemon, whose limits count; nil for this process's.
    static func read(process: Int32?, root: String = "") -> LimitFacts {
        var facts = LimitFacts()
        let own = "\(root)/proc/\(process.map(String.init) ?? "self")"
        let limits = text("\(own)/limits") ?? text("\(root)/proc/self/limits") ?? ""
        facts.descriptorsMax = limit("Max open files", limits) ?? .max
        facts.coreLimit = limit("Max core file size", limits, isSoft: true) ?? .max
        facts.corePattern = text("\(root)/proc/sys/kernel/core_pattern")
        facts.watchesMax = number("\(root)/proc/sys/fs/inotify/max_user_watches")
        facts.instancesMax = number("\(root)/proc/sys/fs/inotify/max_user_instances")
        facts.watchFailure = watch()
        for line in (text("\(root)/proc/meminfo") ?? "").split(separator: "\n")
        where line.hasPrefix("MemTotal:") {
            let words = line.split(separator: " ")
            facts.memoryTotal = words.count > 1 ? Int64(words[1]).map { $0 &* 1024 } : nil
        }
        facts.readControlGroup(text("\(own)/cgroup") ?? "", root)
        facts.cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        facts.hasFastChecksums = cp_crc32c_has_hardware() != 0
        return facts
    }

    /// The tightest limits on the way from the process's group to the root.
    private mutating func readControlGroup(_ text: String, _ root: String) {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else {
            return
        }
        var group = String(line.dropFirst(3))
        while true {
            let folder = "\(root)/sys/fs/cgroup" + (group == "/" ? "" : group)
            if let limit = Self.number("\(folder)/memory.max") {
                memoryMax = min(memoryMax ?? .max, limit)
            }
            let words = (Self.text("\(folder)/cpu.max") ?? "").split(separator: " ")
            if words.count == 2, let quota = Double(words[0]), let period = Double(words[1]),
                period > 0
            {
                coresMax = min(coresMax ?? .infinity, quota / period)
            }
            guard group != "/", let slash = group.lastIndex(of: "/") else { return }
            group = slash == group.startIndex ? "/" : String(group[..<slash])
        }
    }

    private static func text(_ path: String) -> String? {
        SmallFile.read(path, bytesMax: 1 << 20).map {
            String(decoding: $0, as: UTF8.self).trimmingNewlines
        }
    }

    private static func number(_ path: String) -> Int64? { text(path).flatMap { Int64($0) } }

    /// `Max open files  1024  1048576  files`: the hard limit, which the daemon raises the soft one to.
    static func limit(_ name: String, _ limits: String, isSoft: Bool = false) -> Int64? {
        for line in limits.split(separator: "\n") where line.hasPrefix(name) {
            let words = line.dropFirst(name.count).split(separator: " ")
            guard words.count >= 2 else { return nil }
            return Int64(words[isSoft ? 0 : 1])
        }
        return nil
    }

    private static func watch() -> Int32? {
        let descriptor = inotify_init1(Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return inotify_add_watch(descriptor, "/", UInt32(IN_MOVED_TO)) < 0 ? errno : nil
    }
}

/// What limits may be too low.
enum LimitChecks {
    /// About what a pipeline holds open, and what the daemon does besides.
    private static let descriptorsPerSpec: Int64 = 6
    private static let descriptorsBesides: Int64 = 128

    static func all(_ facts: LimitFacts, specCount: Int) -> [Finding] {
        [
            descriptors(facts, specCount: specCount), watches(facts), memory(facts),
            processors(facts), cores(facts),
        ]
    }

    static func descriptors(_ facts: LimitFacts, specCount: Int) -> Finding {
        let needed = Int64(specCount) * descriptorsPerSpec + descriptorsBesides
        guard facts.descriptorsMax < .max else { return .ok("descriptors", "without limit") }
        let text = "\(facts.descriptorsMax), of which \(specCount) specs take about \(needed)"
        return facts.descriptorsMax < needed
            ? .problem(
                "descriptors", text, "raise LimitNOFILE= of the unit, or 'ulimit -Hn'")
            : .ok("descriptors", text)
    }

    static func watches(_ facts: LimitFacts) -> Finding {
        let text =
            "\(facts.instancesMax.map(String.init) ?? "?") instances and "
            + "\(facts.watchesMax.map(String.init) ?? "?") watches a user"
        if let failure = facts.watchFailure {
            return .warning(
                "inotify", "none to be had: \(String(cString: strerror(failure)))",
                "raise fs.inotify.max_user_instances and max_user_watches; until then changes are "
                    + "noticed some seconds late")
        }
        if (facts.instancesMax ?? .max) < 16 || (facts.watchesMax ?? .max) < 1024 {
            return .warning(
                "inotify", text,
                "raise fs.inotify.max_user_instances to 128 and max_user_watches to 65536")
        }
        return .ok("inotify", text)
    }

    static func memory(_ facts: LimitFacts) -> Finding {
        let total = facts.memoryTotal.map(HumanText.bytes) ?? "?"
        guard let limit = facts.memoryMax, limit < facts.memoryTotal ?? .max else {
            return .ok("memory", "\(total), no limit of a control group")
        }
        let text = "limited to \(HumanText.bytes(limit)) of \(total)"
        return limit < 128 << 20
            ? .warning(
                "memory", text,
                "raise MemoryMax=, and bound pipelines with settings.memory_max; what goes over it is "
                    + "killed")
            : .ok("memory", text)
    }

    static func processors(_ facts: LimitFacts) -> Finding {
        var text = "\(facts.cores) core\(facts.cores == 1 ? "" : "s")"
        if let limit = facts.coresMax { text += ", limited to \(HumanText.fixed(limit, 2))" }
        if let limit = facts.coresMax, limit < 0.5 {
            return .warning("processors", text, "raise CPUQuota=: checkpoints wait for it")
        }
        if !facts.hasFastChecksums {
            return .warning(
                "processors", text + ", without an instruction for checksums",
                "use a machine with SSE 4.2 or ARMv8's CRC: topics are read at 0.4 GB/s otherwise")
        }
        return .ok("processors", text + ", with an instruction for checksums")
    }

    static func cores(_ facts: LimitFacts) -> Finding {
        let pattern = facts.corePattern ?? "?"
        if pattern.hasPrefix("|") || facts.coreLimit > 0 {
            return .ok("core dumps", "kept, by \(pattern)")
        }
        return .ok("core dumps", "not kept; crash.note names signal and pipeline")
    }
}
