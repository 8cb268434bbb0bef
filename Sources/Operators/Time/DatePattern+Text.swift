/// Writing and reading with a compiled pattern.
extension DatePattern {
    // MARK: Writing

    /// Writes a moment by the clocks of a zone.
    ///
    /// - Parameters:
    ///   - micros: In the years 0001 to 9999.
    ///   - target: Room for ``formattedBytesMax`` bytes.
    /// - Returns: How many bytes were written.
    /// - Complexity: O(elements); does not allocate.
    package func format(
        _ micros: Int64, zone: TimeZoneRules, into target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        let local = zone.microsecondsLocal(utc: micros)
        let (day, time) = Timestamp.floorDivide(local, Timestamp.microsPerDay)
        let moment = Moment(
            date: CivilDate(daysSinceEpoch: Int(day)),
            second: Int(time / Timestamp.microsPerSecond),
            fraction: Int(time % Timestamp.microsPerSecond),
            offset: Int((local - micros) / Timestamp.microsPerSecond),
            epochSecond: Timestamp.floorDivide(micros, Timestamp.microsPerSecond).0)
        var writer = Writer(target: target)
        elements.withUnsafeBufferPointer { elements in
            for element in elements { writer.write(element, moment, zone) }
        }
        return writer.count
    }

    /// The text of ``format(_:zone:into:)``, for people and file names.
    package func text(_ micros: Int64, zone: TimeZoneRules = .utc) -> String {
        String(unsafeUninitializedCapacity: formattedBytesMax) { buffer in
            buffer.baseAddress.map { format(micros, zone: zone, into: $0) } ?? 0
        }
    }

    private struct Moment {
        let date: CivilDate
        let second: Int
        let fraction: Int
        let offset: Int
        let epochSecond: Int64

        var hour: Int { second / 3600 }
        var halfDayHour: Int { (hour + 11) % 12 + 1 }
    }

    private struct Writer {
        let target: UnsafeMutablePointer<UInt8>
        var count = 0

        mutating func write(_ element: Element, _ moment: Moment, _ zone: TimeZoneRules) {
            switch element {
            case .literal(let byte): put(byte)
            case .year(let digits): number(moment.date.year, digits)
            case .shortYear: number(moment.date.year % 100, 2)
            case .month(let width): number(moment.date.month, width)
            case .monthName(let isShort): name(DateNames.months[moment.date.month - 1], isShort)
            case .day(let width): number(moment.date.day, width)
            case .blankPaddedDay:
                if moment.date.day < 10 { put(0x20) }
                number(moment.date.day, 1)
            case .dayOfYear(let width): number(moment.date.dayOfYear, width)
            case .hour(let width): number(moment.hour, width)
            case .halfDayHour(let width): number(moment.halfDayHour, width)
            case .minute(let width): number(moment.second / 60 % 60, width)
            case .second(let width): number(moment.second % 60, width)
            case .fraction(let digits): fraction(moment.fraction, digits)
            case .anyFraction: number(moment.fraction, 6)
            case .halfDay:
                put(moment.hour < 12 ? UInt8(ascii: "A") : UInt8(ascii: "P"))
                put(UInt8(ascii: "M"))
            case .weekday(let isShort): name(DateNames.weekdays[moment.date.dayOfWeek], isShort)
            case .isoWeekday: number((moment.date.dayOfWeek + 6) % 7 + 1, 1)
            case .offset(let hasColon, let writesZ, let hoursOnly):
                offset(moment.offset, hasColon, writesZ, hoursOnly)
            case .zoneName: for byte in zone.abbreviation(at: moment.epochSecond) { put(byte) }
            case .epochSeconds:
                count += NumberText.writeInteger(moment.epochSecond, into: target + count)
            }
        }

        private mutating func put(_ byte: UInt8) {
            target[count] = byte
            count += 1
        }

        private mutating func number(_ value: Int, _ width: Int) {
            var digits = 1
            var probe = value
            while probe >= 10 {
                probe /= 10
                digits += 1
            }
            digits = max(digits, width)
            Timestamp.writeDigits(value, digits, target + count)
            count += digits
        }

        private mutating func fraction(_ micros: Int, _ digits: Int) {
            var kept = micros
            for _ in digits..<max(digits, 6) { kept /= 10 }
            Timestamp.writeDigits(kept, min(digits, 6), target + count)
            count += min(digits, 6)
            for _ in 6..<max(digits, 6) { put(0x30) }
        }

        private mutating func name(_ name: StaticString, _ isShort: Bool) {
            let length = isShort ? 3 : name.utf8CodeUnitCount
            (target + count).update(from: name.utf8Start, count: length)
            count += length
        }

        private mutating func offset(
            _ seconds: Int, _ hasColon: Bool, _ writesZ: Bool, _ hoursOnly: Bool
        ) {
            if writesZ, seconds == 0 { return put(UInt8(ascii: "Z")) }
            put(seconds < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
            let minutes = Int(seconds.magnitude) / 60
            number(minutes / 60, 2)
            if hoursOnly, minutes % 60 == 0 { return }
            if hasColon { put(UInt8(ascii: ":")) }
            number(minutes % 60, 2)
        }
    }

    // MARK: Reading

    /// Reads a text that fits the pattern to its last byte.
    ///
    /// Numbers have exactly as many digits as the pattern has letters, one letter stands for one
    /// or two; names of months and days are English, in any case. What the pattern does not name
    /// is that of 1970-01-01T00:00:00. Decimals behind the microseconds are dropped.
    ///
    /// - Parameter zone: Where the time is, if the pattern has no offset.
    /// - Returns: nil when the text does not fit or there is no such moment.
    /// - Complexity: O(count); does not allocate.
    package func parse(_ text: UnsafeBufferPointer<UInt8>, zone: TimeZoneRules) -> Int64? {
        var reader = Reader(text: text)
        let fits = elements.withUnsafeBufferPointer { elements in
            for element in elements where !reader.read(element, zone) { return false }
            return true
        }
        guard fits, reader.position == text.count else { return nil }
        return reader.micros(zone)
    }

    private struct Reader {
        let text: UnsafeBufferPointer<UInt8>
        var position = 0
        var year = 1970
        var month = 1
        var day = 1
        var dayOfYear: Int?
        var hour = 0
        var halfDayHour: Int?
        var isAfternoon = false
        var minute = 0
        var second = 0
        var fraction = 0
        var weekday: Int?
        var offset: Int?
        var epochSeconds: Int64?

        init(text: UnsafeBufferPointer<UInt8>) { self.text = text }

        mutating func read(_ element: Element, _ zone: TimeZoneRules) -> Bool {
            switch element {
            case .literal(let byte):
                guard position < text.count, text[position] == byte else { return false }
                position += 1
                return true
            case .year(let digits): return number(digits, digits).map { year = $0 } != nil
            case .shortYear:
                guard let short = number(2, 2) else { return false }
                year = short + (short < 70 ? 2000 : 1900)
                return true
            case .month(let width): return number(width, 2).map { month = $0 } != nil
            case .monthName(let isShort):
                guard let found = name(DateNames.months, isShort) else { return false }
                month = found + 1
                return true
            case .day(let width): return number(width, 2).map { day = $0 } != nil
            case .blankPaddedDay:
                if position < text.count, text[position] == 0x20 {
                    position += 1
                    return number(1, 1).map { day = $0 } != nil
                }
                return number(1, 2).map { day = $0 } != nil
            case .dayOfYear(let width):
                dayOfYear = number(width, 3)
                return dayOfYear != nil
            case .hour(let width): return number(width, 2).map { hour = $0 } != nil
            case .halfDayHour(let width):
                halfDayHour = number(width, 2)
                return halfDayHour != nil
            case .minute(let width): return number(width, 2).map { minute = $0 } != nil
            case .second(let width): return number(width, 2).map { second = $0 } != nil
            case .fraction(let digits): return fraction(digits, digits)
            case .anyFraction: return fraction(1, 9)
            case .halfDay: return halfDay()
            case .weekday(let isShort):
                weekday = name(DateNames.weekdays, isShort)
                return weekday != nil
            case .isoWeekday:
                guard let value = number(1, 1), (1...7).contains(value) else { return false }
                weekday = value % 7
                return true
            case .offset:
                offset = Timestamp.offset(text, &position)
                return offset != nil
            case .zoneName: return zoneName(zone)
            case .epochSeconds: return epoch()
            }
        }

        private mutating func number(_ least: Int, _ most: Int) -> Int? {
            // Two letters or more are exact, so that digits may follow each other.
            let most = least > 1 ? least : most
            var count = 0
            var result = 0
            while count < most, position < text.count {
                let digit = text[position] &- 0x30
                guard digit <= 9 else { break }
                result = result * 10 + Int(digit)
                position += 1
                count += 1
            }
            return count >= least ? result : nil
        }

        private mutating func fraction(_ least: Int, _ most: Int) -> Bool {
            var scale = 100_000
            var count = 0
            fraction = 0
            while count < most, position < text.count {
                let digit = text[position] &- 0x30
                guard digit <= 9 else { break }
                fraction += Int(digit) * scale
                scale /= 10
                position += 1
                count += 1
            }
            return count >= least
        }

        private mutating func name(_ names: [StaticString], _ isShort: Bool) -> Int? {
            for index in names.indices {
                let length = isShort ? 3 : names[index].utf8CodeUnitCount
                guard position + length <= text.count else { continue }
                var isEqual = true
                for byte in 0..<length
                where text[position + byte] | 0x20 != names[index].utf8Start[byte] | 0x20 {
                    isEqual = false
                    break
                }
                if isEqual {
                    position += length
                    return index
                }
            }
            return nil
        }

        private mutating func halfDay() -> Bool {
            guard position + 2 <= text.count, text[position + 1] | 0x20 == UInt8(ascii: "m")
            else { return false }
            let first = text[position] | 0x20
            guard first == UInt8(ascii: "a") || first == UInt8(ascii: "p") else { return false }
            isAfternoon = first == UInt8(ascii: "p")
            position += 2
            return true
        }

        /// `UTC`, `GMT`, `Z`, or what the zone itself is called.
        private mutating func zoneName(_ zone: TimeZoneRules) -> Bool {
            let start = position
            while position < text.count,
                text[position] | 0x20 >= UInt8(ascii: "a"),
                text[position] | 0x20 <= UInt8(ascii: "z")
            { position += 1 }
            let found = UnsafeBufferPointer(rebasing: text[start..<position])
            if NumberText.equals(found, "utc") || NumberText.equals(found, "gmt")
                || NumberText.equals(found, "z")
            {
                offset = 0
                return true
            }
            for span in zone.spans.reversed() where span.abbreviation.elementsEqual(found) {
                offset = Int(span.offset)
                return true
            }
            return false
        }

        private mutating func epoch() -> Bool {
            let start = position
            if position < text.count, text[position] == UInt8(ascii: "-") { position += 1 }
            while position < text.count, text[position] >= 0x30, text[position] <= 0x39 {
                position += 1
            }
            epochSeconds = NumberText.integer(UnsafeBufferPointer(rebasing: text[start..<position]))
            return epochSeconds != nil
        }

        func micros(_ zone: TimeZoneRules) -> Int64? {
            if let epochSeconds {
                let (micros, overflows) = epochSeconds.multipliedReportingOverflow(
                    by: Timestamp.microsPerSecond)
                guard !overflows, Timestamp.isInRange(micros) else { return nil }
                return micros + Int64(fraction)
            }
            var hour = hour
            if let halfDayHour {
                guard (1...12).contains(halfDayHour) else { return nil }
                hour = halfDayHour % 12 + (isAfternoon ? 12 : 0)
            }
            let date = CivilDate(year: year, month: month, day: day)
            guard date.isValid, hour <= 23, minute <= 59, second <= 60 else { return nil }
            var days = date.daysSinceEpoch
            if let dayOfYear {
                guard dayOfYear >= 1, dayOfYear <= (CivilDate.isLeap(year) ? 366 : 365) else {
                    return nil
                }
                days = CivilDate(year: year, month: 1, day: 1).daysSinceEpoch + dayOfYear - 1
            }
            if let weekday, ((days + 4) % 7 + 7) % 7 != weekday { return nil }
            let seconds = days * 86_400 + hour * 3600 + minute * 60 + second
            let local = Int64(seconds) * Timestamp.microsPerSecond + Int64(fraction)
            let result =
                offset.map { local - Int64($0) * Timestamp.microsPerSecond }
                ?? zone.microsecondsUTC(local: local)
            return Timestamp.isInRange(result) ? result : nil
        }
    }
}

/// English names, whatever the machine's language.
enum DateNames {
    static let months: [StaticString] = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    static let weekdays: [StaticString] = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]
}
