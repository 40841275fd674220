"""How is a page sent by a Telegram bot, and how does a button, a text or /start CODE in its chat come back?

https://core.telegram.org/bots/api - each account's web hook carries a secret of its own, made from the installation's key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

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
)  # fmt: skip
from tocsin.domain.replies import Verb, Wish, by_text
from tocsin.integrations import answers
from tocsin.integrations.channel import Channel

SERVER = "https://api.telegram.org"
TOKEN = re.compile(r"\d{5,20}:[A-Za-z0-9_-]{30,60}")
NAME = re.compile(r"@?[A-Za-z][A-Za-z0-9_]{3,30}")
CHAT = re.compile(r"[1-9]\d{3,19}")  # a person's; groups have negative numbers
LONGEST_TEXT = 4_000  # bytes; Telegram takes 4,096 characters
HEADER = "x-telegram-bot-api-secret-token"
PRESSED = re.compile(r"ack:(\d{1,18})")
START = re.compile(r"/start(?:@\w+)?\s+([A-Za-z0-9_-]{1,64})")
DONE = "-"  # what the button carries once there is nothing to answer any more


def check_address(address: str) -> str:
    """Empty, for a chat that is still to be linked, or the number of a chat with one person. Raises ValueError."""
    if address and not CHAT.fullmatch(address):
        raise ValueError("Leave the address empty: it is found when you send the code that you are shown to the bot.")
    return address


class TelegramChat(Channel):
    """The kind of contact method. Its address is found when its person sends the code to the bot: nobody knows their own number there."""

    def invitation(self, values: Mapping[str, str], code: str) -> tuple[str, str]:
        """The address that starts a chat with the bot with that code, and the words that do the same."""
        name = values.get("name", "").lstrip("@")
        return f"https://t.me/{name}?start={code}", f"send “/start {code}” to @{name} in Telegram"


class Telegram:
    """A bot that BotFather made."""

    kind = "telegram"
    label = "Telegram bot"
    channel = "telegram"
    fields = (
        Field("name", "Name of the bot", help="As BotFather gave it, such as @our_tocsin_bot."),
        Field("token", "Token", secret=True, help="As BotFather gave it, such as 123456789:AA…"),
        Field("server", "Server", required=False, default=SERVER, help="Only for a Bot API server of your own."),
    )

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """A sentence for each value that cannot be."""
        wrong = {}
        if not NAME.fullmatch(values["name"]):
            wrong["name"] = "A bot's name has 5 to 32 letters, digits and underscores, such as @our_tocsin_bot."
        if not TOKEN.fullmatch(values["token"]):
            wrong["token"] = "A bot's token is a number, a colon and 35 letters or digits."  # noqa: S105 - a sentence
        return wrong | answers.wrong_address("server", values["server"] or SERVER)

    def connect(self, account: Account, address: str) -> Receipt:
        """Tell Telegram where to bring what people answer, with the secret that proves it."""
        wanted = {
            "url": address,
            "secret_token": proof(account.id),
            "allowed_updates": ["message", "callback_query"],
            "max_connections": 10,
        }
        answer = _ask(account, "setWebhook", wanted)
        return answer if isinstance(answer, Receipt) else Receipt(Outcome.DELIVERED, "answers come back to us")

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One message with a button. Telegram knows no idempotency keys: what was cut after sending is unknown."""
        if not address:
            return Receipt(Outcome.FAILED, "this chat was never linked")
        words = f"{message.title}\n{message.text}" if message.title not in message.text else message.text
        asked: dict[str, Any] = {
            "chat_id": int(address), "text": answers.cut(words, LONGEST_TEXT), "disable_notification": not message.urgent,
            "link_preview_options": {"is_disabled": True},
        }  # fmt: skip
        if rows := _buttons(message):
            asked["reply_markup"] = {"inline_keyboard": [rows]}
        answer = _ask(account, "sendMessage", asked)
        if isinstance(answer, Receipt):
            return answer
        return Receipt(Outcome.ACCEPTED, "Telegram took it", provider_id=f"{address}:{answer.get('message_id')}")

    def read_callback(self, account: Account, call: Callback) -> list[Report | Reply | Linked]:
        """A button, a text, or /start CODE. Raises ForgedError."""
        if not hmac.compare_digest(call.headers.get(HEADER, "").encode(), proof(account.id).encode()):
            raise ForgedError("The secret of this web hook is missing or wrong.")
        update, event = _update(call), _number(call)
        person = str((update.get("from") or {}).get("id", ""))
        if "data" in update:
            found = PRESSED.fullmatch(str(update["data"]))
            return [Reply(Wish(Verb.ACKNOWLEDGE), person, int(found[1]), event)] if found else []
        text, chat = str(update.get("text") or ""), update.get("chat") or {}
        if not text or chat.get("type") != "private":
            return []  # what is said in groups is not meant for us
        if started := START.match(text):
            return [Linked(started[1], person, str((update.get("from") or {}).get("username") or ""))]
        return [Reply(by_text(text), address=person, event=event)]

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """The sentence goes back in the answer to the call: above the button that was pressed, or as a message."""
        update, sentence = _update(call), " ".join(one.sentence for one in said)[:1000]
        body: dict[str, Any] = {}
        if "data" in update:
            body = {"method": "answerCallbackQuery", "callback_query_id": update.get("id"), "text": sentence[:200]}
        elif said:
            body = {"method": "sendMessage", "chat_id": (update.get("chat") or {}).get("id"), "text": sentence}
        return Answer(json.dumps(body).encode(), "application/json") if body else Answer()

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """In place of the button it says who has it."""
        chat, _, number = sent.provider_id.partition(":")
        button = [[{"text": note[:60], "callback_data": DONE}]]
        asked = {"chat_id": int(chat), "message_id": int(number), "reply_markup": {"inline_keyboard": button}}
        answer = _ask(account, "editMessageReplyMarkup", asked)
        return answer if isinstance(answer, Receipt) else Receipt(Outcome.DELIVERED, "Telegram shows it")


def proof(account: int) -> str:
    """The secret that Telegram sends with each call for that account."""
    return hmac.new(settings.SECRET_KEY.encode(), f"telegram:{account}".encode(), hashlib.sha256).hexdigest()


def _update(call: Callback) -> Mapping[str, Any]:
    """The message or the pressed button of an update; empty for anything else."""
    try:
        update = json.loads(call.body)
        found = update.get("callback_query") or update.get("message") or {}
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("from", {}), dict) and isinstance(found.get("chat", {}), dict) else {}


def _number(call: Callback) -> str:
    """Telegram's number of the update, which it brings again until it was taken."""
    try:
        return str(json.loads(call.body)["update_id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _buttons(message: Message) -> list[dict[str, str]]:
    rows = []
    if message.link and (number := message.facts.get("notification")):
        rows.append({"text": "Acknowledge", "callback_data": f"ack:{number}"})
    where = str(message.facts.get("subject_url") or message.link or "")
    if "." in (urlsplit(where).hostname or ""):  # Telegram refuses a whole message whose button leads to a bare host name
        rows.append({"text": "Open", "url": where})
    return rows


def _ask(account: Account, method: str, asked: Mapping[str, Any]) -> Mapping[str, Any] | Receipt:
    """The result of one method, or the receipt of its refusal."""
    server = (account.values.get("server") or SERVER).rstrip("/")
    body = json.dumps(asked).encode()
    answer = answers.ask(
        "POST", f"{server}/bot{account.values['token']}/{method}", headers={"Content-Type": "application/json"}, content=body
    )
    if isinstance(answer, Receipt):
        return answer
    said = answers.plain(answer)
    if said.get("ok") is True:
        result = said.get("result")
        return result if isinstance(result, dict) else {}
    words = str(said.get("description") or f"answered {answer.status}")[:300]
    if answer.status in (401, 404):
        return Receipt(Outcome.REFUSED, words)
    if answer.status == 403 or "chat not found" in words:
        return Receipt(Outcome.FAILED, words, gone=True)
    wait = (said.get("parameters") or {}).get("retry_after") if isinstance(said.get("parameters"), dict) else None
    return answers.refused(answer, words, retry_after=float(wait) if isinstance(wait, int) else None)


ABILITIES = Abilities(wakes=False, two_way=True, note="Rings like any other message; whoever mutes Telegram is not woken.")
NOTIFIER = TelegramChat("telegram", "Telegram", ABILITIES, check_address)
GATEWAY = Telegram()
