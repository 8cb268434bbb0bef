/// In which order documents can be read so that each comes after all that write its topics.
///
/// - Complexity: O(documents + names of topics in them) for all of it, where nothing is a circle.
struct ReadingOrder {
    private let writes: [[String]]
    /// Who waits for a topic.
    private var readers: [String: [Int]] = [:]
    /// How many that write a topic have not been read yet.
    private var unread: [String: Int]
    /// The topics that a document still waits for.
    private var missing: [Set<String>]
    private var isQueued: [Bool]
    private var queue: [Int] = []
    private var place = 0

    /// - Parameters:
    ///   - reads: For each document the topics that it waits for, each with a writer.
    ///   - writers: The documents that write a topic.
    init(reads: [[String]], writers: [String: [Int]]) {
        var writes = Array(repeating: [String](), count: reads.count)
        for (topic, indexes) in writers {
            for index in indexes { writes[index].append(topic) }
        }
        self.writes = writes
        unread = writers.mapValues(\.count)
        missing = reads.map(Set.init)
        isQueued = Array(repeating: false, count: reads.count)
        for (index, topics) in reads.enumerated() {
            for topic in topics { readers[topic, default: []].append(index) }
            if topics.isEmpty { release(index) }
        }
    }

    /// The next that can be read; nil when there is none for now.
    mutating func next() -> Int? {
        guard place < queue.count else { return nil }
        defer { place += 1 }
        return queue[place]
    }

    /// Notes that one has been read.
    ///
    /// - Returns: The topics all writers of which have been read by that.
    mutating func finish(_ index: Int) -> [String] {
        var complete: [String] = []
        for topic in writes[index] {
            unread[topic, default: 0] -= 1
            guard unread[topic] == 0 else { continue }
            complete.append(topic)
            for reader in readers[topic] ?? [] {
                missing[reader].remove(topic)
                if missing[reader].isEmpty { release(reader) }
            }
        }
        return complete
    }

    /// Lets one be read, whatever it waits for.
    mutating func release(_ index: Int) {
        guard !isQueued[index] else { return }
        isQueued[index] = true
        queue.append(index)
    }

    /// The first that waits for nothing but topics which `isKnown`.
    func firstWaiting(where isKnown: (_ topic: String, _ index: Int) -> Bool) -> Int? {
        missing.indices.first { index in
            !isQueued[index] && missing[index].allSatisfy { isKnown($0, index) }
        }
    }

    /// Those that wait and that others wait for: what is left when all that only follows a circle
    /// is set aside.
    var circle: [(index: Int, missing: Set<String>)] {
        var left = Set(missing.indices.filter { !isQueued[$0] })
        while true {
            let awaited = left.reduce(into: Set<String>()) { $0.formUnion(missing[$1]) }
            let followers = left.filter { !writes[$0].contains(where: awaited.contains) }
            if followers.isEmpty { break }
            left.subtract(followers)
        }
        return left.sorted().map { ($0, missing[$0]) }
    }
}
