"""Slack's wire: what is sent is what its SDK accepts, `ok: false` is a failure in plain words, and a call counts only with Slack's proof."""

from __future__ import annotations

import threading
import time

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.stand_ins import Told
from tests.stand_ins.slack import SECRET, TEAM, TOKEN, Slack, signed
from tocsin import clock
from tocsin.domain.ports import Account, Callback, ForgedError, Message, Outcome, Reply, Said, Sent
from tocsin.domain.replies import Verb, Wish
from tocsin.integrations import chat
from tocsin.integrations.slack import words
from tocsin.integrations.slack.gateway import Slack as Gateway
from tocsin.integrations.slack.gateway import check_address

PAGE = Message(
    "SEV1 INC-42 <!channel> Checkout & payments", "SEV1 INC-42 <!channel> Checkout & payments\nService: checkout\nWhy you: <@U0ANA1111> is on call",
    link="https://tocsin.example/ack/x/", facts={"notification": 7, "subject_url": "https://tocsin.example/alerts/3/"},
)  # fmt: skip
CODE = Message("Your verification code for Tocsin", "The code is 123456. It is valid for 10 minutes.", urgent=False, facts={})


@pytest.fixture
def slack():
    stand_in = Slack()
    yield stand_in
    stand_in.close()


@pytest.fixture
def account(slack):
    return Account(
        1, "Larkfield's Slack", {"token": TOKEN, "signing_secret": SECRET, "api": slack.api}, "http://localhost:8000/callbacks/pages/x/"
    )


def sent(account, address="U0ANA1111", message=PAGE):
    return Gateway().send(account, address, message, key="tocsin-7")


def test_the_stand_in_is_one_to_the_real_sdk(slack):
    client = WebClient(token=TOKEN, base_url=f"{slack.api}/")
    assert client.auth_test()["team_id"] == TEAM
    assert client.chat_postMessage(channel="C0OPS3333", **words.page(PAGE))["ok"]
    with pytest.raises(SlackApiError, match="channel_not_found"):
        client.chat_postMessage(channel="C0NOWHERE", **words.page(PAGE))


def test_a_page_is_a_direct_message_with_two_buttons_and_no_mention_that_somebody_else_wrote(account, slack):
    receipt = sent(account)
    assert (receipt.outcome, receipt.provider_id, receipt.recipient) == (Outcome.ACCEPTED, "D0ANA1111:1700000000.000100", "U0ANA1111")
    shown = slack.shown("D0ANA1111")
    assert shown["text"] == "SEV1 INC-42 &lt;!channel&gt; Checkout &amp; payments"
    assert all(block["text"]["type"] == "plain_text" for block in shown["blocks"] if "text" in block)
    assert list(slack.buttons(shown)) == ["Acknowledge", "Escalate", "Open"]
    assert shown["blocks"][1]["text"]["text"] == "Service: checkout\nWhy you: <@U0ANA1111> is on call"


def test_an_e_mail_address_is_looked_up_once(account, slack):
    gateway = Gateway()
    receipts = [gateway.send(account, "ben@example.com", PAGE, key="k") for _ in range(2)]
    assert {receipt.recipient for receipt in receipts} == {"U0BEN2222"}
    assert [asked.path for asked in slack.asked] == ["/api/users.lookupByEmail", "/api/chat.postMessage", "/api/chat.postMessage"]


def test_a_channel_takes_pages_too(account, slack):
    assert sent(account, "C0OPS3333").provider_id.startswith("C0OPS3333:")
    assert sent(account, "#ops").outcome is Outcome.ACCEPTED


def test_a_code_has_no_buttons(account, slack):
    sent(account, message=CODE)
    assert slack.buttons(slack.shown("D0ANA1111")) == {}


@pytest.mark.parametrize(
    ("address", "word", "outcome", "sentence"),
    [
        ("U0NOBODY1", None, Outcome.FAILED, "no such person"),
        ("cy@example.com", None, Outcome.FAILED, "nobody in the workspace"),
        ("U0ANA1111", "token_revoked", Outcome.REFUSED, "revoked"),
        ("U0ANA1111", "account_inactive", Outcome.REFUSED, "removed"),
        ("U0ANA1111", "missing_scope", Outcome.REFUSED, "needed: chat:write"),
        ("U0ANA1111", "internal_error", Outcome.RETRY, "fault"),
        ("U0ANA1111", "something_new", Outcome.FAILED, "something_new"),
    ],
)
def test_ok_false_is_a_failure_although_the_status_is_200(account, slack, address, word, outcome, sentence):
    if word:
        slack.instead = [Told(200, {"ok": False, "error": word, "needed": "chat:write"})]
    receipt = sent(account, address)
    assert receipt.outcome is outcome and sentence in receipt.reason


@pytest.mark.parametrize("seconds", [30, 86400])
def test_too_many_messages_are_told_with_how_long_to_wait(account, slack, seconds):
    slack.instead = [Told(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)})]
    receipt = sent(account)
    assert (receipt.outcome, receipt.retry_after) == (Outcome.RETRY, seconds)


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (Told(503, b"<html>busy</html>"), Outcome.RETRY),
        (Told(200, b"<html>a proxy's page</html>"), Outcome.RETRY),
        (Told(302, b"", {"Location": "http://169.254.169.254/"}), Outcome.REFUSED),
        (Told(200, b"[" * 100_000), Outcome.UNKNOWN),  # larger than what is read: it may be there
        (Told(200, b"[" * 50_000), Outcome.RETRY),
    ],
)
def test_answers_that_are_not_slacks(account, slack, told, outcome):
    slack.instead = [told]
    assert sent(account).outcome is outcome
    assert len(slack.asked) == 1


def test_no_answer_to_a_message_that_went_out_is_unknown_and_to_a_look_up_is_not(account, slack, monkeypatch):
    monkeypatch.setattr(chat.call, "__kwdefaults__", {**chat.call.__kwdefaults__, "limit": 1.5})
    slack.hang = threading.Event()
    started = time.monotonic()
    with pytest.raises(chat.NotTaken) as posted:
        chat.call("POST", f"{slack.api}/chat.postMessage", body={}, posts=True)
    with pytest.raises(chat.NotTaken) as looked_up:
        chat.call("POST", f"{slack.api}/users.lookupByEmail", form={})
    slack.hang.set()
    assert (posted.value.receipt.outcome, looked_up.value.receipt.outcome) == (Outcome.UNKNOWN, Outcome.RETRY)
    assert time.monotonic() - started < 25


def test_an_api_address_inside_the_house_is_not_called(account, settings):
    settings.EGRESS_ALLOW = []
    receipt = sent(account)
    assert receipt.outcome is Outcome.REFUSED and "not public" in receipt.reason


def test_what_somebody_took_has_no_buttons_but_says_who(account, slack):
    receipt = sent(account)
    assert Gateway().change(account, Sent("", receipt.provider_id, ""), PAGE, "Ben has it, since 10:31 UTC").outcome is Outcome.DELIVERED
    shown = slack.shown("D0ANA1111")
    assert list(slack.buttons(shown)) == ["Open"]
    assert shown["blocks"][2]["elements"][0]["text"] == "Ben has it, since 10:31 UTC"


def test_addresses():
    assert [check_address(one) for one in ("u0ana1111", "C0OPS3333", "#ops", "Ana@Example.com")] == [
        "U0ANA1111",
        "C0OPS3333",
        "#ops",
        "ana@example.com",
    ]
    for wrong in ("", "ana", "@ana", "<!channel>", "#a b", "U", "ana@<x>"):
        with pytest.raises(ValueError, match="member ID"):
            check_address(wrong)


def test_what_is_wrong_with_an_account_is_said():
    assert set(Gateway().check({"token": "xoxp-1", "signing_secret": "no", "api": "slack.com"})) == {"token", "signing_secret", "api"}
    assert Gateway().check({"token": TOKEN, "signing_secret": SECRET, "api": "https://slack.com/api"}) == {}


# -- buttons --------------------------------------------------------------------------------------------------------------


def call(body, at=None, **headers):
    now = clock.now()
    made = {name.lower(): value for name, value in {**signed(body, at or now.timestamp()), **headers}.items()}
    return Callback("POST", "http://localhost:8000/callbacks/accounts/x/", made, body, now)


@pytest.mark.django_db
class TestButtons:
    def test_a_press_says_who_wants_what_about_which_page(self, account, slack):
        sent(account)
        for label, verb in (("Acknowledge", Verb.ACKNOWLEDGE), ("Escalate", Verb.ESCALATE)):
            body = slack.pressed(label, "D0ANA1111", "U0ANA1111")
            assert Gateway().read_callback(account, call(body)) == [Reply(Wish(verb), "U0ANA1111", 7)]
        assert Gateway().read_callback(account, call(slack.pressed("Open", "D0ANA1111", "U0ANA1111"))) == []

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-Slack-Signature": ""},
            {"X-Slack-Signature": "v0=" + "0" * 64},
            {"X-Slack-Signature": "v0=é"},
            {"X-Slack-Request-Timestamp": "soon"},
            {"X-Slack-Request-Timestamp": ""},
        ],
    )
    def test_an_unsigned_or_wrongly_signed_call_is_refused(self, account, slack, headers):
        sent(account)
        with pytest.raises(ForgedError):
            Gateway().read_callback(account, call(slack.pressed("Acknowledge", "D0ANA1111", "U0ANA1111"), **headers))

    @pytest.mark.parametrize("seconds", [-301, 302])
    def test_an_old_call_is_refused_although_it_is_signed(self, account, slack, seconds):
        sent(account)
        with pytest.raises(ForgedError, match="five minutes"):
            Gateway().read_callback(
                account, call(slack.pressed("Acknowledge", "D0ANA1111", "U0ANA1111"), clock.now().timestamp() + seconds)
            )

    def test_another_secret_and_a_changed_body_are_refused(self, account, slack):
        sent(account)
        body, now = slack.pressed("Acknowledge", "D0ANA1111", "U0ANA1111"), clock.now().timestamp()
        for wrong in (call(body, **signed(body, now, "0" * 32)), call(body.replace(b"U0ANA", b"U0BEN"), **signed(body, now))):
            with pytest.raises(ForgedError, match="signature"):
                Gateway().read_callback(account, wrong)

    @pytest.mark.parametrize("foreign", [{"team": "T0FOREIGN"}, {"of_team": "T0FOREIGN"}])
    def test_a_button_of_another_workspace_is_refused_although_it_is_signed(self, account, slack, foreign):
        sent(account)
        with pytest.raises(ForgedError, match="another workspace"):
            Gateway().read_callback(account, call(slack.pressed("Acknowledge", "D0ANA1111", "U0ANA1111", **foreign)))

    def test_while_the_workspace_is_not_known_nothing_counts(self, account, slack):
        sent(account)
        slack.instead = [Told(503)]
        with pytest.raises(ForgedError, match="could not be confirmed"):
            Gateway().read_callback(account, call(slack.pressed("Acknowledge", "D0ANA1111", "U0ANA1111")))

    def test_other_calls_of_slack_change_nothing(self, account, slack):
        for body in (b"ssl_check=1&token=x", b"payload=%5B%5D", b"payload=" + b"%5B" * 5000, b"payload=%FF%FE", b""):
            assert Gateway().read_callback(account, call(body)) == []
        body = b'{"type":"url_verification","challenge":"3eZbrw1aB"}'
        shake = call(body, **{"Content-Type": "application/json"})
        assert Gateway().read_callback(account, shake) == []
        assert Gateway().answer(account, shake, []).body == b"3eZbrw1aB"

    def test_who_presses_in_vain_is_told_so_for_their_eyes_only(self, account, slack):
        sent(account)
        press = call(slack.pressed("Acknowledge", "D0ANA1111", "U0ANA1111"))
        assert Gateway().answer(account, press, [Said(True, "You have it.")]).body == b"" and slack.whispers == []
        Gateway().answer(account, press, [Said(False, "<Nobody>.")])
        assert slack.whispers == [("D0ANA1111", "U0ANA1111", "&lt;Nobody&gt;.")]
