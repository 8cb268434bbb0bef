/// Which files hold the tests of others: `NAME.test.yaml` those of `NAME.yaml` beside it.
package enum TestFiles {
    private static let endings = [".test.yaml", ".test.yml"]

    /// Whether a path, or a name, is that of a file of tests.
    package static func isTestFile(_ path: String) -> Bool {
        endings.contains { path.hasSuffix($0) }
    }

    /// Where the specs of a file of tests may be.
    package static func specPaths(of path: String) -> [String] {
        guard let ending = endings.first(where: { path.hasSuffix($0) }) else { return [] }
        let stem = path.dropLast(ending.utf8.count)
        return [".yaml", ".yml"].map { stem + $0 }
    }

    /// Where the tests of a spec may be.
    package static func testPaths(of path: String) -> [String] {
        guard !isTestFile(path),
            let ending = [".yaml", ".yml"].first(where: { path.hasSuffix($0) })
        else { return [] }
        return endings.map { path.dropLast(ending.utf8.count) + $0 }
    }

    /// A pipeline of the file beside.
    struct Tested {
        let name: String?
        /// nil where it is wrong.
        let pipeline: PipelineSpec?
        let source: SourceText
    }
}

extension LoadContext {
    /// Reads a document of a file of tests.
    ///
    /// - Parameter beside: The pipelines of the file that it belongs to.
    func readTestFile(_ document: LocatedValue, beside: [TestFiles.Tested]) -> [TestSpec] {
        guard let reader = FieldReader(document, SpecFields.testFile, owner: "a test file", self)
        else { return [] }
        guard let tested = tested(reader, beside), let pipeline = tested.pipeline else { return [] }
        return TestReader(self, pipeline: pipeline, source: tested.source).read(reader)
    }

    /// The pipeline that the document is about; nil when reported, here or where it is wrong.
    private func tested(
        _ reader: FieldReader, _ beside: [TestFiles.Tested]
    ) -> TestFiles.Tested? {
        let names = beside.compactMap(\.name)
        let place = location(reader.has("pipeline") ? reader.keyRange("pipeline") : reader.start)
        guard !beside.isEmpty else {
            let path = TestFiles.specPaths(of: source.path).first ?? source.path
            report(.noTestedFile(path, at: place))
            return nil
        }
        guard reader.has("pipeline") else {
            if beside.count == 1 { return beside[0] }
            report(.severalTested(names, at: place))
            return nil
        }
        guard let name = reader.text("pipeline") else { return nil }
        if let tested = beside.first(where: { $0.name == name.value }) { return tested }
        report(.unknownTested(name.written, known: names, at: location(name.scalar)))
        return nil
    }
}
