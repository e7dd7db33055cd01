"""What is said of a rule that does not hold."""


class BrokenRuleError(AssertionError):
    """A rule of the semantics does not hold."""
