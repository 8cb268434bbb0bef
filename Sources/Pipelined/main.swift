import Glibc

// A reader that has gone is seen where it is written to, not by a signal that ends the process.
signal(SIGPIPE, SIG_IGN)
unblockSignals()
exit(
    CommandLineProgram.run(Array(CommandLine.arguments.dropFirst()), terminal: Terminal()).rawValue)

/// Lets signals through. A program whose threads block them passes that on to what it starts, and
/// a stop would then never arrive.
private func unblockSignals() {
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
}
