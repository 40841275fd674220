"""The small tools, each by itself: no database."""
