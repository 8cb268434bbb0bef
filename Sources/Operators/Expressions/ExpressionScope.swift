/// What the names in an expression may stand for.
package struct ExpressionScope: Sendable {
    /// One visible column. `qualifier` is the node it may be written with (`orders.amount`).
    package struct Entry: Sendable {
        package let qualifier: String?
        package let field: Field
        /// Position in the batch.
        package let index: Int

        package init(qualifier: String?, field: Field, index: Int) {
            self.qualifier = qualifier
            self.field = field
            self.index = index
        }
    }

    /// Who the columns belong to, for messages: `'enriched' has ad_id, campaign_id`.
    package var owner: String
    package var entries: [Entry]
    /// `$name`: the spec's parameters.
    package var parameters: [String: Literal]

    package init(owner: String, entries: [Entry], parameters: [String: Literal] = [:]) {
        self.owner = owner
        self.entries = entries
        self.parameters = parameters
    }

    package init(owner: String, schema: Schema, parameters: [String: Literal] = [:]) {
        self.init(
            owner: owner,
            entries: schema.fields.enumerated().map {
                Entry(qualifier: nil, field: $0.element, index: $0.offset)
            },
            parameters: parameters)
    }
}

/// What is wrong with an expression, where in its text.
package struct ExpressionDiagnostic: Error, Hashable, Sendable {
    /// One line, lower case, no full stop: `unknown column 'campain_id'`.
    package let message: String
    /// What stands beside the caret: `'enriched' has ad_id, campaign_id`.
    package let label: String?
    /// `did you mean 'campaign_id'?`
    package let help: String?
    /// UTF-8 byte offsets into the expression's text.
    package let range: Range<Int>

    package init(message: String, label: String? = nil, help: String? = nil, range: Range<Int>) {
        self.message = message
        self.label = label
        self.help = help
        self.range = range
    }
}
