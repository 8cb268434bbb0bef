/// What a journal says a pipeline's state is: the entries that its records left, and the last
/// record's meta.
package struct RecoveredState: Sendable {
    /// The last meta that a record has set; empty where none has.
    package private(set) var meta: [UInt8] = []
    private var numbers: [[UInt8]: Int] = [:]
    private var tables: [EntryTable] = []

    /// Nothing.
    package init() {}

    /// The nodes that have entries, in the order of their bytes.
    package var nodes: [[UInt8]] {
        numbers.filter { tables[$0.value].count > 0 }.keys
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// How many entries the node has.
    package func entryCount(node: [UInt8]) -> Int { numbers[node].map { tables[$0].count } ?? 0 }

    /// Calls `body` with time, key and value of each entry of the node, in the order of time, then
    /// of key bytes. The buffers are valid during the call.
    package func forEachEntry<E: Error>(
        node: [UInt8],
        _ body: (Int64, UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        guard let number = numbers[node] else { return }
        try tables[number].forEach(body)
    }

    /// Makes the changes of one block of a whole record.
    ///
    /// - Parameters:
    ///   - rowCount: What the block's header says; `nil` for blocks that were just built.
    /// - Returns: What is wrong with the payload, which passed its checksum; `nil` if nothing is.
    mutating func apply(_ payload: UnsafeRawBufferPointer, rowCount: UInt32?) -> String? {
        var changes = JournalChanges(payload)
        var table: Int?
        while !changes.isAtEnd {
            let position = changes.position
            guard let change = changes.next() else {
                return "the block's payload cannot be read from its byte \(position) on"
            }
            switch change {
            case .node(let name):
                table = number(of: name)
            case .meta(let meta):
                self.meta = [UInt8](meta)
            case .put, .delete, .deleteBelow, .dropNode:
                guard let table else { return "the block has a change that is of no node" }
                apply(change, to: table)
            }
        }
        if let rowCount, rowCount != changes.rowCount {
            return "the block has \(changes.rowCount) rows and its header says \(rowCount)"
        }
        return nil
    }

    private mutating func apply(_ change: JournalChange, to table: Int) {
        switch change {
        case .put(let time, let key, let value):
            tables[table].put(time: time, key: key, value: value)
        case .delete(let time, let key): tables[table].delete(time: time, key: key)
        case .deleteBelow(let time): tables[table].deleteBelow(time)
        case .dropNode: tables[table].removeAll()
        case .node, .meta: break
        }
    }

    private mutating func number(of name: UnsafeRawBufferPointer) -> Int {
        let name = [UInt8](name)
        if let number = numbers[name] { return number }
        numbers[name] = tables.count
        tables.append(EntryTable())
        return tables.count - 1
    }
}
