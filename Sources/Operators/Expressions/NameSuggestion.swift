/// The name that somebody probably meant.
package enum NameSuggestion {
    /// `did you mean 'campaign_id'?`, or nil when no name is near.
    package static func help(for name: String, among names: [String]) -> String? {
        nearest(to: name, among: names).map { "did you mean '\($0)'?" }
    }

    /// The nearest of `names`: equal but for case, or at most a third of the letters away.
    package static func nearest(to name: String, among names: [String]) -> String? {
        let lower = Array(name.lowercased().utf8.prefix(64))
        let limit = max(1, lower.count / 3)
        var best: (name: String, distance: Int)?
        for candidate in names where candidate != name {
            let other = Array(candidate.lowercased().utf8.prefix(64))
            guard abs(other.count - lower.count) <= limit else { continue }
            let found = distance(lower, other)
            if found <= limit, found < (best?.distance ?? .max) { best = (candidate, found) }
        }
        return best?.name
    }

    /// Insertions, deletions, changes and swaps of neighbours between two words.
    static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    cost = min(cost, beforeLast[j - 1] + 1)
                }
                row.append(cost)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
