/// `count(*)` and `count(x)` of frames.
struct CountFrames: FrameValues {
    var identity: Int64 { 0 }

    mutating func take(_ argument: Column?, order: Column?, count: Int) {}
    @inline(__always)
    mutating func value(_ row: Int, slot: Int32) -> Int64 { 1 }
    @inline(__always)
    func combine(_ first: Int64, _ second: Int64) -> Int64 { first &+ second }

    mutating func append(_ value: Int64, to builder: inout ColumnBuilder) -> String? {
        builder.append(integer: value)
        return nil
    }
}

/// `bool_and` and `bool_or` of frames: how many values are true and how many are false.
struct BooleanFrames: FrameValues {
    struct Value: BitwiseCopyable {
        var trues: Int64 = 0
        var falses: Int64 = 0
    }
    let isAnd: Bool
    private var values: Column?

    init(isAnd: Bool) { self.isAnd = isAnd }

    var identity: Value { Value() }

    mutating func take(_ argument: Column?, order: Column?, count: Int) { values = argument }

    @inline(__always)
    mutating func value(_ row: Int, slot: Int32) -> Value {
        let isTrue = values?.booleans[row] != 0
        return Value(trues: isTrue ? 1 : 0, falses: isTrue ? 0 : 1)
    }

    @inline(__always)
    func combine(_ first: Value, _ second: Value) -> Value {
        Value(trues: first.trues &+ second.trues, falses: first.falses &+ second.falses)
    }

    mutating func append(_ value: Value, to builder: inout ColumnBuilder) -> String? {
        if value.trues == 0 && value.falses == 0 {
            builder.appendNull()
        } else {
            builder.append(boolean: isAnd ? value.falses == 0 : value.trues > 0)
        }
        return nil
    }
}
