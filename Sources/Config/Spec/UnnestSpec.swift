import Operators

/// `unnest:`. `verbSchema` is the step's `inputSchema` with the element in the array's place or
/// behind it, and then the position where it is asked for.
package struct UnnestSpec: Hashable, Sendable {
    /// The array, a column of `inputSchema`.
    package var column: Int
    /// Whether the element takes the array's place.
    package var replaces: Bool
    package var hasPosition: Bool
    package var keepsEmpty: Bool

    package init(column: Int, replaces: Bool, hasPosition: Bool, keepsEmpty: Bool) {
        self.column = column
        self.replaces = replaces
        self.hasPosition = hasPosition
        self.keepsEmpty = keepsEmpty
    }
}
