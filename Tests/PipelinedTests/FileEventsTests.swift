import Foundation
import Testing

@testable import Pipelined

@Suite("File events")
struct FileEventsTests {
    /// A temporary folder that goes away with the test.
    private func withFolder(_ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "file-events-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test("tells of a file that is made, written and renamed in a folder")
    func folder() throws {
        try withFolder { folder in
            let events = FileEvents()
            defer { events.close() }
            let seen = DispatchSemaphore(value: 0)
            _ = events.subscribe(path: folder) { seen.signal() }
            try write("a", folder + "/a")
            #expect(seen.wait(timeout: .now() + 5) == .success)
            rename(folder + "/a", folder + "/b")
            #expect(seen.wait(timeout: .now() + 5) == .success)
        }
    }

    @Test("waits for a folder that is not there yet, and follows it when it is replaced")
    func laterFolder() throws {
        try withFolder { folder in
            let events = FileEvents()
            defer { events.close() }
            let target = folder + "/specs"
            let seen = DispatchSemaphore(value: 0)
            _ = events.subscribe(path: target) { seen.signal() }
            mkdir(target, 0o700)
            #expect(seen.wait(timeout: .now() + 5) == .success)
            try write("a", target + "/a")
            #expect(seen.wait(timeout: .now() + 5) == .success)
            rename(target, folder + "/old")
            #expect(seen.wait(timeout: .now() + 5) == .success)
            mkdir(target, 0o700)
            while seen.wait(timeout: .now() + 0.1) == .success {}
            try write("b", target + "/b")
            #expect(seen.wait(timeout: .now() + 5) == .success)
        }
    }

    @Test("notices that a symlink leads to another folder")
    func symlinkSwap() throws {
        try withFolder { folder in
            mkdir(folder + "/one", 0o700)
            mkdir(folder + "/two", 0o700)
            symlink("one", folder + "/current")
            let events = FileEvents()
            defer { events.close() }
            let seen = DispatchSemaphore(value: 0)
            _ = events.subscribe(path: folder + "/current") { seen.signal() }
            symlink("two", folder + "/next")
            rename(folder + "/next", folder + "/current")
            #expect(seen.wait(timeout: .now() + 5) == .success)
            while seen.wait(timeout: .now() + 0.1) == .success {}
            try write("b", folder + "/two/b")
            #expect(seen.wait(timeout: .now() + 5) == .success)
        }
    }

    @Test("is silent after a subscription is cancelled, and two may watch one folder")
    func cancel() throws {
        try withFolder { folder in
            let events = FileEvents()
            defer { events.close() }
            let first = DispatchSemaphore(value: 0)
            let second = DispatchSemaphore(value: 0)
            let token = events.subscribe(path: folder) { first.signal() }
            _ = events.subscribe(path: folder) { second.signal() }
            events.cancel(token)
            try write("a", folder + "/a")
            #expect(second.wait(timeout: .now() + 5) == .success)
            #expect(first.wait(timeout: .now()) == .timedOut)
        }
    }
}
