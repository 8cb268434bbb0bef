import Foundation
import Testing

/// The root of the repository, found from where this file stands.
package let repositoryRoot: URL = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Whether goldens are written instead of compared: `RECORD_GOLDENS=1`.
package let isRecordingGoldens = ProcessInfo.processInfo.environment["RECORD_GOLDENS"] == "1"

/// The text of `Tests/Goldens/NAME`, for goldens that something else than the code under test makes.
package func golden(_ name: String) -> String? {
    let folder = repositoryRoot.appendingPathComponent("Tests/Goldens")
    return try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
}

/// Compares a text with `Tests/Goldens/NAME`, or writes it there when `RECORD_GOLDENS=1`.
///
/// - Parameters:
///   - actual: What the code under test gave.
///   - name: The golden's path below `Tests/Goldens`, with its extension: `invalid/cycle.txt`.
package func expectGolden(
    _ actual: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    expectGolden(Data(actual.utf8), name, sourceLocation: sourceLocation) {
        firstDifference(expected: String(decoding: $0, as: UTF8.self), actual: actual)
    }
}

/// Compares bytes with `Tests/Goldens/NAME`, or writes them there when `RECORD_GOLDENS=1`.
package func expectGolden(
    _ actual: [UInt8], _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    expectGolden(Data(actual), name, sourceLocation: sourceLocation) { expected in
        let same = zip(expected, actual).prefix { $0.0 == $0.1 }.count
        return "differs from byte \(same); \(expected.count) bytes expected, \(actual.count) given"
    }
}

private func expectGolden(
    _ actual: Data, _ name: String, sourceLocation: SourceLocation, difference: (Data) -> String
) {
    let url = repositoryRoot.appendingPathComponent("Tests/Goldens").appendingPathComponent(name)
    if isRecordingGoldens {
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try actual.write(to: url)
        } catch {
            Issue.record("cannot write golden \(name): \(error)", sourceLocation: sourceLocation)
        }
        return
    }
    guard let expected = try? Data(contentsOf: url) else {
        Issue.record(
            "no golden \(name); run with RECORD_GOLDENS=1 and review what it writes",
            sourceLocation: sourceLocation)
        return
    }
    if expected != actual {
        Issue.record(
            "golden \(name): \(difference(expected)); RECORD_GOLDENS=1 writes it anew",
            sourceLocation: sourceLocation)
    }
}

/// The first line in which two texts differ, for a message.
private func firstDifference(expected: String, actual: String) -> String {
    let expectedLines = expected.split(separator: "\n", omittingEmptySubsequences: false)
    let actualLines = actual.split(separator: "\n", omittingEmptySubsequences: false)
    for index in 0..<max(expectedLines.count, actualLines.count) {
        let left = index < expectedLines.count ? String(expectedLines[index]) : "(no line)"
        let right = index < actualLines.count ? String(actualLines[index]) : "(no line)"
        if left != right {
            return "line \(index + 1) differs\n  expected: \(left)\n  actual:   \(right)"
        }
    }
    return "differs in bytes that print alike"
}
