"""How is a page sent by Matrix, changed there when somebody has it, and answered by a reaction or a reply?

Any homeserver and an ordinary account of ours there. Direct rooms are made unencrypted: nothing here could read an encrypted answer. Wire
format: spec.matrix.org, client-server API v3. Transaction ids make a message that is sent again the same message.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tocsin.domain.ports import Abilities, Account, Field, Message, Outcome, Receipt, Sent
from tocsin.domain.ports_chat import Heard
from tocsin.integrations import answers, chat
from tocsin.integrations.channel import Channel
from tocsin.integrations.matrix import words

PERSON = re.compile(r"^@[^\s:@]{1,120}:[A-Za-z0-9.:\[\]-]{1,120}$")
ROOM = re.compile(r"^(?:[!#][^\s:]{1,120}:[A-Za-z0-9.:\[\]-]{1,120}|![A-Za-z0-9_-]{43})$")
MOST_EVENTS = 10  # of one room in one answer: all of it has to fit into 64 KB
HEARING_LIMIT = 8.0  # seconds beyond the wait


def check_address(address: str) -> str:
    """ "@ana:example.com". Raises ValueError."""
    if not PERSON.match(address):
        raise ValueError("Give your Matrix ID with its server, such as @ana:example.com.")
    return address


class Matrix:
    """An account of ours on a homeserver."""

    kind = "matrix"
    label = "Matrix"
    channel = "matrix"
    fields = (
        Field("url", "Address of the homeserver", help="For example https://matrix.example.com. A private one has to be on TOCSIN_EGRESS_ALLOW."),
        Field("token", "Access token", secret=True, help="Of an account of its own for Tocsin; in Element: Settings → Help & About → Advanced."),
    )  # fmt: skip

    def __init__(self) -> None:
        self.memory = chat.Memory()

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with the values."""
        return answers.wrong_address("url", values["url"])

    def check_room(self, address: str) -> str:
        """ "#ops:example.com" or "!id:example.com". Raises ValueError."""
        if not ROOM.match(address.strip()):
            raise ValueError("Give the room's address, such as #ops:example.com, or its internal ID (!…).")
        return address.strip()

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One message under the transaction id `key`: a second attempt is the same message."""
        return chat.attempt(lambda: self._send(account, address, message, key))

    def _send(self, account: Account, address: str, message: Message, key: str) -> Receipt:
        direct = address.startswith("@")
        room = self._direct(account, address) if direct else self._joined(account, address)
        try:
            how = words.SEALED if self._is_encrypted(account, room) else words.HOW
            event = _post(account, room, key, words.page(message, mention=address if direct else "", how=how))
        except chat.NotTaken:
            self.memory.forget(room)  # left, or gone: the next attempt makes another
            raise
        return Receipt(Outcome.ACCEPTED, "the homeserver took it", provider_id=f"{room} {event}")

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """Replace the message by one that says who has it."""
        room, _, event = sent.provider_id.partition(" ")
        key = f"edit-{hashlib.sha256(f'{sent.provider_id} {note}'.encode()).hexdigest()[:32]}"

        def replace() -> Receipt:
            _post(account, room, key, words.page(message, note=note, replaces=event))
            return Receipt(Outcome.DELIVERED, "the homeserver shows it", provider_id=sent.provider_id)

        return chat.attempt(replace)

    def _is_encrypted(self, account: Account, room: str) -> bool:
        """Whether what people answer there cannot be read; where the homeserver does not say, it is tried."""
        way = f"/rooms/{quote(room, safe='')}/state/m.room.encryption"
        try:
            return bool(
                self.memory.get(
                    account, account.values["url"], "sealed", room, ask=lambda: _call(account, "GET", way, absent={}).get("algorithm", "")
                )
            )
        except chat.NotTaken:
            return False

    def _ourselves(self, account: Account) -> str:
        return self.memory.get(
            account, account.values["url"], "who", ask=lambda: _text(_call(account, "GET", "/account/whoami"), "user_id")
        )

    def _joined(self, account: Account, address: str) -> str:
        way = f"/join/{quote(address, safe='')}"
        return self.memory.get(
            account, account.values["url"], "room", address, ask=lambda: _text(_call(account, "POST", way, {}), "room_id")
        )

    def _direct(self, account: Account, person: str) -> str:
        """The room that we and that person share: the one of `m.direct` in which they still are, else a new one to which they are invited."""
        return self.memory.get(account, account.values["url"], "direct", person, ask=lambda: self._find_direct(account, person))

    def _find_direct(self, account: Account, person: str) -> str:
        kept = f"/user/{quote(self._ourselves(account), safe='')}/account_data/m.direct"
        rooms = _call(account, "GET", kept, absent={})
        known = [room for room in _list(rooms.get(person)) if isinstance(room, str)]
        for room in reversed(known[-3:]):
            way = f"/rooms/{quote(room, safe='')}/state/m.room.member/{quote(person, safe='')}"
            if _call(account, "GET", way, absent={}).get("membership") in ("join", "invite"):
                return room
        wanted = {"preset": "trusted_private_chat", "is_direct": True, "invite": [person], "name": "Tocsin", "topic": "Pages from Tocsin"}
        made = _text(_call(account, "POST", "/createRoom", wanted, posts=True), "room_id")
        _call(account, "PUT", kept, {**rooms, person: [*known[-20:], made]})
        return made

    # -- what people answer ---------------------------------------------------------------------------------------------------

    def hear(self, account: Account, rooms: Sequence[str], since: str, wait: float) -> tuple[str, list[Heard]] | Receipt:
        """One /sync of these rooms alone. Without a mark only what answers a message of ours counts: anything else may be from long ago."""

        def sync() -> Receipt | tuple[str, list[Heard]]:
            us = self._ourselves(account)
            way = f"/sync?filter={quote(self._filter(account, us, sorted(rooms)), safe='')}&timeout={int(wait * 1000) if since else 0}"
            said = _call(account, "GET", way + (f"&since={quote(since, safe='')}" if since else ""), limit=wait + HEARING_LIMIT)
            return _text(said, "next_batch"), words.heard(said, us, only_answers=not since)

        try:
            return sync()
        except chat.NotTaken as not_taken:
            return not_taken.receipt

    def _filter(self, account: Account, us: str, rooms: list[str]) -> str:
        """The id of a filter, so that the address of a request stays short and its answer small."""
        nothing: dict[str, Any] = {"types": []}
        timeline = {"types": ["m.room.message", "m.reaction"], "not_senders": [us], "limit": MOST_EVENTS}
        room = {
            "rooms": rooms,
            "timeline": timeline,
            "state": {**nothing, "lazy_load_members": True},
            "ephemeral": nothing,
            "account_data": nothing,
        }
        wanted = {"room": room, "presence": nothing, "account_data": nothing}
        way = f"/user/{quote(us, safe='')}/filter"
        name = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
        return self.memory.get(
            account, account.values["url"], "filter", name, ask=lambda: _text(_call(account, "POST", way, wanted), "filter_id")
        )

    def room_of(self, provider_id: str) -> str:
        """The room's id."""
        return provider_id.partition(" ")[0]

    def say(self, account: Account, room: str, sentence: str) -> Receipt:
        """A notice, which rings nowhere."""
        key = f"say-{hashlib.sha256(f'{room} {sentence} {id(object())}'.encode()).hexdigest()[:32]}"

        def post() -> Receipt:
            return Receipt(Outcome.DELIVERED, provider_id=_post(account, room, key, {"msgtype": "m.notice", "body": sentence[:2000]}))

        return chat.attempt(post)


def _post(account: Account, room: str, key: str, content: dict[str, Any]) -> str:
    way = f"/rooms/{quote(room, safe='')}/send/m.room.message/{quote(key, safe='')}"
    return _text(_call(account, "PUT", way, content), "event_id")


def _call(
    account: Account, method: str, path: str, body: Any = None, *, posts: bool = False, absent: dict[str, Any] | None = None,
    limit: float = chat.CALL_LIMIT,
) -> dict[str, Any]:  # fmt: skip
    """What the homeserver answered; `absent` in place of a 404. Raises NotTaken."""
    url = f"{account.values['url'].rstrip('/')}/_matrix/client/v3{path}"
    told = chat.call(method, url, token=account.values["token"], body=body, posts=posts, limit=limit)
    if told.status == 200:
        return told.said
    if told.status == 404 and absent is not None:
        return absent
    raise chat.NotTaken(*words.fault(told.status, told.said))


def _text(said: dict[str, Any], name: str) -> str:
    found = said.get(name)
    if not isinstance(found, str) or not found:
        raise chat.NotTaken(Outcome.RETRY, "what answered is not a Matrix homeserver")
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


ABILITIES = Abilities(
    two_way=True,
    note="Unencrypted rooms only: answers in an encrypted one cannot be read. A muted phone stays quiet. No delivery receipts.",
)
CHANNEL = Channel("matrix", "Matrix", ABILITIES, check_address)
GATEWAY = Matrix()
