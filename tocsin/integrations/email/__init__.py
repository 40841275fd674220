"""Mail as a way to reach a person."""
