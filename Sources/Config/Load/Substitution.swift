extension LoadContext {
    /// Puts the values of `${NAME}`, `${NAME:-default}` and `${file:PATH}` into a text.
    ///
    /// `$${` stands for `${` itself. Values are not looked at again, so they cannot hold further
    /// `${…}`.
    /// - Returns: nil when something is not set; that has been reported.
    func substitute(_ scalar: LocatedScalar) -> SpecText? {
        guard scalar.text.contains("${") else {
            return SpecText(value: scalar.text, written: scalar.text, scalar: scalar)
        }
        var result = ""
        var rest = Substring(scalar.text)
        var isWhole = true
        while let opening = rest.firstRange(of: "${") {
            let before = rest[..<opening.lowerBound]
            if before.hasSuffix("$") {
                result += before.dropLast() + "${"
                rest = rest[opening.upperBound...]
                continue
            }
            result += before
            let start = scalar.text.utf8.distance(
                from: scalar.text.startIndex, to: opening.lowerBound)
            guard let closing = rest[opening.upperBound...].firstIndex(of: "}") else {
                report(.unclosedSubstitution(at: place(start..<start + 2, in: scalar)))
                return nil
            }
            let content = rest[opening.upperBound..<closing]
            let length = content.utf8.count + 3
            let place = place(start..<start + length, in: scalar)
            if let value = value(of: String(content), at: place) {
                result += value
            } else {
                isWhole = false
            }
            rest = rest[rest.index(after: closing)...]
        }
        guard isWhole else { return nil }
        return SpecText(value: result + rest, written: scalar.text, scalar: scalar)
    }

    private func place(_ range: Range<Int>, in scalar: LocatedScalar) -> FileLocation {
        location(filePositions(of: range, in: scalar, source))
    }

    private func value(of content: String, at place: FileLocation) -> String? {
        if content.hasPrefix("file:") {
            let path = String(content.dropFirst(5))
            switch allowedPaths.readSecret(path) {
            case .success(let text): return text
            case .failure(.notAllowed):
                report(
                    .pathNotAllowed(path, folder: allowedPaths.folder(of: path), at: place))
            case .failure(.unreadable(let cause)):
                reportUnset(.unreadableSecret(path, cause: cause, at: place))
            }
            return nil
        }
        let name: Substring
        let fallback: Substring?
        if let separator = content.firstRange(of: ":-") {
            name = content[..<separator.lowerBound]
            fallback = content[separator.upperBound...]
        } else {
            name = content[...]
            fallback = nil
        }
        guard isVariableName(name) else {
            report(.badSubstitution(at: place))
            return nil
        }
        if let value = environment.variables[String(name)], !(value.isEmpty && fallback != nil) {
            return value
        }
        if let fallback { return String(fallback) }
        reportUnset(.unsetVariable(String(name), at: place))
        return nil
    }

    /// An error where the spec is to run, a note where it is only looked at.
    private func reportUnset(_ diagnostic: Diagnostic) {
        var diagnostic = diagnostic
        if !options.isEnvironmentStrict { diagnostic.severity = .note }
        report(diagnostic)
    }
}

private func isVariableName(_ name: Substring) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
            || $0 == UInt8(ascii: "_")
    }
}
