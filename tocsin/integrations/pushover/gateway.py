"""How is a page sent by Pushover? At emergency priority: it rings again each minute until its person acknowledges there, which counts here.

https://pushover.net/api and https://pushover.net/api/receipts
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode

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
)  # fmt: skip
from tocsin.domain.replies import Verb, Wish
from tocsin.integrations import answers
from tocsin.integrations.channel import Channel
from tocsin.lib import http

SERVER = "https://api.pushover.net"
RING_SECONDS = 60  # between two rings
RINGS_FOR_SECONDS = 840  # then the page has had its 15 minutes
LONGEST_TITLE, LONGEST_TEXT, LONGEST_LINK = 250, 1_024, 512  # characters; Pushover refuses more
KEY = re.compile(r"[A-Za-z0-9]{30}")
ADDRESS = re.compile(r"([A-Za-z0-9]{30})(?:[ /]+([A-Za-z0-9_-]{1,25}))?")
EMERGENCY, HIGH, NORMAL = 2, 1, 0


def check_address(address: str) -> str:
    """The user key, with one device where one is named. Raises ValueError."""
    found = ADDRESS.fullmatch(address)
    if not found:
        raise ValueError(
            "Give the user key of 30 letters and digits that the Pushover app shows; for one device alone, its name after a space."
        )
    return " ".join(part for part in found.groups() if part)


class Pushover:
    """An application registered at Pushover."""

    kind = "pushover"
    label = "Pushover"
    channel = "pushover"
    fields = (
        Field("token", "Application token", secret=True, help="Of the application that you register at pushover.net/apps/build."),
        Field("server", "Server", required=False, default=SERVER, help="Only to go through a relay of your own."),
    )

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """A sentence for each value that cannot be."""
        wrong = {}
        if not KEY.fullmatch(values["token"]):
            wrong["token"] = "An application token has 30 letters and digits."  # noqa: S105 - a sentence
        return wrong | answers.wrong_address("server", values["server"] or SERVER)

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One message; a page at emergency priority. Pushover knows no idempotency keys: what was cut after sending is unknown."""
        asked = _form(address, message, account)
        answer = _post(account, "messages.json", asked)
        if isinstance(answer, Receipt):
            return answer
        said = answers.plain(answer)
        if answer.status == 200 and said.get("status") == 1:
            if receipt := str(said.get("receipt") or ""):
                return Receipt(Outcome.ACCEPTED, "Pushover took it", provider_id=receipt, lasts=RINGS_FOR_SECONDS)
            return Receipt(Outcome.ACCEPTED, "Pushover took it", provider_id=str(said.get("request") or ""))
        return _refusal(answer, said)

    def read_callback(self, account: Account, call: Callback) -> list[Report | Reply]:
        """Pushover says that somebody acknowledged. It signs nothing: it is asked whether that is so. Raises ForgedError."""
        receipt = parse_qs(call.body.decode("utf-8", "replace")).get("receipt", [""])[0]
        if not KEY.fullmatch(receipt):
            raise ForgedError("There is no receipt in this call.")
        heard = self.look(account, receipt)
        if not isinstance(heard, Reply):
            raise ForgedError("Pushover does not know of that acknowledgement.")
        return [Report(Outcome.DELIVERED, "acknowledged in the app", provider_id=receipt), heard]

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """Pushover reads nothing."""
        return Answer(b"1")

    def look(self, account: Account, provider_id: str) -> Report | Reply | None:
        """Whether it was acknowledged; else whether the phone has it."""
        if not KEY.fullmatch(provider_id):
            return None
        query = urlencode({"token": account.values["token"]})
        answer = answers.ask("GET", f"{_server(account)}/1/receipts/{provider_id}.json?{query}")
        said = {} if isinstance(answer, Receipt) or answer.status != 200 else answers.plain(answer)
        if said.get("status") != 1:
            return None
        if said.get("acknowledged") == 1:
            return Reply(Wish(Verb.ACKNOWLEDGE))
        return Report(Outcome.DELIVERED, "it rings at the phone", provider_id) if said.get("last_delivered_at") else None

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """It rings no more."""
        if not KEY.fullmatch(sent.provider_id):
            return Receipt(Outcome.DELIVERED, "it rang once and is over")
        answer = _post(account, f"receipts/{sent.provider_id}/cancel.json", {})
        if isinstance(answer, Receipt):
            return answer
        return Receipt(Outcome.DELIVERED, "it rings no more") if answer.status == 200 else answers.refused(answer)


def _server(account: Account) -> str:
    return (account.values.get("server") or SERVER).rstrip("/")


def _post(account: Account, path: str, form: Mapping[str, Any]) -> http.Answer | Receipt:
    body = urlencode({"token": account.values["token"], **form}).encode()
    return answers.ask("POST", f"{_server(account)}/1/{path}", headers={"Content-Type": "application/x-www-form-urlencoded"}, content=body)


def _form(address: str, message: Message, account: Account) -> dict[str, Any]:
    user, _, device = address.partition(" ")
    form: dict[str, Any] = {
        "user": user, "title": message.title[:LONGEST_TITLE], "message": message.text[:LONGEST_TEXT] or message.title[:LONGEST_TEXT],
        "priority": EMERGENCY if message.link else HIGH if message.urgent else NORMAL,
    }  # fmt: skip
    where = message.link or message.facts.get("subject_url") or ""
    if where and len(where) <= LONGEST_LINK:
        form |= {"url": where, "url_title": "Acknowledge or read more" if message.link else "Open"}
    if form["priority"] == EMERGENCY:
        form |= {"retry": RING_SECONDS, "expire": RINGS_FOR_SECONDS, "callback": account.callback}
    return form | ({"device": device} if device else {})


def _refusal(answer: http.Answer, said: Mapping[str, Any]) -> Receipt:
    """The token is the account's fault, the user key the address's; both are 400."""
    errors = said.get("errors")
    words = "; ".join(str(one) for one in errors)[:300] if isinstance(errors, list) else ""
    used_up = answer.status == 429 and ("quota" in words or "limit" in words)
    if said.get("token") == "invalid" or used_up:
        return Receipt(Outcome.REFUSED, words or f"answered {answer.status}")
    if said.get("user") == "invalid":
        return Receipt(Outcome.FAILED, words or "Pushover does not know this user", gone=True)
    return answers.refused(answer, words)


ABILITIES = Abilities(
    wakes=True, two_way=True, receipts=True,
    note="Rings each minute until acknowledged in the app, also in silent mode where its owner allows that.",
)  # fmt: skip
NOTIFIER = Channel("pushover", "Pushover", ABILITIES, check_address)
GATEWAY = Pushover()
