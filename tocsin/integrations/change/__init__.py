"""A change, told by one line of a script."""
