"""The documents that `Holdfast.reading` gives, by name: what a surface may say in its types."""

from holdfast.journal.documents import Asked, Inbox, RunLine, Runs, Shown, ShownBreaker, ShownStep, Span, Timeline

__all__ = ["Asked", "Inbox", "RunLine", "Runs", "Shown", "ShownBreaker", "ShownStep", "Span", "Timeline"]
