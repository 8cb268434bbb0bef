import Glibc
import Synchronization

/// Tells subscribers that something happened in a folder or to a file: the daemon's one inotify
/// instance.
///
/// A hint, never the truth: events are coalesced, may come for nothing and may be missing (network
/// file systems, watch limits, a queue that overflowed). Who subscribes also looks by itself now and
/// then. Without inotify it is silent and harmless.
final class FileEvents: Sendable {
    /// A subscription, to be cancelled.
    struct Token: Hashable, Sendable {
        fileprivate let number: Int
    }

    private struct Subscription {
        let path: String
        let onChange: @Sendable () -> Void
        /// What the path, the folder that holds it or its nearest ancestor are watched as.
        var watches: Set<Int32> = []
        /// Those of them on folders that hold a symlink of the path, or stand for it while it is not
        /// there: an event of theirs may mean that the path leads elsewhere.
        var guards: Set<Int32> = []
    }

    private struct State {
        var subscriptions: [Int: Subscription] = [:]
        var subscribersOfWatch: [Int32: Set<Int>] = [:]
        var nextNumber = 1
        var isClosed = false
    }

    private let state = Mutex(State())
    private let inotify: Int32
    private let stop = WakeSignal()
    private let thread = Mutex<DaemonThread?>(nil)

    /// Events are handed out at most this often, so that a file that is written a hundred thousand
    /// times a second costs its watcher little.
    private static let pauseMillis: Int32 = 5

    private static let mask =
        UInt32(IN_CREATE) | UInt32(IN_CLOSE_WRITE) | UInt32(IN_MODIFY) | UInt32(IN_ATTRIB)
        | UInt32(IN_MOVED_FROM) | UInt32(IN_MOVED_TO) | UInt32(IN_DELETE)
        | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF)

    /// Starts the thread that reads events; ``close()`` ends it.
    init() {
        inotify = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard inotify >= 0 else { return }
        let started = DaemonThread.start("file-events") { [self] in readEvents() }
        thread.withLock { $0 = started }
    }

    /// Calls `onChange` soon after something happens in the folder `path` (its entries made, written,
    /// renamed, removed) or to the file `path`.
    ///
    /// A path that is not there yet is watched for through its nearest ancestor that is.
    ///
    /// - Parameter onChange: Called on the events' thread: it must not block, and may subscribe and
    ///   cancel.
    func subscribe(path: String, onChange: @escaping @Sendable () -> Void) -> Token {
        state.withLock { state in
            let number = state.nextNumber
            state.nextNumber += 1
            state.subscriptions[number] = Subscription(path: path, onChange: onChange)
            if !state.isClosed { attach(number, &state) }
            return Token(number: number)
        }
    }

    /// Ends a subscription. A call that is under way may still finish after this returns.
    func cancel(_ token: Token) {
        state.withLock { state in
            detach(token.number, &state)
            state.subscriptions[token.number] = nil
        }
    }

    /// Ends the thread and lets go of all watches. Not to be called from `onChange`.
    func close() {
        let wasClosed = state.withLock { state in
            defer { state.isClosed = true }
            return state.isClosed
        }
        guard !wasClosed else { return }
        stop.wake()
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
        if inotify >= 0 { _ = Glibc.close(inotify) }
        stop.close()
    }

    // MARK: watches

    private func attach(_ number: Int, _ state: inout State) {
        guard inotify >= 0, var subscription = state.subscriptions[number] else { return }
        var watches: Set<Int32> = []
        var path = subscription.path
        for link in symlinks(on: path) { watch(parent(of: link), &watches) }
        var guards = watches
        while !watch(path, &watches) {
            let cause = errno
            guard cause == ENOENT || cause == ENOTDIR, path != "/", path != "." else { break }
            path = parent(of: path)
        }
        if path != subscription.path { guards = watches }
        subscription.watches = watches
        subscription.guards = guards
        state.subscriptions[number] = subscription
        for descriptor in watches {
            state.subscribersOfWatch[descriptor, default: []].insert(number)
        }
    }

    @discardableResult
    private func watch(_ path: String, _ watches: inout Set<Int32>) -> Bool {
        let descriptor = inotify_add_watch(inotify, path, Self.mask)
        guard descriptor >= 0 else { return false }
        watches.insert(descriptor)
        return true
    }

    private func detach(_ number: Int, _ state: inout State) {
        guard let subscription = state.subscriptions[number] else { return }
        for descriptor in subscription.watches {
            state.subscribersOfWatch[descriptor]?.remove(number)
            guard state.subscribersOfWatch[descriptor]?.isEmpty == true else { continue }
            state.subscribersOfWatch[descriptor] = nil
            _ = inotify_rm_watch(inotify, descriptor)
        }
        state.subscriptions[number]?.watches = []
        state.subscriptions[number]?.guards = []
    }

    // MARK: the thread

    private func readEvents() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 8)
        defer { buffer.deallocate() }
        while true {
            var descriptors = [
                pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: inotify, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&descriptors, 2, -1) >= 0 || errno == EINTR else { return }
            if descriptors[0].revents != 0 { return }
            var changed: Set<Int> = []
            var reattached: Set<Int> = []
            // Not until nothing is left: where something is written to all the time, it never is.
            for _ in 0..<16 {
                let count = read(inotify, buffer.baseAddress, buffer.count)
                guard count > 0 else { break }
                take(UnsafeRawBufferPointer(rebasing: buffer[..<count]), &changed, &reattached)
            }
            notify(changed, reattached)
            var pause = pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&pause, 1, Self.pauseMillis) > 0 { return }
        }
    }

    /// Notes who is touched by the events in `bytes`.
    private func take(
        _ bytes: UnsafeRawBufferPointer, _ changed: inout Set<Int>, _ reattached: inout Set<Int>
    ) {
        let moved =
            UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF) | UInt32(IN_IGNORED) | UInt32(IN_UNMOUNT)
        state.withLock { state in
            var position = 0
            // SAFETY: the kernel writes whole events; no more than `bytes.count` is read.
            // An event is wd, mask, cookie and the name's length, four bytes each, then the name.
            while position + 16 <= bytes.count {
                let descriptor = bytes.loadUnaligned(fromByteOffset: position, as: Int32.self)
                let mask = bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self)
                let length = bytes.loadUnaligned(fromByteOffset: position + 12, as: UInt32.self)
                position += 16 + Int(length)
                if mask & UInt32(IN_Q_OVERFLOW) != 0 {
                    changed.formUnion(state.subscriptions.keys)
                    reattached.formUnion(state.subscriptions.keys)
                    continue
                }
                let touched = state.subscribersOfWatch[descriptor] ?? []
                if mask & UInt32(IN_IGNORED) != 0 { state.subscribersOfWatch[descriptor] = nil }
                changed.formUnion(touched)
                for number in touched
                where mask & moved != 0
                    || state.subscriptions[number]?.guards.contains(descriptor) == true
                {
                    reattached.insert(number)
                }
            }
        }
    }

    private func notify(_ changed: Set<Int>, _ reattached: Set<Int>) {
        let calls = state.withLock { state in
            for number in reattached {
                detach(number, &state)
                attach(number, &state)
            }
            return changed.compactMap { state.subscriptions[$0]?.onChange }
        }
        for call in calls { call() }
    }
}

private func isSymlink(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
}

/// The parts of a path that are symlinks and may be swapped for others: the path itself, folders on
/// the way to it, and what those lead to, some links deep.
private func symlinks(on path: String, depth: Int = 0) -> [String] {
    var found: [String] = []
    var part = path
    while part != "/", part != ".", !part.isEmpty {
        if isSymlink(part) {
            found.append(part)
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink(part, &buffer, buffer.count)
            if count > 0, depth < 4 {
                let bytes = buffer[..<count].map { UInt8(bitPattern: $0) }
                let target = String(decoding: bytes, as: UTF8.self)
                found += symlinks(
                    on: target.hasPrefix("/") ? target : parent(of: part) + "/" + target,
                    depth: depth + 1)
            }
        }
        part = parent(of: part)
    }
    return found
}

/// The folder that holds `path`, by its text alone.
private func parent(of path: String) -> String {
    var bytes = Array(path.utf8)
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self)
}
