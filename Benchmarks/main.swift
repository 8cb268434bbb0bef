import Glibc

// swift run -c release Benchmarks [--rows N] [--only NAME] [--record] [--smoke]
//
// Every figure is also given as a share of the bare loop, which does the same work by hand on the
// same bytes in the same run: machines differ, and one machine differs from hour to hour.
do {
    try BenchmarkProgram.run(Array(CommandLine.arguments.dropFirst()))
} catch {
    note("error: \(error.message)")
    exit(1)
}
