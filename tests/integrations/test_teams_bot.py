"""A bot in Teams: cards, refusals in plain words, tokens, and whatever claims to come from the Bot Connector and does not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest

from tests.stand_ins import Told
from tests.stand_ins.teams import APP, OTHER_KEY, ROOM, TENANT, Teams, chat_of, id_of
from tocsin import clock
from tocsin.domain.ports import Account, Callback, ForgedError, Linked, Message, Outcome, Reply, Said, Sent
from tocsin.domain.replies import Verb, Wish
from tocsin.integrations.teams import bot, connector, proof

PAGE = Message(
    "SEV1 INC-42 @channel *Checkout* <b>", "SEV1 INC-42 @channel *Checkout* <b>\nWhy you: you are on call",
    link="https://tocsin.example/ack/x/", facts={"notification": 7, "kind": "page", "subject_url": "https://tocsin.example/alerts/3/"},
)  # fmt: skip
CODE = Message("Your verification code for Tocsin", "The code is 123456.", urgent=False)
pytestmark = pytest.mark.django_db


@pytest.fixture
def teams():
    connector.tokens.known.clear()
    proof.keys.known.clear()
    stand_in = Teams()
    stand_in.joined.add(chat_of("ana"))
    yield stand_in
    stand_in.close()


@pytest.fixture
def account(teams):
    """Microsoft writes its IDs small, people do not always."""
    return Account(1, "Larkfield's", {**teams.values, "app_id": APP.upper(), "tenant": TENANT.upper()})


def address(teams, name="ana"):
    return f"{id_of(name)} {teams.service} {chat_of(name)}"


def send(teams, account, message=PAGE, to=""):
    return bot.GATEWAY.send(account, to or address(teams), message, key="k")


def read(teams, account, activity, **claims):
    body, headers = teams.signed(activity, clock.now(), **claims)
    return bot.GATEWAY.read_callback(account, Callback("POST", "http://x/", headers, body, clock.now()))


# -- what goes out ------------------------------------------------------------------------------------------------------------


def test_a_page_is_a_card_whose_texts_are_no_markup_with_buttons_that_come_back(teams, account):
    receipt = send(teams, account)
    assert receipt.outcome is Outcome.ACCEPTED and (chat_of("ana"), receipt.provider_id) in teams.activities
    assert teams.buttons("ana") == ["Acknowledge", "Escalate", "Acknowledge in the browser", "Open"]
    assert {one["type"] for one in teams.card("ana")["body"]} == {"RichTextBlock"} and "@channel *Checkout* <b>" in teams.words("ana")
    shown = teams.shown("ana")
    assert shown["summary"] == PAGE.title and shown["channelData"] == {"notification": {"alert": True}}


def test_a_code_has_no_buttons_and_what_somebody_took_says_who(teams, account):
    send(teams, account, CODE)
    assert teams.buttons("ana") == [] and not teams.shown("ana")["channelData"]["notification"]["alert"]
    receipt = send(teams, account)
    sent = Sent(address(teams), receipt.provider_id, "k")
    assert bot.GATEWAY.change(account, sent, PAGE, "Ben has it, since 10:00 UTC.").outcome is Outcome.DELIVERED
    assert teams.buttons("ana") == ["Open"] and "Ben has it, since 10:00 UTC." in teams.words("ana") and len(teams.activities) == 2


def test_a_room_is_a_channel_or_group_chat(teams, account):
    assert send(teams, account, to=ROOM).outcome is Outcome.ACCEPTED and "Acknowledge" in teams.buttons(ROOM)
    link = "https://teams.microsoft.com/l/channel/19%3Ac0ffee1234%40thread.tacv2/Ops?groupId=1&tenantId=2"
    assert [bot.GATEWAY.check_room(one) for one in (ROOM, link)] == [ROOM, ROOM]
    with pytest.raises(ValueError, match="Get link to channel"):
        bot.GATEWAY.check_room("#ops")


def test_the_largest_page_fits_into_28_kb(teams, account):
    large = Message("🔥" * 300, "\n".join("🔥" * 100 for _ in range(40)), link="https://x.example/" + "x" * 450, facts=PAGE.facts)
    assert send(teams, account, large).outcome is Outcome.ACCEPTED


def test_one_token_serves_until_shortly_before_its_end_and_one_that_is_revoked_is_replaced(teams, account, monkeypatch):
    for _ in range(3):
        send(teams, account)
    assert teams.asked_for("/token") == 1
    teams.tokens = dict.fromkeys(teams.tokens, False)
    assert send(teams, account).outcome is Outcome.ACCEPTED and teams.asked_for("/token") == 2
    elapsed = connector.time.monotonic() + 3599 - connector.SPARE
    monkeypatch.setattr(connector.time, "monotonic", lambda: elapsed)
    assert send(teams, account).outcome is Outcome.ACCEPTED and teams.asked_for("/token") == 3


@pytest.mark.parametrize(("name", "value"), [("secret", "old"), ("tenant", APP), ("app_id", TENANT)])
def test_an_app_that_may_not_sign_in_is_the_accounts_fault_in_microsofts_first_line(teams, account, name, value):
    receipt = send(teams, replace(account, values={**account.values, name: value}))
    assert (
        receipt.outcome is Outcome.REFUSED and "does not let the app sign in: AADSTS7" in receipt.reason and "Trace" not in receipt.reason
    )
    assert receipt.reason.count("old") == 0


@pytest.mark.parametrize(
    ("told", "outcome", "gone", "words"),
    [
        (Told(403, {"error": {"code": "MessageWritesBlocked", "message": "x"}}), Outcome.FAILED, True, "blocked or removed the bot"),
        (Told(403, {"error": {"code": "BotNotInConversationRoster", "message": "x"}}), Outcome.FAILED, True, "not in that chat"),
        (Told(403, {"error": {"code": "Forbidden", "message": "x"}}), Outcome.FAILED, False, "does not let the bot write"),
        (Told(404, {"error": {"code": "ConversationNotFound", "message": "x"}}), Outcome.FAILED, True, "does not know this chat"),
        (Told(404, b"<html>"), Outcome.RETRY, False, "has a fault"),
        (Told(412, {"error": {"code": "PreconditionFailed"}}), Outcome.RETRY, False, "has a fault"),
        (Told(413, {"error": {"code": "MessageSizeTooBig"}}), Outcome.FAILED, False, "too long"),
        (Told(400, {"error": {"code": "BadSyntax", "message": "Bad format"}}), Outcome.FAILED, False, "BadSyntax: Bad format"),
        (Told(429, {"error": {"code": "Throttled"}}, {"Retry-After": "7"}), Outcome.RETRY, False, "too many"),
        (Told(502, b"bad gateway"), Outcome.RETRY, False, "failed"),
        (Told(302, b"", {"Location": "http://127.0.0.1/"}), Outcome.REFUSED, False, "leads elsewhere"),
    ],
)
def test_refusals_in_plain_words(teams, account, told, outcome, gone, words):
    connector.tokens.of(account, limit=5)
    teams.instead = [told]
    receipt = send(teams, account)
    assert (receipt.outcome, receipt.gone) == (outcome, gone) and words in receipt.reason
    assert receipt.retry_after == (7.0 if told.status == 429 else None)


def test_an_app_that_the_connector_does_not_take_is_refused_after_a_fresh_token(teams, account):
    connector.tokens.of(account, limit=5)
    denied = Told(401, {"message": "Authorization has been denied for this request."})
    teams.instead = [denied, Told(200, {"access_token": "t", "expires_in": 3599}), denied]
    assert send(teams, account).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    "service",
    [
        "https://evil.example/teams", "http://smba.trafficmanager.net/emea/", "https://smba.trafficmanager.net.evil.example/",
        "https://smba.trafficmanager.net:8443/", "https://smba.trafficmanager.net@evil.example/", "https://botframework.com.evil.example/",
        "https://evilbotframework.com/", "https://evil.example/#.botframework.com", "http://127.0.0.1:1/", "ftp://smba.trafficmanager.net/", "",
        "https://smba.trafficmanager.net\n.evil.example/",
    ],
)  # fmt: skip
def test_no_other_address_is_shown_our_token(teams, account, service):
    assert not connector.is_ours(account, service)
    receipt = send(teams, account, to=f"29:x {service} a:1") if service.startswith("http") and "\n" not in service else None
    assert teams.asked == [] and (receipt is None or receipt.outcome is Outcome.FAILED)


def test_microsofts_addresses_and_the_accounts_own_are_known(teams, account):
    for service in ("https://smba.trafficmanager.net/emea/", "https://webchat.botframework.com/", teams.service):
        assert connector.is_ours(account, service)


# -- what comes in --------------------------------------------------------------------------------------------------------------


def test_a_press_a_word_and_a_code_are_read(teams, account):
    send(teams, account)
    (pressed,) = read(teams, account, teams.pressed("Escalate", "ana", "ben"))
    assert (pressed.wish, pressed.address, pressed.notification) == (Wish(Verb.ESCALATE), id_of("ben"), 7)
    (word,) = read(teams, account, teams.written("ana", "ack 3"))
    assert word == Reply(Wish(Verb.ACKNOWLEDGE, 3), id_of("ana"), event=word.event) and word.event != pressed.event
    code = f"12-{'a' * 24}"
    (linked,) = read(teams, account, teams.written("ana", f"  {code}\xa0"))
    assert linked == Linked(code, address(teams), "Ana")
    assert read(teams, account, teams.written("ana", f"<at>Tocsin</at> {code}", ROOM)) == []
    assert read(teams, account, teams.activity("ana", type="conversationUpdate", membersAdded=[])) == []


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": TENANT}, {"aud": None}, {"iss": "https://login.microsoftonline.com/x/"}, {"exp": 1_000_000_000}, {"exp": None}, {"exp": "never"},
        {"nbf": 4_000_000_000}, {"serviceurl": "https://smba.trafficmanager.net/amer/"}, {"serviceurl": None}, {"serviceurl": 7},
    ],
)  # fmt: skip
def test_a_token_for_another_bot_or_address_or_time_or_from_elsewhere_is_refused(teams, account, claims):
    with pytest.raises(ForgedError):
        read(teams, account, teams.written("ana", "ack"), **claims)


def test_a_foreign_service_url_is_refused_however_well_signed(teams, account):
    for foreign in ("https://evil.example/emea/", "http://smba.trafficmanager.net/emea/"):
        with pytest.raises(ForgedError, match="not Microsoft's"):
            read(teams, account, {**teams.written("ana", f"12-{'a' * 24}"), "serviceUrl": foreign})


def test_clocks_may_differ_by_five_minutes_and_no_more(teams, account):
    body, headers = teams.signed(teams.written("ana", "ack"), clock.now())
    for hours, minutes, good in ((1, 4, True), (1, 6, False), (0, -4, True), (0, -6, False)):
        call = Callback("POST", "http://x/", headers, body, clock.now() + timedelta(hours=hours, minutes=minutes))
        if good:
            assert bot.GATEWAY.read_callback(account, call)
        else:
            with pytest.raises(ForgedError, match="expired"):
                bot.GATEWAY.read_callback(account, call)


def headers_of(teams, activity, algorithm, key, kid):
    claims = {"serviceurl": activity["serviceUrl"], "iss": proof.ISSUER, "aud": APP, "exp": int(clock.now().timestamp()) + 60}
    return {"authorization": f"Bearer {jwt.encode(claims, key, algorithm=algorithm, headers={'kid': kid})}"}


def test_what_is_not_signed_by_a_published_key_is_refused(teams, account):
    activity = teams.written("ana", "ack")
    public = json.dumps({"kty": "oct"})
    for headers in (
        {}, {"authorization": "Bearer"}, {"authorization": "Bearer x.y.z"}, {"authorization": "Basic abc"},
        headers_of(teams, activity, "none", None, teams.kid), headers_of(teams, activity, "HS256", public * 4, teams.kid),
        headers_of(teams, activity, "RS256", OTHER_KEY, teams.kid), headers_of(teams, activity, "RS256", OTHER_KEY, "key-2"),
    ):  # fmt: skip
        with pytest.raises(ForgedError):
            bot.GATEWAY.read_callback(account, Callback("POST", "http://x/", headers, json.dumps(activity).encode(), clock.now()))
    assert teams.asked_for("/keys") == 1  # a made-up name does not make us ask again each time


def test_other_channels_of_the_same_bot_and_other_organisations_are_refused(teams, account):
    for more in ({"channelId": "directline"}, {"channelData": {"tenant": {"id": APP}}}, {"channelData": {}}, {"channelData": 3}):
        with pytest.raises(ForgedError):
            read(teams, account, {**teams.written("ana", "ack"), **more})
    teams.endorsements, proof.keys.known = ["webchat"], {}
    with pytest.raises(ForgedError, match="Teams"):
        read(teams, account, teams.written("ana", "ack"))


def test_a_body_of_any_shape_is_read_or_refused(teams, account):
    whole = teams.activity("ana", value={"do": "acknowledge", "page": 7})
    assert read(teams, account, whole)
    for strange in (
        {"value": {"do": "delete", "page": 7}}, {"value": {"do": "acknowledge", "page": "7"}}, {"value": {"do": "acknowledge", "page": -1}},
        {"value": {"do": ["acknowledge"], "page": 10**30}}, {"from": 5}, {"from": {}}, {"conversation": []}, {"value": 3, "text": 4},
    ):  # fmt: skip
        assert all(one.notification is None for one in read(teams, account, {**whole, **strange}))
    for body in (b"", b"[]", b"{", b"[" * 100_000, b"\xff"):
        _, headers = teams.signed(whole, clock.now())
        with pytest.raises(ForgedError):
            bot.GATEWAY.read_callback(account, Callback("POST", "http://x/", headers, body, clock.now()))


def test_new_keys_are_found_and_known_ones_stay_good_while_microsoft_is_away(teams, account, monkeypatch):
    assert read(teams, account, teams.written("ana", "ack"))
    elapsed = proof.time.monotonic() + proof.KEYS_AGAIN + 1
    monkeypatch.setattr(proof.time, "monotonic", lambda: elapsed)
    old = teams.signed(teams.written("ana", "ack"), clock.now())
    teams.kid, teams.key = "key-2", OTHER_KEY
    assert read(teams, account, teams.written("ana", "ack"))
    with pytest.raises(ForgedError):  # Microsoft has withdrawn it
        bot.GATEWAY.read_callback(account, Callback("POST", "http://x/", old[1], old[0], clock.now()))
    monkeypatch.setattr(proof.time, "monotonic", lambda: elapsed + proof.KEYS_KEPT + 1)
    teams.instead = [Told(500, b"")] * 2
    assert read(teams, account, teams.written("ana", "ack"))
    proof.keys.known.clear()
    teams.instead = [Told(200, b"<html>")]
    with pytest.raises(ForgedError, match="cannot be read now"):
        read(teams, account, teams.written("ana", "ack"))


def test_who_wrote_or_pressed_in_vain_is_told_and_a_press_that_counted_is_not(teams, account):
    send(teams, account)
    pressed, written = teams.pressed("Acknowledge", "ana", "ana"), teams.written("ana", "ack")
    for activity, said in (
        (pressed, Said(True, "You have it.")), (pressed, Said(False, "This page is gone.")), (written, Said(True, "You have <it>.")),
    ):  # fmt: skip
        bot.GATEWAY.answer(account, Callback("POST", "http://x/", {}, json.dumps(activity).encode(), clock.now()), [said])
    said = [one["text"] for one in teams.activities.values() if "text" in one]
    assert said == ["This page is gone.", "You have <it>."] and teams.shown("ana")["textFormat"] == "plain"


def test_what_cannot_be_a_bot_or_a_chat_is_refused(teams):
    assert set(bot.GATEWAY.check({**teams.values, "app_id": "tocsin", "tenant": "larkfield.com", "login": "x"})) == {
        "app_id",
        "tenant",
        "login",
    }
    assert bot.NOTIFIER.check_address(" ") == "" and bot.NOTIFIER.visible(bot.NOTIFIER.check_address(address(teams))) == id_of("ana")
    with pytest.raises(ValueError, match="Leave the address empty"):
        bot.NOTIFIER.check_address("ana@example.com")
