import CPrimitives
import Glibc
import TestSupport

extension TemporaryFolder {
    /// Writes a file and waits until nobody has it open for writing.
    ///
    /// Other tests of this process start programs, and a program that is being started has for a
    /// moment all files open that its parent has.
    @discardableResult
    func writeSpec(_ text: String, to name: String) throws -> String {
        let path = try write(text, to: name)
        signal(SIGIO, SIG_IGN)
        for _ in 0..<5000 {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            defer { close(descriptor) }
            if cp_take_read_lease(descriptor) == 0 {
                _ = cp_release_lease(descriptor)
                return path
            }
            guard errno == EAGAIN else { return path }
            usleep(1000)
        }
        return path
    }
}
