extension StoreError {
    static func cannotHold(micros: Int64) -> StoreError {
        StoreError(
            kind: .inUse, path: "",
            message: "cannot hold commits for a backup: a write has not ended within "
                + "\(micros / 1000) ms, or another backup holds them; try again")
    }

    static func heldTooLong(_ path: String, micros: Int64) -> StoreError {
        StoreError(
            kind: .inUse, path: path,
            message: "cannot take a backup of '\(path)': naming its files takes more than the "
                + "\(micros / 1000) ms that commits may be held; allow more with --hold, or stop "
                + "the daemon and name the directory with --state")
    }

    static func noLinks(_ path: String) -> StoreError {
        StoreError(
            kind: .io(95), path: path,
            message: "cannot take a backup of '\(path)' while it is in use: its file system has no "
                + "hard links; stop the daemon and name the directory with --state")
    }

    static func backupExists(_ path: String) -> StoreError {
        StoreError(
            kind: .inUse, path: path,
            message: "cannot write a backup to '\(path)': something is there; name a folder that "
                + "is not there yet")
    }

    static func backupInside(_ path: String, state: String) -> StoreError {
        StoreError(
            kind: .invalidName, path: path,
            message: "cannot write a backup to '\(path)': it lies in the state directory "
                + "'\(state)'; name a folder outside of it")
    }

    static func backupUnderWay(_ path: String) -> StoreError {
        StoreError(
            kind: .inUse, path: path,
            message: "cannot write a backup to '\(path)': another one is being written there; wait "
                + "for it to end")
    }

    package static func backupGivenUp(_ path: String) -> StoreError {
        StoreError(
            kind: .fenced, path: path,
            message: "cannot finish the backup '\(path)': whoever asked for it has gone, or the "
                + "daemon stops; nothing is left of it, take it again")
    }

    static func noBackup(_ path: String) -> StoreError {
        StoreError(
            kind: .notFound, path: path,
            message: "cannot find a backup in '\(path)': there is no \(BackupManifest.fileName); "
                + "name the folder that 'pipelined backup' wrote")
    }

    static func manifestDamaged(_ path: String, line: Int, _ cause: String) -> StoreError {
        StoreError(
            kind: .damaged, path: path,
            message: "cannot read '\(path)' in line \(line): \(cause); use another backup")
    }

    static func manifestNewer(_ path: String) -> StoreError {
        StoreError(
            kind: .newerVersion, path: path,
            message: "cannot read '\(path)': it is not of version \(BackupManifest.version), which "
                + "this program reads; use the version that wrote it or a newer one")
    }

    static func backupDiffers(_ path: String, _ cause: String) -> StoreError {
        StoreError(
            kind: .damaged, path: path,
            message: "cannot rely on '\(path)': \(cause); use another backup")
    }

    static func stateNotEmpty(_ path: String, _ name: String) -> StoreError {
        StoreError(
            kind: .inUse, path: path,
            message: "cannot restore to '\(path)': it is not empty ('\(name)'); name a state "
                + "directory that is empty or not there, or move this one away")
    }

    static func restoreInterrupted(_ path: String) -> StoreError {
        StoreError(
            kind: .damaged, path: path,
            message: "cannot open '\(path)': a restore into it was interrupted; run 'pipelined "
                + "restore' again, which begins anew")
    }
}
