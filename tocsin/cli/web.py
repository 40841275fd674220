"""What does a web process do? It serves `tocsin.asgi:app`; where there are several, one that dies is started again (D8)."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

REFUSED = 78  # the exit status of a program that must not be started as it is: starting it again would change nothing
_PARENT = "TOCSIN_WEB_PARENT"


def main(host: str, port: int, processes: int = 1) -> None:
    """Serve pages, API, intake and live streams until told to stop."""
    from tocsin.lib.serve import serve

    os.environ["TOCSIN_PROCESS"] = "web"
    if processes > 1:
        os.environ[_PARENT] = str(os.getpid())
    if not serve("tocsin.asgi:app", host, port, processes):
        sys.exit(REFUSED)


def die_with_parent() -> None:
    """One of several processes that serve ends with the one that started it."""
    from tocsin.lib import processes

    if os.environ.get(_PARENT) == str(os.getppid()):
        processes.die_with_parent(signal.SIGKILL)


def refuse_to_start(why: str) -> NoReturn:
    """End this process and the one that would start it again for ever, with one line."""
    print(f"tocsin: this program does not start: {' '.join(why.split())}", file=sys.stderr, flush=True)
    if os.environ.get(_PARENT) == str(os.getppid()):
        os.kill(os.getppid(), signal.SIGUSR1)
    os._exit(REFUSED)
