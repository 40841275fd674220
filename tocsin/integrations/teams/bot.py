"""How is a page sent by a bot in Microsoft Teams, changed there when somebody has it, and answered by its buttons or a word?

A bot of the organisation's own. Teams lets no bot begin a chat: its person sends it the code that they were shown, and the chat in which that
comes, with the address that leads there, is where pages go. learn.microsoft.com: Bot Connector REST API; cards' Action.Submit.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from tocsin.domain.ports import (
    Abilities,
    Account,
    Answer,
    Callback,
    Field,
    ForgedError,
    Linked,
    Message,
    Outcome,
    Receipt,
    Reply,
    Report,
    Said,
    Sent,
)
from tocsin.domain.replies import Verb, Wish, by_text
from tocsin.integrations import answers, chat
from tocsin.integrations.channel import Channel
from tocsin.integrations.teams import cards, connector, proof

log = logging.getLogger(__name__)
FORM = "11111111-2222-3333-4444-555555555555"
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CHAT = re.compile(r"(?P<person>\S{1,200}) (?P<service>https?://\S{1,200}) (?P<conversation>\S{1,300})")
ROOM = re.compile(r"19:[A-Za-z0-9_-]{1,120}@(?:thread\.(?:tacv2|v2|skype)|unq\.gbl\.spaces)")
CODE = re.compile(r"(?:^|\s)(\d{1,18}-[0-9a-f]{24})(?=\s|$)")
VERBS = {"acknowledge": Verb.ACKNOWLEDGE, "escalate": Verb.ESCALATE}
ANSWER_LIMIT = 4.0  # seconds for one call while the Bot Connector waits for our answer, which it does for 15
LONGEST_TEXT = 2000  # characters of what somebody wrote, and of what is said to them


def check_address(address: str) -> str:
    """Empty, for a chat that is still to be linked, or a whole address. Raises ValueError."""
    if address and not CHAT.fullmatch(address):
        raise ValueError("Leave the address empty: it is found when you send the code that you are shown to the bot.")
    return address


class TeamsChat(Channel):
    """The kind of contact method. Its whole address is who it is, the Bot Connector's address that leads there, and the chat."""

    def visible(self, address: str) -> str:
        """Who it is, as Teams names people to this bot."""
        return address.partition(" ")[0]

    def invitation(self, values: Mapping[str, str], code: str) -> tuple[str, str]:
        """The address that opens a chat with the bot with the code typed in, and the words that do the same."""
        link = f"https://teams.microsoft.com/l/chat/0/0?users=28:{values.get('app_id', '')}&message={quote(code)}"
        return link, f"send “{code}” to the bot in Teams"


class TeamsBot:
    """A bot that is registered in Azure."""

    kind = "teams_bot"
    label = "Microsoft Teams, by a bot"
    channel = "teams_bot"
    fields = (
        Field("app_id", "App ID of the bot", help="“Microsoft App ID” of the Azure Bot, such as 11111111-2222-…"),
        Field("secret", "Client secret", secret=True, help="The value of a client secret of that app (Certificates & secrets)."),
        Field("tenant", "Tenant ID", help="Of your organisation, in the same form. Calls from any other are refused."),
        Field(
            "service", "Address of the Bot Connector", required=False, default="https://smba.trafficmanager.net/teams",
            help="For channels and group chats; GCC: https://smba.infra.gcc.teams.microsoft.com/teams",
        ),
        Field("login", "Address of the sign-in", required=False, default="https://login.microsoftonline.com"),
        Field(
            "keys", "Address of the keys", required=False, default="https://login.botframework.com/v1/.well-known/openidconfiguration",
        ),
    )  # fmt: skip

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with the values."""
        ids = {"app_id": "The app ID", "tenant": "The tenant ID"}
        wrong = {name: f"{word} has the form {FORM}." for name, word in ids.items() if not GUID.fullmatch(values[name].lower())}
        for name in ("service", "login", "keys"):
            wrong |= answers.wrong_address(name, values[name])
        return wrong

    def check_room(self, address: str) -> str:
        """The ID of a channel or group chat; it is taken out of a link as well. Raises ValueError."""
        found = ROOM.search(unquote(address[:1000]))
        if not found:
            raise ValueError("Give the channel's link (in Teams: ⋯ beside the channel, Get link to channel), or its ID, 19:…@thread.tacv2.")
        return found[0]

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One card. Teams has no idempotency key: what was cut after sending is unknown."""
        if not address:
            return Receipt(Outcome.FAILED, "this chat was never linked")
        service, conversation = _place(account, address)

        def post() -> Receipt:
            made = connector.call(account, "POST", service, conversation, "", page(message), posts=True)
            return Receipt(Outcome.ACCEPTED, "Teams took it", provider_id=str(made.get("id") or ""))

        return chat.attempt(post)

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """Another card in its place, which says who has it."""
        service, conversation = _place(account, sent.address)

        def put() -> Receipt:
            connector.call(account, "PUT", service, conversation, sent.provider_id, {**page(message, note), "id": sent.provider_id})
            return Receipt(Outcome.DELIVERED, "Teams shows it", provider_id=sent.provider_id)

        return chat.attempt(put)

    # -- what Teams tells -------------------------------------------------------------------------------------------------------

    def read_callback(self, account: Account, call: Callback) -> list[Report | Reply | Linked]:
        """A pressed button, or what somebody wrote to the bot alone. Raises ForgedError."""
        activity = answers.object_of(call.body)
        proof.prove(account, call, activity)
        if not connector.is_ours(account, str(activity["serviceUrl"])):
            raise ForgedError("the call names an address that is not Microsoft's to answer to")
        who, where = _child(activity, "from"), _child(activity, "conversation")
        person, conversation = str(who.get("id") or ""), str(where.get("id") or "")
        if activity.get("type") != "message" or not person or not conversation:
            return []
        event = hashlib.sha256(f"{conversation} {activity.get('id')}".encode()).hexdigest()
        if isinstance(activity.get("value"), dict):
            return _pressed(activity["value"], person, event)
        text = str(activity.get("text") or "")[:LONGEST_TEXT]
        if where.get("conversationType") != "personal" or not text.strip():
            return []  # what is said in channels and group chats is not meant for us
        if code := CODE.search(text):
            address = f"{person} {activity['serviceUrl']} {conversation}"
            return [Linked(code[1], address, str(who.get("name") or ""))] if CHAT.fullmatch(address) else []
        return [Reply(by_text(text), person, event=event)]

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """Who wrote, or pressed in vain, is told what came of it in the same chat; for a press that counted the card says it."""
        activity = answers.object_of(call.body)
        pressed = isinstance(activity.get("value"), dict)
        if sentence := " ".join(one.sentence for one in said if not (pressed and one.done)):
            body = {"type": "message", "text": sentence[:LONGEST_TEXT], "textFormat": "plain"}
            conversation = str(_child(activity, "conversation").get("id") or "")
            try:
                connector.call(account, "POST", str(activity["serviceUrl"]), conversation, "", body, limit=ANSWER_LIMIT)
            except chat.NotTaken as not_taken:
                log.warning("what came of an answer could not be said: %s", not_taken)
        return Answer()


def page(message: Message, note: str = "") -> dict[str, Any]:
    """The activity of a page; buttons where it can be taken, `note` where somebody has."""
    buttons = []
    if chat.can_be_taken(message) and not note:
        buttons = [_button("acknowledge", "Acknowledge", message, style="positive"), _button("escalate", "Escalate", message)]
    line = f"{message.title}: {note}" if note else message.title
    return {
        "type": "message", "summary": line[:200], "attachments": [cards.attached(cards.card(message, note=note, buttons=buttons))],
        "channelData": {"notification": {"alert": message.urgent and not note}},
    }  # fmt: skip


def _button(verb: str, label: str, message: Message, **look: str) -> dict[str, Any]:
    return {"type": "Action.Submit", "title": label, "data": {"do": verb, "page": message.facts.get("notification")}, **look}


def _pressed(value: dict[str, Any], person: str, event: str) -> list[Report | Reply | Linked]:
    verb, number = VERBS.get(str(value.get("do"))), value.get("page")
    if verb is None or not isinstance(number, int) or not 0 < number < 10**17:
        return []
    return [Reply(Wish(verb), person, number, event)]


def _place(account: Account, address: str) -> tuple[str, str]:
    """By which address of the Bot Connector, and in which chat: a person's whole address, or the ID of a room."""
    found = CHAT.fullmatch(address)
    return (found["service"], found["conversation"]) if found else (account.values["service"], address)


def _child(activity: dict[str, Any], name: str) -> dict[str, Any]:
    value = activity.get(name)
    return value if isinstance(value, dict) else {}


ABILITIES = Abilities(
    two_way=True, note="Rings as Teams does; its quiet hours and a muted phone keep it quiet. Teams gives no delivery receipts."
)
NOTIFIER = TeamsChat("teams_bot", "Microsoft Teams, by a bot", ABILITIES, check_address)
GATEWAY = TeamsBot()
