"""The open page of Tocsin as a way to reach a person."""
