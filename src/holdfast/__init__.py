"""Holdfast: a durable plan engine."""

__version__ = "0.1.0"
