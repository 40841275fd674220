"""What can be done from the shell?"""


def main() -> None:
    """The `tocsin` command."""
