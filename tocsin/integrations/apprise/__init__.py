"""Services that apprise knows, as one-way contact methods."""
