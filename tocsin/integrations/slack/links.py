"""How is a connection held that Slack replaces every hour or so, without a press falling between the old one and the new one?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from tocsin.lib import websocket

WAIT = 1.0  # seconds between two looks whether the connection is still wanted


class Links:
    """The connection that is heard, and beside it, for as long as Slack lets it, the one that it replaces.

    `connected` makes one; `take` carries out what one brings, and says whether Slack wants another in its place.
    """

    def __init__(
        self, connected: Callable[[], AbstractContextManager[websocket.Socket]], take: Callable[[websocket.Socket, str], bool]
    ) -> None:
        self.connected, self.take = connected, take
        self.open: list[tuple[websocket.Socket, ExitStack]] = []  # the newest is the last

    def hear(self, until: Callable[[], bool]) -> None:
        """Until `until` says so. Raises ClosedError where the newest connection ends, and whatever `connected` and `take` raise."""
        try:
            self._begin()
            while not until():
                for socket, _ in list(self.open):
                    self._listen(socket)
        finally:
            self._end(0)

    def _listen(self, socket: websocket.Socket) -> None:
        newest = socket is self.open[-1][0]
        try:
            text = socket.receive(WAIT / len(self.open))
            replaced = text is not None and self.take(socket, text)
        except websocket.ClosedError:
            if newest:
                raise
            self._end(1)
            return
        if replaced and newest:
            self._end(1)  # one before it, that Slack should have ended by now
            self._begin()

    def _begin(self) -> None:
        held = ExitStack()
        self.open.append((held.enter_context(self.connected()), held))

    def _end(self, left: int) -> None:
        while len(self.open) > left:
            self.open.pop(0)[1].close()
