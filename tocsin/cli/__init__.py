"""What can be done from the shell? Each group of commands is a file; Django is imported only by the commands that need it."""

from __future__ import annotations

import sys


def main() -> None:
    """The `tocsin` command: exits 0 on success, 2 on wrong usage, 1 on anything else with one line on standard error."""
    from tocsin.cli.commands import app
    from tocsin.cli.session import Failed
    from tocsin.lib.refusal import Refused

    try:
        app(prog_name="tocsin")
    except (Failed, Refused) as error:
        _end(str(error))
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        _end(_explained(error))


def _end(line: str) -> None:
    print("tocsin: " + " ".join(line.split()), file=sys.stderr)
    sys.exit(1)


def _explained(error: Exception) -> str:
    """One line for an error that no command foresaw; TOCSIN_DEBUG=1 shows where it happened."""
    import os

    if os.environ.get("TOCSIN_DEBUG"):
        raise error
    from tocsin.lib.logs import hide

    text = hide(str(error).strip().splitlines()[0] if str(error).strip() else "no reason was given")
    if type(error).__name__ == "OperationalError":
        return f"the database does not answer ({text}): is it running? `tocsin doctor` says more"
    if type(error).__name__ == "ProgrammingError" and "does not exist" in text:
        return f"the database lacks a table or column ({text}): run `tocsin migrate`"
    return f"{type(error).__name__}: {text} (TOCSIN_DEBUG=1 shows where)"
