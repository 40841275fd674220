"""How is a page sent by Mattermost, changed there when somebody has it, and answered by its buttons?

A bot account; a direct message is a post in the channel that the bot and the person share. Wire format: Mattermost's REST API v4 and
interactive messages. A pressed button calls the signed address of its page, which Mattermost shows to nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tocsin.domain.ports import (
    Abilities,
    Account,
    Answer,
    Callback,
    Field,
    ForgedError,
    Message,
    Outcome,
    Receipt,
    Reply,
    Report,
    Said,
    Sent,
)
from tocsin.domain.replies import Verb, Wish
from tocsin.integrations import answers, chat
from tocsin.integrations.channel import Channel

LONGEST_TEXT = 4000  # of the 16,383 that fit
EMAIL = re.compile(r"^[^\s@]{1,64}@[^\s@]{1,189}$")
USER = re.compile(r"^@[a-z0-9][a-z0-9._-]{0,63}$")
ROOM = re.compile(r"^[a-z0-9][a-z0-9-]{1,63}/[a-z0-9][a-z0-9_-]{0,63}$")
ID = re.compile(r"^[a-z0-9]{26}$")
VERBS = {"acknowledge": Verb.ACKNOWLEDGE, "escalate": Verb.ESCALATE}
MARKS = re.compile(r"([\\`*\[\]<>#|~])")


def check_address(address: str) -> str:
    """ "@name" or an e-mail address, in lower case. Raises ValueError."""
    address = address.lower()
    if USER.match(address) or EMAIL.match(address):
        return address
    raise ValueError("Give your user name in Mattermost as @ana, or the e-mail address that you have there.")


class Mattermost:
    """A server of Mattermost with a bot account."""

    kind = "mattermost"
    label = "Mattermost"
    channel = "mattermost"
    fields = (
        Field("url", "Address of the server", help="For example https://chat.example.com. A private one has to be on TOCSIN_EGRESS_ALLOW."),
        Field("token", "Token of the bot account", secret=True, help="System console → Integrations → Bot accounts."),
    )

    def __init__(self) -> None:
        self.memory = chat.Memory()

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with the values."""
        return answers.wrong_address("url", values["url"])

    def check_room(self, address: str) -> str:
        """ "team/channel", as in the channel's address. Raises ValueError."""
        address = address.strip().lower()
        if not ROOM.match(address) and not ID.match(address):
            raise ValueError("Give the channel as team/channel, as both stand in its address, or its ID of 26 characters.")
        return address

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One post. `pending_post_id` makes Mattermost give back the first one when the same comes again within seconds."""
        return chat.attempt(lambda: self._send(account, address, message, key))

    def _send(self, account: Account, address: str, message: Message, key: str) -> Receipt:
        person, room = "", ""
        if address.startswith("@") or "@" in address:
            person = self._person(account, address)
            room = self.memory.get(account, account.values["url"], "direct", person, ask=lambda: self._direct(account, person))
        else:
            room = self._room(account, address)
        post = {"channel_id": room, "pending_post_id": key, **page(message, account.callback)}
        made = _call(account, "POST", "/posts", post, posts=True)
        return Receipt(Outcome.ACCEPTED, "Mattermost took it", provider_id=_id(made), recipient=person)

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """Patch the post: who has it instead of the buttons."""

        def patch() -> Receipt:
            _call(account, "PUT", f"/posts/{quote(sent.provider_id, safe='')}/patch", page(message, "", note))
            return Receipt(Outcome.DELIVERED, "Mattermost shows it", provider_id=sent.provider_id)

        return chat.attempt(patch)

    def _person(self, account: Account, address: str) -> str:
        way = f"/users/username/{quote(address[1:], safe='')}" if address.startswith("@") else f"/users/email/{quote(address, safe='@')}"
        return self.memory.get(account, account.values["url"], "user", address, ask=lambda: _id(_call(account, "GET", way)))

    def _direct(self, account: Account, person: str) -> str:
        bot = self.memory.get(account, account.values["url"], "bot", ask=lambda: _id(_call(account, "GET", "/users/me")))
        return _id(_call(account, "POST", "/channels/direct", [bot, person]))

    def _room(self, account: Account, address: str) -> str:
        if ID.match(address):
            return address
        team, _, name = address.partition("/")
        way = f"/teams/name/{quote(team, safe='')}/channels/name/{quote(name, safe='')}"
        return self.memory.get(account, account.values["url"], "room", address, ask=lambda: _id(_call(account, "GET", way)))

    # -- what Mattermost tells ------------------------------------------------------------------------------------------------

    def read_callback(self, account: Account, call: Callback) -> list[Report | Reply]:
        """A pressed button. Mattermost signs nothing: the address that it calls, made and signed by us for one page, is the proof."""
        if "/callbacks/pages/" not in call.url:
            raise ForgedError("Mattermost calls about one page only")
        said = answers.object_of(call.body)
        context = said.get("context")
        verb = VERBS.get(str(context.get("do"))) if isinstance(context, dict) else None
        person = str(said.get("user_id") or "")
        return [Reply(Wish(verb), person)] if verb and ID.match(person) else []

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """What came of it, for the eyes of who pressed; the post itself is changed by its patch."""
        told = {"ephemeral_text": plain(" ".join(one.sentence for one in said))[:LONGEST_TEXT]} if said else {}
        return Answer(json.dumps(told).encode(), "application/json")


def page(message: Message, callback: str, note: str = "") -> dict[str, Any]:
    """The text and attachment of a post; buttons where it can be taken, `note` where somebody has."""
    title = plain(message.title)
    attachment: dict[str, Any] = {
        "fallback": title,
        "text": plain(chat.body_of(message, LONGEST_TEXT)),
        "color": "#888888" if note else "#d24b4e",
    }
    if url := chat.where(message):
        attachment |= {"title": "Open", "title_link": url}
    if note:
        attachment["footer"] = plain(note)[:300]
    elif callback and chat.can_be_taken(message):
        if message.link:  # where Mattermost cannot reach us, its buttons fail
            attachment["text"] = f"{attachment['text']}\n\n[Acknowledge in the browser]({message.link})"
        attachment["actions"] = [
            _button("acknowledge", "Acknowledge", "primary", callback),
            _button("escalate", "Escalate", "default", callback),
        ]
    return {"message": f"**{title}**" + (f"\n{plain(note)}" if note else ""), "props": {"attachments": [attachment]}}


def _button(verb: str, label: str, style: str, callback: str) -> dict[str, Any]:
    return {"id": verb, "type": "button", "name": label, "style": style, "integration": {"url": callback, "context": {"do": verb}}}


def plain(text: str) -> str:
    """The text as it is meant: no marks of Markdown, and nobody mentioned by what an alert says."""
    return MARKS.sub(r"\\\1", text).replace("@", "@\u200b")


def _call(account: Account, method: str, path: str, body: Any = None, *, posts: bool = False) -> dict[str, Any]:
    """What the server answered. Raises NotTaken."""
    told = chat.call(method, f"{account.values['url'].rstrip('/')}/api/v4{path}", token=account.values["token"], body=body, posts=posts)
    if told.status in (200, 201):
        return told.said
    why = str(told.said.get("message") or told.status)[:200]
    match told.status:
        case 401:
            raise chat.NotTaken(Outcome.REFUSED, f"Mattermost does not accept the bot's token: {why}")
        case 403:
            raise chat.NotTaken(Outcome.FAILED, f"the bot may not write there: {why}")
        case 404:
            raise chat.NotTaken(Outcome.FAILED, f"there is no such person, team or channel in Mattermost: {why}")
    raise chat.NotTaken(Outcome.FAILED, f"Mattermost refuses it: {why}")


def _id(said: dict[str, Any]) -> str:
    found = str(said.get("id") or "")
    if not ID.match(found):
        raise chat.NotTaken(Outcome.RETRY, "what answered is not Mattermost's API")
    return found


ABILITIES = Abilities(
    two_way=True,
    note="Whether a phone rings is for Mattermost's settings and push server to say; a muted phone stays quiet. No delivery receipts.",
)
CHANNEL = Channel("mattermost", "Mattermost", ABILITIES, check_address)
GATEWAY = Mattermost()
