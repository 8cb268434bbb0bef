import Glibc

// A reader that has gone is seen where it is written to, not by a signal that ends the process.
signal(SIGPIPE, SIG_IGN)
exit(
    CommandLineProgram.run(Array(CommandLine.arguments.dropFirst()), terminal: Terminal()).rawValue)
