"""How is a page sent by Slack, changed there when somebody has it, and answered by its buttons?

An app of the organisation's own with a bot token; `chat.postMessage` to a member's id is a direct message of the app. Wire format:
docs.slack.dev (Web API, verifying requests, interactivity).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs

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
from tocsin.integrations import answers, chat
from tocsin.integrations.channel import Channel
from tocsin.integrations.slack import heard, words
from tocsin.integrations.slack.links import Links
from tocsin.lib import http, websocket

log = logging.getLogger(__name__)
OLDEST_CALL = 300  # seconds
ANSWER_LIMIT = 1.5  # seconds for one call while Slack waits for our answer, which it does for three
MEMBER = re.compile(r"^[UW][A-Z0-9]{5,24}$")
ROOM = re.compile(r"^(?:[CGD][A-Z0-9]{5,24}|#[^\s#@<>&]{1,80})$")
EMAIL = re.compile(r"^[^\s@<>]{1,64}@[^\s@<>]{1,189}$")


def check_address(address: str) -> str:
    """A member's id, a channel, or an e-mail address in lower case. Raises ValueError."""
    if MEMBER.match(address.upper()) or ROOM.match(address.upper()):
        return address if address.startswith("#") else address.upper()
    if EMAIL.match(address):
        return address.lower()
    raise ValueError(
        "Give your e-mail address in Slack, or your member ID (U…; in Slack: your profile, ⋮, Copy member ID), or a channel's ID (C…)."
    )


class Slack:
    """A Slack app of the organisation's own."""

    kind = "slack"
    label = "Slack"
    channel = "slack"
    fields = (
        Field(
            "token", "Bot token", secret=True,
            help="xoxb-…, from “OAuth & Permissions” of your app. Scopes: chat:write, users:read and users:read.email.",
        ),
        Field(
            "signing_secret", "Signing secret", secret=True, required=False,
            help="From “Basic Information” of your app; it proves that a pressed button comes from Slack. Not needed with Socket Mode.",
        ),
        Field(
            "app_token", "App-level token", secret=True, required=False,
            help="xapp-…, with connections:write, for Socket Mode: answers come over a connection that Tocsin opens, so Slack need not reach it.",
        ),
        Field("api", "Address of the API", required=False, default="https://slack.com/api", help="GovSlack: https://slack-gov.com/api"),
    )  # fmt: skip

    def __init__(self) -> None:
        self.memory = chat.Memory()

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with the values."""
        errors: dict[str, str] = {}
        if not values["token"].startswith("xoxb-"):
            errors |= {"token": "A bot token begins with xoxb-."}
        if values.get("signing_secret", "") and not re.fullmatch(r"[0-9a-f]{32,64}", values.get("signing_secret", "")):
            errors |= {"signing_secret": "The signing secret is 32 letters a to f and digits."}
        if values.get("app_token") and not values["app_token"].startswith("xapp-"):
            errors |= {"app_token": "An app-level token begins with xapp-."}
        if not (values.get("signing_secret", "") or values.get("app_token")):
            errors |= {"signing_secret": "Give the signing secret, or an app-level token for Socket Mode."}
        return errors | answers.wrong_address("api", values["api"])

    def check_room(self, address: str) -> str:
        """A channel's id, or #name. Raises ValueError."""
        address = address.strip()
        if not ROOM.match(address if address.startswith("#") else address.upper()):
            raise ValueError("Give the channel's ID (C…; in Slack: the channel's name, at the end of “About”), or its name as #ops.")
        return address if address.startswith("#") else address.upper()

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One `chat.postMessage`; `ok: false` is a failure whatever the status says. Slack has no idempotency key: a time-out is unknown."""
        return chat.attempt(lambda: self._send(account, address, message))

    def _send(self, account: Account, address: str, message: Message) -> Receipt:
        place = self._member(account, address) if "@" in address else address
        said = _call(account, "chat.postMessage", {"channel": place, **words.page(message)}, posts=True)
        where = f"{said.get('channel', place)}:{said.get('ts', '')}"
        return Receipt(Outcome.ACCEPTED, "Slack took it", provider_id=where, recipient=place if MEMBER.match(place) else "")

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """`chat.update`: who has it instead of the buttons."""
        place, _, stamp = sent.provider_id.rpartition(":")

        def update() -> Receipt:
            _call(account, "chat.update", {"channel": place, "ts": stamp, **words.page(message, note)})
            return Receipt(Outcome.DELIVERED, "Slack shows it", provider_id=sent.provider_id)

        return chat.attempt(update)

    # -- what Slack asks and tells ------------------------------------------------------------------------------------------

    def read_callback(self, account: Account, call: Callback) -> list[Report | Reply]:
        """What a signed call of our own workspace says. Raises ForgedError."""
        _prove(account, call)
        return list(self._replies(account, _payload(call)))

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """An empty 200, and what came of it; the handshake gets its challenge back."""
        told = _payload(call)
        if told.get("type") == "url_verification":
            return Answer(str(told.get("challenge") or "")[:500].encode())
        _tell(account, told, said)
        return Answer()

    def streams(self, account: Account) -> bool:
        """With an app-level token: Socket Mode."""
        return bool(account.values.get("app_token"))

    def stream(self, account: Account, take: Callable[[Sequence[Reply]], Sequence[Said]], until: Callable[[], bool]) -> Receipt:
        """Socket Mode. What it brings is carried out before Slack hears that it arrived: else Slack says that it failed."""

        def work() -> Receipt:
            Links(lambda: _connected(account), lambda socket, text: self._brought(account, socket, text, take)).hear(until)
            return Receipt(Outcome.DELIVERED, "the connection is not needed any more")

        try:
            return chat.attempt(work)
        except websocket.ClosedError as error:
            return Receipt(Outcome.RETRY, str(error))
        except http.BlockedError as error:
            return Receipt(Outcome.REFUSED, str(error))

    def _brought(self, account: Account, socket: websocket.Socket, text: str, take: Callable[[Sequence[Reply]], Sequence[Said]]) -> bool:
        """Carry out what came; whether Slack wants another connection in the place of this one."""
        envelope = answers.object_of(text)
        if envelope.get("type") == "disconnect":
            if envelope.get("reason") == "link_disabled":
                raise chat.NotTaken(Outcome.REFUSED, "Socket Mode is switched off for the app")
            if envelope.get("reason") in ("warning", "refresh_requested"):
                return True
            raise websocket.ClosedError(f"Slack ended the connection: {str(envelope.get('reason'))[:60]}")
        if not (name := envelope.get("envelope_id")):
            return False  # hello
        payload, results = heard.child(envelope, "payload"), list[Said]()
        try:
            results = list(take(self._replies(account, payload)))
        except ForgedError as error:
            log.warning("what Socket Mode brought to the account %s was refused: %s", account.id, error)
        socket.send(json.dumps({"envelope_id": name}))
        _tell(account, payload, results)
        return False

    def _replies(self, account: Account, said: dict[str, Any]) -> list[Reply]:
        if said.get("type") not in (heard.BUTTONS, heard.EVENT):
            return []
        try:
            ours = self.memory.get(
                account, account.values["api"], "workspace", ask=lambda: _call(account, "auth.test", {}, limit=ANSWER_LIMIT)["team_id"]
            )
        except (chat.NotTaken, KeyError) as error:
            raise ForgedError("the workspace could not be confirmed: Slack did not say which one the token is of") from error
        heard.prove_workspace(said, ours)
        return heard.replies(said)

    def _member(self, account: Account, email: str) -> str:
        def ask() -> str:
            found = str(heard.child(_call(account, "users.lookupByEmail", form={"email": email}), "user").get("id") or "")
            if not MEMBER.match(found):
                raise chat.NotTaken(Outcome.RETRY, "Slack answered without the member's id")
            return found

        return self.memory.get(account, account.values["api"], "member", email, ask=ask)


def _connected(account: Account) -> AbstractContextManager[websocket.Socket]:
    place = str(_call(account, "apps.connections.open", token=account.values["app_token"]).get("url") or "")
    if not place.startswith("wss://" if account.values["api"].startswith("https://") else "ws://"):
        raise chat.NotTaken(Outcome.RETRY, "Slack named no address to connect to")
    return websocket.connected(place)


def _call(
    account: Account, method: str, body: Any = None, *, form: Mapping[str, str] | None = None, posts: bool = False,
    limit: float = chat.CALL_LIMIT, token: str = "",
) -> dict[str, Any]:  # fmt: skip
    """What the method answered. Raises NotTaken for anything but `ok: true`."""
    url = f"{account.values['api'].rstrip('/')}/{method}"
    told = chat.call("POST", url, token=token or account.values["token"], body=body, form=form, posts=posts, limit=limit)
    if told.said.get("ok") is not True:
        raise chat.NotTaken(*(words.fault(told.said) if told.said else (Outcome.RETRY, f"answered {told.status} without Slack's form")))
    return told.said


def _tell(account: Account, payload: dict[str, Any], said: Sequence[Said]) -> None:
    """Who pressed in vain is told so, for their eyes only; who wrote gets an answer."""
    event = heard.child(payload, "event")
    place = heard.child(payload, "channel").get("id") or event.get("channel")
    person = heard.child(payload, "user").get("id")
    for one in said:
        body = {"channel": place, "text": words.escaped(one.sentence)[:3000]}
        if event:
            _say(account, "chat.postMessage", body)
        elif not one.done and place and person:
            _say(account, "chat.postEphemeral", {**body, "user": person})


def _say(account: Account, method: str, body: dict[str, Any]) -> None:
    try:
        _call(account, method, body, limit=ANSWER_LIMIT)
    except chat.NotTaken as not_taken:
        log.warning("what came of an answer could not be said: %s", not_taken)


def _prove(account: Account, call: Callback) -> None:
    """Slack's signature, version 0, over the raw body; the proof comes first, then the age. Raises ForgedError."""
    secret = account.values.get("signing_secret", "")
    stamp = call.headers.get("x-slack-request-timestamp", "")
    given = call.headers.get("x-slack-signature", "")
    proof = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + call.body, hashlib.sha256).hexdigest()
    if not secret or not hmac.compare_digest(f"v0={proof}".encode(), given.encode()):
        raise ForgedError("the signature is not Slack's")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13) or abs(call.at.timestamp() - int(stamp)) > OLDEST_CALL:
        raise ForgedError("the call is more than five minutes old")


def _payload(call: Callback) -> dict[str, Any]:
    """The JSON of the form's `payload`, or of the body; empty for what is neither."""
    if call.headers.get("content-type", "").startswith("application/json"):
        return answers.object_of(call.body)
    try:
        return answers.object_of(parse_qs(call.body.decode(), max_num_fields=20).get("payload", ["{}"])[0])
    except ValueError:
        return {}


ABILITIES = Abilities(
    two_way=True,
    note="Slack's own do-not-disturb hours and a muted phone keep it quiet: have a louder way beside it. Slack gives no delivery receipts.",
)
CHANNEL = Channel("slack", "Slack", ABILITIES, check_address)
GATEWAY = Slack()
