"""Pages by Pushover, at emergency priority."""
