"""What does the outside have to offer us? The seams that integrations implement.

One folder under `integrations/` per outside product; the registry names which of these each one has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from tocsin.domain.alerts import Event
from tocsin.domain.replies import Wish


class Outcome(StrEnum):
    """What became of one attempt to reach somebody."""

    DELIVERED = "delivered"  # the provider says the person's device has it, or the channel has no better proof than acceptance
    ACCEPTED = "accepted"  # the provider took it; a receipt may follow
    RETRY = "retry"  # temporary: the same method again, later
    REFUSED = (
        "refused"  # this account is of no use (its secret was revoked, it is suspended): another account, else the next method at once
    )
    FAILED = "failed"  # permanent: the next method at once
    UNKNOWN = "unknown"  # we do not know whether it went out (crash, time limit after sending)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of one attempt: outcome, the provider's reason in plain words, its own id, and how long to wait (seconds) if it said so.

    `gone` says that this address will never work again (subscription ended, bot blocked): it has to be proved anew; `stopped` that its person
    told the provider to send nothing more there (STOP), and can take that back.
    `account` is the account that it went through, `reports` says that a report of what became of it is to be expected, `lasts` for how many
    seconds its provider has to be asked what its person did (see Polling). `recipient` is the provider's own name for the person, by which it
    calls them when they answer.
    """

    outcome: Outcome
    reason: str = ""
    provider_id: str = ""
    retry_after: float | None = None
    gone: bool = False
    stopped: bool = False
    account: int | None = None
    reports: bool = False
    lasts: float = 0.0
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is sent: short title, plain text, the link that acknowledges, and facts for machine-readable channels."""

    title: str
    text: str
    link: str = ""
    urgent: bool = True
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a channel honestly can do: wakes a sleeping phone, takes an answer, proves delivery; `note` says in a sentence where that ends."""

    wakes: bool = False
    two_way: bool = False
    receipts: bool = False
    note: str = ""

    @property
    def words(self) -> str:
        """The same as sentences for people."""
        parts = [
            "Wakes a sleeping phone" if self.wakes else "Does not promise to wake a sleeping phone",
            "can be answered in place" if self.two_way else "is answered by its link",
            "says whether it arrived" if self.receipts else "does not say whether it arrived",
        ]
        return f"{', '.join(parts)}. {self.note}".strip()


class Notifier(Protocol):
    """Sends one message to one address. Never raises for what the provider answers: that is a Receipt."""

    kind: str
    label: str
    abilities: Abilities

    def check_address(self, address: str) -> str:
        """The normalised address. Raises ValueError with one sentence that says what would be right."""
        ...

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        """Send with idempotency key `key`, within 20 s."""
        ...


@runtime_checkable
class SecretAddress(Protocol):
    """A notifier whose addresses open something by themselves (a token in the URL, a push subscription): kept encrypted."""

    def visible(self, address: str) -> str:
        """The part of a checked address that people may see; another address looks different."""
        ...


@runtime_checkable
class Alone(Protocol):
    """A notifier of a channel with accounts that can do without one."""

    def alone(self, address: str, message: Message, *, key: str) -> Receipt | None:
        """Send without any account, within 20 s; None where that is not set up."""
        ...


@runtime_checkable
class AtServices(Protocol):
    """A notifier whose addresses lie at many services. Each has an account that nobody adds: for its health and its budget."""

    def service(self, address: str) -> tuple[str, str]:
        """The service that a checked address leads to, the same for all of its addresses and without a secret; and its name for people."""
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that an account at a provider needs: `name` in the stored form, words for people, and whether it is a secret."""

    name: str
    label: str
    secret: bool = False
    required: bool = True
    help: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a provider, as its gateway uses it. `callback` is our address that the provider may call about this message ("": none)."""

    id: int
    name: str
    values: Mapping[str, str]
    callback: str = ""


class Gateway(Protocol):
    """Sends one message over one channel through an account at a provider. Never raises for what the provider answers.

    `channel` is the kind of contact method that it serves (sms, voice, slack …). Several accounts may serve one channel: they replace one another.
    """

    kind: str
    label: str
    channel: str
    fields: tuple[Field, ...]

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with an account's values: a sentence for each field; empty when they can be used."""
        ...

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """Send with idempotency key `key`, within 20 s."""
        ...


@runtime_checkable
class RoomGateway(Gateway, Protocol):
    """A gateway of a chat, which also posts to rooms (channels) that many read: `send` takes the address of a room as well."""

    def check_room(self, address: str) -> str:
        """The normalised address of a room. Raises ValueError with one sentence that says what would be right."""
        ...


@dataclass(frozen=True, slots=True)
class Callback:
    """A provider's call to us: the public address that it called (with its query), the headers by lower-case name, the body, and when."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message, as its provider says afterwards: ACCEPTED while it is on its way, DELIVERED or FAILED at its end.

    `sequence` is the provider's own number of the report, where it counts them: an older one never changes what a newer one said. `gone`,
    `stopped`: see Receipt. `notification` is the page, where the message carried its number; `about` names what is no page: "follower-5".
    """

    outcome: Outcome
    reason: str = ""
    provider_id: str = ""
    sequence: int | None = None
    gone: bool = False
    stopped: bool = False
    notification: int | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person answered: by a text, a key, a button. `address` is theirs, in the form of contact methods.

    `notification` is the page that a button belongs to; none where the words or the address of the call say which. `event` is the provider's
    name for the answer, where it may bring it again: what has it is carried out once.
    """

    wish: Wish
    address: str = ""
    notification: int | None = None
    event: str = ""


@dataclass(frozen=True, slots=True)
class Linked:
    """Somebody sent the code that they were shown: the contact method that waits for it has this address. `name` is what they are called there."""

    code: str
    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one reply: whether it was done, and a sentence for the person."""

    done: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to a provider's call."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200


class ForgedError(ValueError):
    """A call that its provider did not make, or made too long ago; the sentence says what is wrong and may be answered."""


@runtime_checkable
class Listening(Protocol):
    """A gateway whose provider calls back. Its proof comes first, in constant time; nothing is read before that.

    The calls come to `Account.callback` (about one page) and to the account's own address (texts and buttons of people).
    """

    def read_callback(self, account: Account, call: Callback) -> Sequence[Report | Reply | Linked]:
        """What a call says. Raises ForgedError."""
        ...

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """What the provider wants to hear; `said` has one item for each reply and link of the call."""
        ...


@runtime_checkable
class Asking(Protocol):
    """A gateway whose provider can be asked what became of a message."""

    def ask(self, account: Account, provider_id: str) -> Report | None:
        """The report; None where there is none yet or no answer. Within 10 s."""
        ...


@runtime_checkable
class Connecting(Protocol):
    """A gateway that tells its provider where to call us, whenever its account was saved."""

    def connect(self, account: Account, address: str) -> Receipt:
        """Say that calls about the account go to `address`. Within 10 s."""
        ...


@runtime_checkable
class LinkedByCode(Protocol):
    """A notifier whose addresses nobody can type: the person sends a code from there (see Linked)."""

    def invitation(self, values: Mapping[str, str], code: str) -> tuple[str, str]:
        """A link that sends the code, and words that say how else; `values` are those of the account."""
        ...


@runtime_checkable
class Polling(Protocol):
    """A gateway that is asked what the person did, because its provider may not reach us: for as long as an answer would change something."""

    def look(self, account: Account, provider_id: str) -> Report | Reply | None:
        """What its person did meanwhile; None for nothing or no answer. Within 10 s."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of ours where it went: the address, the provider's name for it, and the idempotency key that it was sent with."""

    address: str
    provider_id: str
    key: str


@runtime_checkable
class Changing(Protocol):
    """A notifier or gateway whose messages can be changed after they were sent: what somebody took must not ring or look open elsewhere."""

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """Let `note` (who has it, since when) stand in place of the page: no ringing, no buttons. Wakes nobody. Within 10 s."""
        ...


@dataclass(frozen=True, slots=True)
class Received:
    """One accepted intake request, as a source reads it: raw bytes, the kept headers by lower-case name, and when it was accepted."""

    body: bytes
    content_type: str
    received_at: datetime
    path: str = ""
    dedup_key: str = ""  # made by the server where the sender gave none
    headers: Mapping[str, str] = field(default_factory=dict)


class EventSource(Protocol):
    """Reads a product's messages. Pure: the same bytes give the same events.

    `about` says how it is set up, with {address}, {url}, {host}, {scheme} and {key} to be filled in; `sample` is a body as the product sends it.
    """

    kind: str
    label: str
    category: str
    about: str
    docs: str
    sample: Any

    def parse(self, received: Received) -> list[Event]:
        """The events in the body, each item judged alone. Raises UnreadableError with a sentence where nothing can be read."""
        ...


class UnreadableError(ValueError):
    """The body cannot be read as this source's format; the sentence says what was found and what would be right."""
