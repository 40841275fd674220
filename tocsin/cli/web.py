"""What does a web process do? granian serves `tocsin.asgi:app`; its worker is started again when it dies (D8)."""

from __future__ import annotations

import os


def main(host: str, port: int, processes: int = 1) -> None:
    """Serve pages, API, intake and live streams until told to stop."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.log import LogLevels

    os.environ["TOCSIN_PROCESS"] = "web"
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
