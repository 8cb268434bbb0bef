/// Where a value lies in a JSON text: `$.a.b[0]`, a part of SQL/JSON's paths.
///
/// `$` and then any number of `.name`, `."name"` and `[number]`; numbers count from 0. There are no
/// wildcards and no filters, so that a path names one value and is found in linear time.
struct JSONPath: Sendable {
    enum Step: Sendable, Equatable {
        case member([UInt8])
        case element(Int)
    }

    let steps: [Step]

    /// - Returns: nil when the text is no such path.
    init?(_ text: [UInt8]) {
        guard text.first == UInt8(ascii: "$") else { return nil }
        var steps: [Step] = []
        var index = 1
        while index < text.count {
            let sign = text[index]
            index += 1
            guard
                let step = sign == UInt8(ascii: ".")
                    ? JSONPath.member(text, &index)
                    : sign == UInt8(ascii: "[") ? JSONPath.element(text, &index) : nil
            else { return nil }
            steps.append(step)
        }
        guard steps.count <= JSONCursor.depthMax else { return nil }
        self.steps = steps
    }

    private static func member(_ text: [UInt8], _ index: inout Int) -> Step? {
        if index < text.count, text[index] == UInt8(ascii: "\"") {
            let found = text.withUnsafeBufferPointer { bytes -> ([UInt8], Int)? in
                var cursor = JSONCursor(bytes)
                cursor.offset = index
                guard let string = cursor.string() else { return nil }
                var name: [UInt8] = []
                string.decode(into: &name)
                return (name, cursor.offset)
            }
            guard let (name, end) = found else { return nil }
            index = end
            return .member(name)
        }
        let start = index
        while index < text.count, isNamePart(text[index]) { index += 1 }
        return index > start ? .member(Array(text[start..<index])) : nil
    }

    private static func isNamePart(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x5f || byte == 0x24
            || byte >= 0x80
    }

    private static func element(_ text: [UInt8], _ index: inout Int) -> Step? {
        let start = index
        var number = 0
        while index < text.count, text[index] &- 0x30 < 10, index - start < 9 {
            number = number * 10 + Int(text[index] - 0x30)
            index += 1
        }
        guard index > start, index < text.count, text[index] == UInt8(ascii: "]") else {
            return nil
        }
        index += 1
        return .element(number)
    }

    /// The bytes of the value in a checked text; nil when there is none.
    func find(in text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
        var found = text
        for step in steps {
            let next: UnsafeBufferPointer<UInt8>?
            switch step {
            case .member(let name): next = JSONPath.member(name, of: found)
            case .element(let index): next = JSONPath.element(Int64(index), of: found)
            }
            guard let next else { return nil }
            found = next
        }
        return found
    }

    /// The value of a key; of one that comes twice the last. nil when it is no object or has none
    /// such.
    static func member(
        _ name: some Sequence<UInt8>, of text: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        var cursor = JSONCursor(text)
        var found: Range<Int>?
        let isObject = cursor.members(depth: 0) { cursor, key in
            guard let range = cursor.value(depth: 1) else { return false }
            if key.equals(name) { found = range }
            return true
        }
        return isObject ? found.map { UnsafeBufferPointer(rebasing: text[$0]) } : nil
    }

    /// The element of that number from 0, or from the end where it is negative; nil when it is no
    /// array or has none such.
    static func element(
        _ index: Int64, of text: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        var index = index
        if index < 0 {
            guard let count = count(text), index >= -Int64(count) else { return nil }
            index += Int64(count)
        }
        var cursor = JSONCursor(text)
        var found: Range<Int>?
        var place: Int64 = 0
        let isArray = cursor.elements(depth: 0) { cursor in
            guard let range = cursor.value(depth: 1) else { return false }
            if place == index { found = range }
            place += 1
            return true
        }
        return isArray ? found.map { UnsafeBufferPointer(rebasing: text[$0]) } : nil
    }

    /// How many elements an array has; nil when it is none.
    static func count(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
        var cursor = JSONCursor(text)
        var count = 0
        let isArray = cursor.elements(depth: 0) { cursor in
            count += 1
            return cursor.skipValue(depth: 1)
        }
        return isArray ? count : nil
    }
}
