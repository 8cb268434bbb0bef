import Glibc

@testable import Store

/// A folder of the real file system that goes when the test is done with it.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = [CChar]("/tmp/pipelined-store-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw StoreError.system("create a temporary folder", "/tmp", code: errno)
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        let files = SystemFileSystem()
        for name in (try? files.list(path)) ?? [] {
            let child = "\(path)/\(name)"
            if (try? files.status(path: child))?.kind == .directory {
                remove(child)
            } else {
                _ = try? files.unlink(child)
            }
        }
        _ = try? files.removeDirectory(path)
    }
}
