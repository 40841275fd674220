"""How is a page sent by Microsoft Teams without a bot? As a card through a workflow (Power Automate).

A workflow that was begun by "When a Teams webhook request is received" answers 202 when it has begun, which proves no more. The buttons of
such a card can open addresses only: acknowledging is our page behind the link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tocsin.domain.ports import Abilities, Account, Field, Message, Outcome, Receipt
from tocsin.integrations import answers, chat
from tocsin.integrations.channel import Channel
from tocsin.integrations.teams import cards

EMAIL = re.compile(r"^[^\s@]{1,64}@[^\s@]{1,189}$")
FORMS = ("message", "card")
URL = Field(
    "url",
    "Address of the workflow",
    secret=True,
    help="The whole HTTP URL that the workflow shows after it was saved, with sp, sv and sig.",
)
FORM = Field("form", "Form", required=False, default="message", help="message; or card, where the workflow wants the bare card.")


def check_address(address: str) -> str:
    """An e-mail address in lower case. Raises ValueError."""
    if not EMAIL.match(address):
        raise ValueError("Give the e-mail address with which you sign in to Teams.")
    return address.lower()


class Teams:
    """A workflow that writes to the person whom `recipient` of its body names (“Chat with Flow bot”)."""

    kind = "teams"
    label = "Microsoft Teams workflow, to people"
    channel = "teams"
    fields = (URL, FORM)

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with the values."""
        errors = answers.wrong_address("url", values["url"])
        if values["form"] not in FORMS:
            errors["form"] = f"One of {', '.join(FORMS)}."
        return errors

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One call of the workflow; Teams has no idempotency key, so a time-out is unknown."""
        return chat.attempt(lambda: _send(account, {"recipient": address}, message))


class TeamsRoom(Teams):
    """A workflow that writes to one channel or group chat; it alone decides which."""

    kind = "teams_room"
    label = "Microsoft Teams workflow, to one channel"
    channel = "teams_room"

    def check_room(self, address: str) -> str:
        """A name for people: the workflow leads to one place, whatever it is called here. Raises ValueError."""
        return chat.word(address)

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One call of the workflow."""
        return chat.attempt(lambda: _send(account, {}, message))


def _send(account: Account, more: Mapping[str, str], message: Message) -> Receipt:
    shown = cards.card(message)
    body: dict[str, Any] = {"type": "message", "summary": message.title[:200], "attachments": [cards.attached(shown)]}
    told = chat.call("POST", account.values["url"], body={**(shown if account.values["form"] == "card" else body), **more}, posts=True)
    if told.status in (200, 202):
        return Receipt(Outcome.ACCEPTED, "the workflow took it; whether Teams shows it, it does not say")
    error = told.said.get("error")
    why = str(error.get("message") or "")[:200] if isinstance(error, dict) else ""
    match told.status:
        case 401 | 403:
            raise chat.NotTaken(Outcome.REFUSED, f"the workflow does not accept its address (sig) any more: {why or told.status}")
        case 404 | 410:
            raise chat.NotTaken(Outcome.REFUSED, f"the workflow is gone or switched off: {why or told.status}")
    raise chat.NotTaken(Outcome.FAILED, f"the workflow refuses the card: {why or told.status}")


ABILITIES = Abilities(
    note="One way: the card's button opens a page that acknowledges. “Sent” means that the workflow has begun; a muted phone stays quiet."
)
CHANNEL = Channel("teams", "Microsoft Teams, by a workflow", ABILITIES, check_address)
GATEWAY = Teams()
ROOMS = TeamsRoom()
