/// The word that was probably meant.
enum Suggestion {
    /// The nearest candidate, if it is near enough to be a slip: one edit for short words, up to a
    /// third of the length for longer ones. Swapped neighbours count as one edit.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let typed = Array(word.utf8.prefix(64))
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(typed, Array(candidate.utf8.prefix(64)))
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        guard let best, best.distance <= max(1, typed.count / 3) else { return nil }
        return best.candidate
    }

    /// Edits between two words: insert, delete, replace, or swap of neighbours (optimal string
    /// alignment). O(n × m) over at most 64 bytes each.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var before: [Int] = []
        var previous = Array(0...right.count)
        for i in 1...left.count {
            var current = [i]
            for j in 1...right.count {
                let cost = left[i - 1] == right[j - 1] ? 0 : 1
                var edits = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    edits = min(edits, before[j - 2] + 1)
                }
                current.append(edits)
            }
            before = previous
            previous = current
        }
        return previous[right.count]
    }
}
