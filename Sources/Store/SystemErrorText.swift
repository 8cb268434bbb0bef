import Glibc

/// What the kernel's error numbers mean to a person, and what helps.
enum SystemErrorText {
    /// The cause in lower case, without a full stop.
    static func cause(_ code: Int32) -> String {
        switch code {
        case EACCES, EPERM: return "permission denied"
        case EBADF: return "the file has been closed"
        case EDQUOT: return "the disk quota is used up"
        case EEXIST: return "it already exists"
        case EFBIG: return "the file would become larger than the file system allows"
        case EIO: return "the device reported an input/output error"
        case EISDIR: return "it is a folder"
        case ELOOP: return "too many symbolic links"
        case EMFILE: return "this process has too many files open"
        case ENAMETOOLONG: return "the name is too long"
        case ENFILE: return "this machine has too many files open"
        case ENODEV, ENXIO: return "there is no such device"
        case ENOENT: return "it does not exist"
        case ENOMEM: return "there is not enough memory"
        case ENOSPC: return "no space is left on the device"
        case ENOTDIR: return "a part of the path is not a folder"
        case ENOTEMPTY: return "the folder is not empty"
        case EROFS: return "the file system is read-only"
        case ESTALE: return "the file's server lost it"
        case EXDEV: return "the two paths are on different file systems"
        default:
            guard let text = strerror(code) else { return "error \(code)" }
            let words = String(cString: text)
            return words.prefix(1).lowercased() + words.dropFirst()
        }
    }

    /// What a person can do about it.
    static func remedy(_ code: Int32) -> String {
        switch code {
        case EACCES, EPERM: "check the owner and the permissions"
        case EDQUOT, ENOSPC: "free some space"
        case EIO, ENODEV, ENXIO, ESTALE: "check the disk and the kernel's log"
        case EMFILE, ENFILE: "raise the limit of open files"
        case ENOENT, ENOTDIR: "check the path"
        case EROFS: "choose another folder or mount it for writing"
        default: "check the path and the disk"
        }
    }

    /// Whether only a change of permissions, paths or mounts helps.
    static func isPermanent(_ code: Int32) -> Bool {
        switch code {
        case EACCES, EPERM, EEXIST, EFBIG, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EROFS,
            EXDEV, EINVAL, EBADF, ENOTEMPTY:
            true
        default: false
        }
    }
}
