"""A web address of one's own as a way to reach a person."""
