import Operators

/// The name that a misspelt one probably stands for; nil when none is near, or when there are too
/// many to compare.
func suggestion(for name: String, among names: [String]) -> String? {
    names.count > SpecLimits.candidatesMax
        ? nil : NameSuggestion.nearest(to: name, among: names)
}
