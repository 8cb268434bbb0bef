/// The scalar functions and operators that an expression may call.
package enum ScalarFunction: String, Hashable, Sendable, CaseIterable {
    case and, or, not, equal
}
