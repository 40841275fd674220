"""A page by a Telegram bot: linked by /start CODE, acknowledged by its button or a text, ended there when somebody else has it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tests.integrations.standing_in import Asked, StandIn, running
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib.refusal import Refused
from tocsin.paging import jobs
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Notification, Provider

TOKEN, BEN = "123456789:" + "A" * 35, 4711


@dataclass
class Telegram(StandIn):
    """The Bot API's methods that we use, and the people who write to the bot."""

    hook: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    known: set[int] = field(default_factory=lambda: {BEN})  # who has started the bot
    blocked: set[int] = field(default_factory=set)
    updates: Iterator[int] = field(default_factory=itertools.count)

    def answer(self, asked: Asked):
        _, bot, method = asked.path.split("/")
        if bot != f"bot{TOKEN}":
            return self.no(401, "Unauthorized")
        return getattr(self, method)(asked.json)

    def setWebhook(self, given):
        if not given["url"].startswith("http") or not set(given["secret_token"]) <= set("0123456789abcdef"):
            return self.no(400, "Bad Request: bad webhook")
        self.hook = given
        return self.yes(True)

    def sendMessage(self, given):
        if given["chat_id"] in self.blocked:
            return self.no(403, "Forbidden: bot was blocked by the user")
        if given["chat_id"] not in self.known:
            return self.no(400, "Bad Request: chat not found")
        assert 0 < len(given["text"]) <= 4096
        for row in given.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                assert len(button.get("callback_data", "").encode()) <= 64 and ("url" in button) != ("callback_data" in button)
                if "." not in urlsplit(button.get("url", "https://a.b")).hostname:
                    return self.no(400, "Bad Request: inline keyboard button URL is invalid")
        self.messages.append({"message_id": len(self.messages) + 1, **given})
        return self.yes({"message_id": len(self.messages), "chat": {"id": given["chat_id"], "type": "private"}})

    def editMessageReplyMarkup(self, given):
        [message] = [one for one in self.messages if one["message_id"] == given["message_id"] and one["chat_id"] == given["chat_id"]]
        if message["reply_markup"] == given["reply_markup"]:
            return self.no(400, "Bad Request: message is not modified")
        message["reply_markup"] = given["reply_markup"]
        return self.yes(True)

    @staticmethod
    def yes(result):
        return 200, {"ok": True, "result": result}, {}

    @staticmethod
    def no(status: int, words: str, **more):
        return status, {"ok": False, "error_code": status, "description": words, **more}, {}

    # -- people ---------------------------------------------------------------------------------------------------------

    def call(self, update: dict[str, Any], secret: str | None = None):
        headers = {"x-telegram-bot-api-secret-token": self.hook["secret_token"] if secret is None else secret}
        return Client().post(
            urlsplit(self.hook["url"]).path,
            json.dumps({"update_id": next(self.updates), **update}),
            content_type="application/json",
            headers=headers,
        )

    def write(self, person: int, text: str, chat: int | None = None):
        self.known.add(person)
        kind = "private" if chat is None else "group"
        said = {
            "message_id": 900,
            "from": {"id": person, "username": "ben_b"},
            "chat": {"id": chat or person, "type": kind},
            "text": text,
            "date": 1,
        }
        return self.call({"message": said})

    def press(self, person: int, message: dict[str, Any], button: int = 0):
        data = message["reply_markup"]["inline_keyboard"][0][button]["callback_data"]
        return self.call(
            {"callback_query": {"id": "77", "from": {"id": person}, "message": {"message_id": message["message_id"]}, "data": data}}
        )


@pytest.fixture
def bot(world):
    server = Telegram()
    with running(server):
        values = {"name": "@our_tocsin_bot", "token": TOKEN, "server": server.url}
        made = providers.create_provider(kind="telegram", name="Our bot", values=values, by=world.by, now=world.now)
        jobs.connect(provider=made.pk)
        yield server


@pytest.fixture
def chat(world, bot):
    """Ben is reached by Telegram alone, linked by the code that his page shows."""
    ContactMethod.objects.filter(user=world.ben).update(enabled=False)
    method = paging.add_method(world.ben, kind="telegram", by=world.by, now=world.now)
    link, words = paging.invitation(method, world.now)
    code = link.removeprefix("https://t.me/our_tocsin_bot?start=")
    assert f"/start {code}" in words and len(code) <= 64
    answer = bot.write(BEN, f"/start {code}").json()
    assert answer == {"method": "sendMessage", "chat_id": BEN, "text": "Proved. Pages for Ben reach you here."}
    method.refresh_from_db()
    assert (method.address, method.label) == (str(BEN), "ben_b") and method.verified_at
    return method


def test_the_button_acknowledges(world, bot, chat):
    world.policy([world.ben], [world.ana])
    alert = world.alert("Checkout is down")
    [message] = bot.messages
    assert message["chat_id"] == BEN and "Checkout is down" in message["text"] and not message["disable_notification"]
    answer = bot.press(BEN, message).json()
    assert answer["method"] == "answerCallbackQuery" and answer["callback_query_id"] == "77" and answer["text"].startswith("You have it")
    run = world.escalation(alert)
    assert (run.acknowledged_by, run.acknowledged_via) == (world.ben, "telegram")
    world.advance(hours=1)  # nobody else is paged
    assert message["reply_markup"]["inline_keyboard"][0][0]["text"].startswith("Ben has it, since")
    assert bot.press(BEN, message).status_code == 200  # the button that only says so


def test_a_text_with_the_number_of_the_page_acknowledges_too(world, bot, chat):
    world.policy([world.ben])
    alert = world.alert()
    number = Notification.objects.get(user=world.ben, kind="page").reply_code
    assert bot.write(BEN, f"ack {number}").json()["text"].startswith("You have it")
    assert world.escalation(alert).acknowledged_by == world.ben


def test_when_somebody_else_has_it_the_message_says_so(world, bot, chat):
    world.policy([world.ben, world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    world.settle()
    [button] = bot.messages[0]["reply_markup"]["inline_keyboard"][0]
    assert button["text"].startswith("Ana has it, since") and button["callback_data"] == "-"


def test_nobody_answers_for_another_and_no_call_counts_without_the_secret(world, bot, chat):
    world.policy([world.ben])
    alert = world.alert()
    [message] = bot.messages
    assert "belongs to nobody" in bot.press(666, message).json()["text"]
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    pressed = {"callback_query": {"id": "1", "from": {"id": BEN}, "data": data}}
    assert bot.call(pressed, secret="").status_code == 403 and bot.call(pressed, secret="0" * 64).status_code == 403
    assert bot.write(BEN, "ack", chat=-100).content == b""  # what is said in a group is not for us
    for strange in ({}, {"message": 5}, {"message": {"from": 1}}, {"callback_query": {"id": "1", "from": {"id": BEN}, "data": "ack:x"}}):
        assert bot.call(strange).status_code == 200
    assert world.escalation(alert).status == "running"


def test_a_wrong_or_old_code_links_nobody(world, bot):
    method = paging.add_method(world.cy, kind="telegram", by=world.by, now=world.now)
    link, _ = paging.invitation(method, world.now)
    for code in ("x", f"{method.pk}-{'0' * 24}", "999999-abc"):
        assert "code" in bot.write(BEN, f"/start {code}").json()["text"]
    world.advance(minutes=11)
    assert paging.invitation(method, world.now) is None
    assert "no longer valid" in bot.write(BEN, f"/start {link.partition('=')[2]}").json()["text"]
    method.refresh_from_db()
    assert method.verified_at is None and bot.messages == []


def test_too_many_messages_are_sent_again_when_telegram_says_and_a_blocked_bot_loses_its_proof(world, bot, chat):
    world.policy([world.ben], [world.ana])
    bot.trouble.append(bot.no(429, "Too Many Requests: retry after 8", parameters={"retry_after": 8}))
    world.alert()
    assert bot.messages == []
    world.advance(seconds=9)
    assert len(bot.messages) == 1
    bot.blocked.add(BEN)
    world.advance(minutes=2)
    world.alert("Search is down")
    world.phone.expect(world.ana, "Search is down")
    chat.refresh_from_db()
    assert chat.verified_at is None and "blocked by the user" in chat.lost_reason


def test_a_revoked_token_is_the_accounts_fault_and_is_seen_when_it_is_saved(world, bot, chat):
    row = Provider.objects.get(kind="telegram")
    providers.change_provider(row, values={"token": "987654321:" + "B" * 35}, by=world.by, now=world.now)
    jobs.connect(provider=row.pk)
    row.refresh_from_db()
    assert row.failures == 1 and row.last_reason == "Unauthorized"
    world.policy([world.ben], [world.ana])
    world.alert()
    world.phone.expect(world.ana)
    chat.refresh_from_db()
    assert chat.verified_at  # it is not the chat's fault


def test_what_cannot_be_a_chat_or_a_bot_is_refused(world):
    with pytest.raises(ValueError, match="Leave the address empty"):
        NOTIFIERS["telegram"].check_address("@ben")
    with pytest.raises(Refused) as refused:
        providers.create_provider(kind="telegram", values={"name": "b", "token": "x"}, by=world.by, now=world.now)
    assert set(refused.value.errors) == {"values.name", "values.token"}
