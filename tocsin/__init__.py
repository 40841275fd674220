"""Tocsin runs an organisation's incident procedure and proves that it ran."""

__version__ = "0.1.0"
