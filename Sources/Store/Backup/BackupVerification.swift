/// Reads a backup and holds it against its manifest.
package struct BackupVerification {
    package struct Report: Sendable {
        package let manifest: BackupManifest
        /// What is missing, changed or too much, each with its file.
        package var damage: [StoreError] = []
    }

    /// - Parameter onProgress: Returns false to give up.
    /// - Throws: As reading the manifest does; `.fenced` when it was given up.
    /// - Complexity: Reads every byte.
    package static func run(
        _ backup: String, fileSystem: any FileSystem = SystemFileSystem(),
        onProgress: @escaping (Backup.Progress) -> Bool = { _ in true }
    ) throws(StoreError) -> Report {
        let manifest = try BackupManifest.read(backup, fileSystem: fileSystem)
        var report = Report(manifest: manifest)
        var progress = Backup.Progress(bytes: 0, totalBytes: manifest.byteCount)
        let copy = FileCopy(fileSystem, givenUp: .backupGivenUp(backup)) { count in
            progress.bytes += count
            return onProgress(progress)
        }
        let state = "\(backup)/\(BackupManifest.stateName)"
        for file in manifest.files {
            let path = "\(state)/\(file.path)"
            if let cause = try fault(of: file, path, fileSystem, copy) {
                report.damage.append(.backupDiffers(path, cause))
            }
        }
        let known = Set(manifest.files.map { Array($0.path.utf8) })
        let folders = Set(manifest.folders.map { Array($0.utf8) })
        let survey = try StateSurvey.run(state, fileSystem)
        for file in survey.files where !known.contains(Array(file.path.utf8)) {
            report.damage.append(
                .backupDiffers("\(state)/\(file.path)", "the manifest does not have it"))
        }
        for folder in survey.folders where !folders.contains(Array(folder.utf8)) {
            report.damage.append(
                .backupDiffers("\(state)/\(folder)", "the manifest does not have it"))
        }
        return report
    }

    /// What is wrong with a file; nil for nothing. That it cannot be read is one fault of several.
    private static func fault(
        of file: BackupManifest.File, _ path: String, _ fileSystem: any FileSystem,
        _ copy: FileCopy
    ) throws(StoreError) -> String? {
        guard let status = try fileSystem.status(path: path) else { return "it is missing" }
        guard status.kind == .regular else { return "it is not a regular file" }
        guard status.length == file.length else {
            return "it has \(status.length) bytes and the manifest \(file.length)"
        }
        do throws(StoreError) {
            let checksum = try copy.checksum(path, length: file.length)
            return checksum == file.checksum ? nil : "its bytes are not those of the manifest"
        } catch {
            if error.kind == .fenced { throw error }
            return "it cannot be read (\(error.message))"
        }
    }
}
