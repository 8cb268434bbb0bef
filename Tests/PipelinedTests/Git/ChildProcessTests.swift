import Glibc
import Testing

@testable import Pipelined

@Suite("Programs that are started")
struct ChildProcessTests {
    private func shell(
        _ script: String, _ limits: ChildProcess.Limits = .init()
    ) throws -> ChildProcess.Result {
        try #require(ChildProcess.run("sh", ["-c", script], limits: limits))
    }

    @Test("both outputs and the status come back, whatever their length")
    func outputs() throws {
        let result = try shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; exit 3")
        #expect(result.status == 3)
        #expect(result.output.count == 300_000)
        #expect(result.error.count == 64 << 10)
        #expect(result.end == .exited)
        #expect(try shell("kill -9 $$").status == 137)
    }

    @Test("a program that leaves another one behind with its outputs open is not waited for longer")
    func leavesOneBehind() throws {
        let begin = monotonicMicros()
        let result = try shell("sleep 100 & echo $!")
        #expect(monotonicMicros() - begin < 30_000_000)
        let text = String(decoding: result.output, as: UTF8.self).trimmingNewlines
        let sleeper = try #require(pid_t(text))
        kill(sleeper, SIGKILL)
    }

    @Test("time, length and a word from outside end it")
    func limits() throws {
        var limits = ChildProcess.Limits(timeMicros: 200_000, isDetached: true)
        #expect(try shell("sleep 100", limits).end == .outOfTime)
        // Closing its outputs does not help it.
        #expect(try shell("exec >&- 2>&-; sleep 100", limits).end == .outOfTime)
        limits.timeMicros = 60_000_000
        limits.outputBytesMax = 1000
        #expect(try shell("yes", limits).end == .tooMuchOutput)
        let stop = WakeSignal()
        defer { stop.close() }
        stop.wake()
        limits.stop = stop.descriptor
        #expect(try shell("sleep 100", limits).end == .stopped)
    }

    @Test("it has the usual signals, no terminal, and the environment that it is given")
    func surroundings() throws {
        signal(SIGPIPE, SIG_IGN)
        let result = try #require(
            ChildProcess.run(
                "sh",
                [
                    "-c",
                    "echo $A $B; grep -E 'SigBlk|SigIgn' /proc/self/status; ps -o tty= $$ || echo '?'",
                ],
                environment: ["A=1", "PATH=/usr/bin:/bin"], limits: .init(isDetached: true)))
        let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
        #expect(lines.first == "1")
        let pipe = UInt64(1) << UInt64(SIGPIPE - 1)
        for line in lines.dropFirst().prefix(2) {
            let mask = UInt64(line.split(separator: "\t").last ?? "", radix: 16)
            #expect(mask.map { $0 & pipe } == 0, "\(line)")
        }
        #expect(ChildProcess.run("no-such-program-here", []) == nil)
    }
}
