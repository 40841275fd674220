"""What does a chat have to offer beside taking a message? The further seams that its integrations implement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tocsin.domain.ports import Account, Receipt, Reply, Said
from tocsin.domain.replies import Wish


@dataclass(frozen=True, slots=True)
class Heard:
    """What somebody said where we listen: their address, the room, the message of ours that it answers ("": none in particular), and the
    provider's name for what was said (see Reply)."""

    wish: Wish
    address: str
    room: str
    provider_id: str = ""
    event: str = ""


@runtime_checkable
class Hearing(Protocol):
    """A gateway that asks its provider what people have answered, because the provider calls nobody."""

    def hear(self, account: Account, rooms: Sequence[str], since: str, wait: float) -> tuple[str, list[Heard]] | Receipt:
        """What was said in these rooms since the mark ("": only what answers a message of ours), waiting up to `wait` seconds for something,
        and the new mark. A receipt where there is no answer."""
        ...

    def room_of(self, provider_id: str) -> str:
        """The room in which a message of ours is."""
        ...

    def say(self, account: Account, room: str, sentence: str) -> Receipt:
        """A remark that wakes nobody."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A gateway whose provider may bring what people answer over a connection that we open: nothing has to reach us."""

    def streams(self, account: Account) -> bool:
        """Whether the account is set up for that."""
        ...

    def stream(self, account: Account, take: Callable[[Sequence[Reply]], Sequence[Said]], until: Callable[[], bool]) -> Receipt:
        """Hold the connection and give `take` what it brings, until `until` says so or it ends. The receipt says why: RETRY for another
        connection at once or a little later, REFUSED where the account is of no use."""
        ...
