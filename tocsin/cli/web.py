"""What does a web process do? granian serves `tocsin.asgi:app`; its worker is started again when it dies (D8)."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

REFUSED = 78  # the exit status of a program that must not be started as it is: starting it again would change nothing
_PARENT = "TOCSIN_WEB_PARENT"


def main(host: str, port: int, processes: int = 1) -> None:
    """Serve pages, API, intake and live streams until told to stop."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.log import LogLevels

    os.environ |= {"TOCSIN_PROCESS": "web", _PARENT: str(os.getpid())}
    signal.signal(signal.SIGUSR1, lambda *_: os._exit(REFUSED))
    Granian(
        "tocsin.asgi:app",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=processes,
        http=HTTPModes.http1,
        loop=Loops.uvloop,
        websockets=False,
        backlog=2048,
        respawn_failed_workers=True,
        workers_kill_timeout=8,
        log_level=LogLevels.warning,
        log_access=False,
        process_name="tocsin-web",
    ).serve()


def refuse_to_start(why: str) -> NoReturn:
    """End this process and the one that would start it again for ever, with one line."""
    print(f"tocsin: this program does not start: {' '.join(why.split())}", file=sys.stderr, flush=True)
    if os.environ.get(_PARENT) == str(os.getppid()):
        os.kill(os.getppid(), signal.SIGUSR1)
    os._exit(REFUSED)
