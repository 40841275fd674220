"""A page goes out as a text through Twilio, is reported on to its end, and is answered from the phone."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from tests.integrations.standing_in import running
from tests.twilio import NUMBER, SID, TOKEN, Twilio, problem
from tocsin.accounts.actor import Actor
from tocsin.alerts.models import Alert
from tocsin.lib.refusal import Refused
from tocsin.oncall.models import Readiness
from tocsin.paging import messages
from tocsin.paging import operations as paging
from tocsin.paging import operations_claims as claims
from tocsin.paging import operations_policy_tests as policy_tests
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Provider
from tocsin.response import ahead, deliver, escalate, ready
from tocsin.response.try_policy import try_policy

ANA, BEN = "+4915112345601", "+4915112345602"


@pytest.fixture
def twilio():
    standing_in = Twilio()
    with running(standing_in):
        yield standing_in


@pytest.fixture
def account(world, twilio):
    values = {"account_sid": SID, "auth_token": TOKEN, "sender": NUMBER, "base_url": twilio.url}
    return providers.create_provider(kind="twilio_sms", name="Twilio", values=values, by=world.by, now=world.now)


def texted(world, person, number, **more):
    """That person is reached by text alone, until the story says otherwise."""
    ContactMethod.objects.filter(user=person).delete()
    return paging.add_method(person, kind="sms", address=number, verified=True, by=Actor.of(person, "web"), now=world.now, **more)


@pytest.fixture
def ana(world, account):
    texted(world, world.ana, ANA)
    return world.ana


def test_two_people_who_share_a_telephone_are_told_numbers_apart(world, twilio, ana):
    texted(world, world.ben, ANA)
    world.policy([ana])
    first = world.alert("Checkout is down")
    world.policy([world.ben], name="Search")
    second = world.alert("Search is slow")
    assert "Reply 2 to acknowledge" in twilio.texts[1]["form"]["Body"]
    twilio.text(ANA, "1", inbound())
    assert world.escalation(first).acknowledged_by == world.ana and world.escalation(second).status == "running"


def page(world, person):
    return world.pages(user=person, kind="page")[-1]


def inbound():
    return messages.inbound(Provider.objects.get())


def test_a_page_is_one_text_that_says_how_to_answer(world, twilio, ana):
    world.policy([ana])
    alert = world.alert("Checkout is down")
    (text,) = twilio.texts
    assert text["form"]["To"] == ANA and text["form"]["From"] == NUMBER
    assert text["form"]["Body"] == ("SEV2 Checkout is down (checkout) Reply 1 to acknowledge, 1r resolve, 1e escalate.")
    row = page(world, ana)
    assert (row.state, row.provider_id, row.account.name) == ("accepted", text["sid"], "Twilio")
    assert world.escalation(alert).status == "running"


def test_a_text_that_went_out_does_not_go_out_twice_because_the_standing_of_its_account_could_not_be_kept(world, twilio, ana, monkeypatch):
    def away(*_):
        raise OperationalError("the database restarts")

    monkeypatch.setattr(providers, "judge", away)
    world.policy([ana])
    world.alert("Checkout is down")
    world.advance(seconds=60)
    assert len(twilio.texts) == 1 and page(world, ana).state == "accepted"


def test_delivered_is_what_twilio_says_at_the_end(world, twilio, ana):
    world.policy([ana])
    world.alert()
    (text,) = twilio.texts
    assert twilio.report(text, "sent").status_code == 200
    assert page(world, ana).state == "accepted"
    twilio.report(text, "delivered")
    row = page(world, ana)
    assert row.state == "delivered" and row.outcome == "Twilio: it is on the phone"
    assert [line["state"] for line in row.history] == ["pending", "sending", "accepted", "accepted", "delivered"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("30003", "it is off or has no signal"),
        ("30005", "does not exist"),
        ("30006", "landline"),
        ("30007", "unwanted"),
        ("39999", "(39999)"),
    ],
)
def test_an_undelivered_text_is_followed_by_the_next_method_at_once(world, twilio, ana, code, words):
    world.method(ana)
    rule = ContactMethod.objects.get(user=ana, kind="sms")
    for method, after in ((rule, 0), (ContactMethod.objects.get(user=ana, kind="phone"), 300)):
        paging.add_rule(ana, contact_method=method.pk, after_seconds=after, by=world.by, now=world.now)
    world.policy([ana])
    world.alert("Checkout is down")
    world.phone.silent()
    twilio.report(twilio.texts[0], "undelivered", ErrorCode=code)
    world.settle()
    world.phone.expect(ana, "Checkout is down")
    assert words in world.pages(user=ana, method_kind="sms")[0].outcome


def test_a_person_whose_only_text_fails_is_followed_by_the_next_step_at_once(world, twilio, ana):
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    twilio.report(twilio.texts[0], "failed", ErrorCode="30008")
    world.settle()
    world.phone.expect(world.ben, "Checkout is down")


def test_a_report_that_comes_twice_late_or_out_of_order_changes_nothing_and_is_noted(world, twilio, ana):
    world.policy([ana], [world.ben])
    world.alert()
    (text,) = twilio.texts
    twilio.report(text, "delivered")
    for status in ("delivered", "sent", "undelivered", "failed"):
        assert twilio.report(text, status, ErrorCode="30008").status_code == 200
    row = page(world, ana)
    assert row.state == "delivered" and "Twilio says: undelivered: the carrier gave no reason (30008)" in [
        line["reason"] for line in row.history
    ]
    world.settle()
    world.phone.silent()


def test_a_report_about_another_text_than_ours_is_noted_and_not_obeyed(world, twilio, ana):
    world.policy([ana], [world.ben])
    world.alert()
    stranger = {**twilio.texts[0], "sid": "SM" + "9" * 32}
    assert twilio.report(stranger, "failed").status_code == 200
    assert page(world, ana).state == "accepted" and "of another attempt" in page(world, ana).history[-1]["reason"]
    world.settle()
    world.phone.silent()


def test_a_report_that_overtakes_the_answer_counts(world, twilio, ana):
    world.policy([ana])
    world.page(world.alert(page=False))
    escalate.take()
    (row,) = claims.claim("sms", 8, "me", world.now)
    receipt = deliver.send(row, world.now)
    assert twilio.report(twilio.texts[0], "delivered").status_code == 200
    assert deliver.settle(row, receipt) == "" and page(world, ana).state == "delivered"


def test_an_unsigned_wrongly_signed_or_unknown_call_is_refused_and_changes_nothing(world, twilio, ana):
    world.policy([ana])
    alert = world.alert()
    (text,) = twilio.texts
    twilio.validator = twilio.validator.__class__("a wrong token")
    assert twilio.report(text, "delivered").status_code == 403
    assert twilio.text(ANA, "ack", inbound()).status_code == 403
    url = text["form"]["StatusCallback"]
    assert Client().post(url.removeprefix("http://localhost:8000"), {"MessageStatus": "delivered"}).status_code == 403
    assert Client().get(url.removeprefix("http://localhost:8000")).status_code == 405
    assert Client().post("/callbacks/pages/abc/").status_code == 404
    assert page(world, ana).state == "accepted" and world.escalation(alert).status == "running"


def test_calls_about_a_page_end_after_a_day(world, twilio, ana):
    world.policy([ana])
    world.alert()
    world.advance(hours=24, minutes=1)
    assert twilio.report(twilio.texts[0], "delivered").status_code == 404


@pytest.mark.parametrize("words", ["ack", "Ack 1", "1", "1a", " OK 👍"])
def test_a_reply_acknowledges_and_is_answered(world, twilio, ana, words):
    world.policy([ana], [world.ben])
    alert = world.alert("Checkout is down")
    answer = twilio.text(ANA, words, inbound())
    assert (
        answer["Content-Type"].startswith("application/xml") and b"<Message>You have it: SEV2 Checkout is down.</Message>" in answer.content
    )
    run = world.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", ana, "sms")
    assert page(world, ana).state == "delivered"
    world.advance(minutes=6)
    world.phone.silent()


def test_a_reply_twice_says_who_has_it(world, twilio, ana):
    world.policy([ana])
    world.alert("Checkout is down")
    twilio.text(ANA, "ack", inbound())
    assert b"Ana has it since" in twilio.text(ANA, "1", inbound()).content


def test_a_reply_resolves_the_alert(world, twilio, ana):
    world.policy([ana])
    alert = world.alert()
    assert b"Resolved: " in twilio.text(ANA, "1r", inbound()).content
    assert Alert.objects.get(pk=alert.pk).status == "resolved" and world.escalation(alert).status == "stopped"


def test_a_reply_passes_it_on_to_the_next_step_at_once(world, twilio, ana):
    world.policy([ana], [world.ben])
    alert = world.alert("Checkout is down")
    assert b"Passed on to the next step" in twilio.text(ANA, "e", inbound()).content
    world.settle()
    world.phone.expect(world.ben, "Checkout is down")
    assert "passed_on" in world.timeline(alert)
    twilio.text(ANA, "ack", inbound())
    assert b"Nobody else" in twilio.text(ANA, "e 1", inbound()).content


def test_with_two_pages_open_the_number_decides_and_all_takes_both(world, twilio, ana):
    world.policy([ana])
    first = world.alert("Checkout is down")
    world.advance(seconds=61)
    second = world.alert("Search is slow")
    assert b"2 pages wait for an answer: 2: SEV2 Search is slow; 1: SEV2 Checkout is down." in twilio.text(ANA, "ack", inbound()).content
    twilio.text(ANA, "1", inbound())
    assert (world.escalation(first).status, world.escalation(second).status) == ("acknowledged", "running")
    world.advance(seconds=61)
    third = world.alert("Mail queue is long")
    twilio.text(ANA, "ack all", inbound())
    assert {world.escalation(alert).status for alert in (second, third)} == {"acknowledged"}


def test_what_cannot_be_understood_changes_nothing_and_says_how(world, twilio, ana):
    world.policy([ana])
    alert = world.alert()
    assert b"7, 7r, 7e" in twilio.text(ANA, "who is this?", inbound()).content
    assert b"has the number 55" in twilio.text(ANA, "55", inbound()).content
    assert world.escalation(alert).status == "running"


def test_a_strangers_number_does_nothing_and_nor_does_somebody_elses(world, twilio, ana):
    texted(world, world.ben, BEN)
    world.policy([ana])
    alert = world.alert()
    assert b"belongs to nobody here" in twilio.text("+4915199999999", "ack 1", inbound()).content
    assert b"has the number 1" in twilio.text(BEN, "ack 1", inbound()).content
    assert world.escalation(alert).status == "running"


def test_stop_is_recorded_and_the_next_page_goes_another_way(world, twilio, ana):
    world.method(ana)
    assert b"<Message>" not in twilio.text(ANA, "STOP", inbound(), OptOutType="STOP").content
    assert not ContactMethod.objects.get(user=ana, kind="sms").enabled
    world.policy([ana])
    world.alert("Checkout is down")
    world.phone.expect(ana, "Checkout is down")
    assert twilio.texts == []
    told = world.pages(user=ana, kind="notice")
    assert [(row.method_kind, row.state) for row in told] == [("phone", "delivered")] and f"{ANA} no longer takes pages" in told[0].text
    twilio.text(ANA, "STOP", inbound(), OptOutType="STOP")  # said twice, told once
    assert len(world.pages(user=ana, kind="notice")) == 1
    twilio.text(ANA, "START", inbound(), OptOutType="START")
    method = ContactMethod.objects.get(user=ana, kind="sms")
    assert method.enabled and method.verified_at and method.lost_reason == ""


@pytest.mark.parametrize("asked", [True, False])
def test_who_opted_out_unheard_by_us_is_found_out_by_the_next_text_told_by_another_way_and_missed_in_the_schedule(
    world, twilio, ana, asked
):
    schedule = world.schedule(ana)
    world.policy([ana])
    if asked:
        twilio.trouble = [problem(400, 21610, "Attempt to send to unsubscribed recipient")]
    world.alert()
    if not asked:  # a messaging service says so afterwards
        twilio.report(twilio.texts[0], "failed", ErrorCode="21610")
    method = ContactMethod.objects.get(user=ana, kind="sms")
    assert not method.enabled and method.verified_at and "replied STOP" in method.lost_reason
    world.settle()
    assert "unreachable" in {one.kind for one in ahead.of(schedule, world.now)}
    client = Client()
    client.force_login(ana)
    page = client.get(f"/people/{ana.pk}/").content.decode()
    assert "Switched off" in page and "replied STOP" in page
    client.post(f"/people/{ana.pk}/", {"deed": "switch", "method": method.pk})
    method.refresh_from_db()
    assert method.enabled and method.lost_reason == ""


def test_a_page_without_a_report_is_asked_about_after_a_minute(world, twilio, ana):
    world.policy([ana], [world.ben])
    world.alert()
    twilio.texts[0]["status"] = "delivered"
    world.advance(seconds=59)
    assert page(world, ana).state == "accepted"
    world.advance(seconds=2)
    assert page(world, ana).state == "delivered"


def test_without_any_report_the_next_method_is_used_after_three_minutes_and_a_late_one_still_counts(world, twilio, ana):
    world.method(ana)
    paging.add_rule(ana, contact_method=ContactMethod.objects.get(user=ana, kind="sms").pk, by=world.by, now=world.now)
    world.policy([ana])
    world.alert("Checkout is down")
    world.advance(seconds=179)
    world.phone.silent()
    world.advance(seconds=2)
    world.phone.expect(ana, "Checkout is down")
    row = page(world, ana)
    sms = world.pages(user=ana, method_kind="sms")[0]
    assert row.method_kind == "phone" and "no report of delivery within 3 min" in sms.outcome
    assert len([asked for asked in twilio.asked if asked.method == "GET"]) == 2
    world.advance(seconds=420)
    assert world.pages(user=ana, method_kind="sms")[0].state == "unconfirmed"
    twilio.report(twilio.texts[0], "delivered")
    assert world.pages(user=ana, method_kind="sms")[0].state == "delivered"


@pytest.mark.parametrize(("code", "words"), [(21211, "not valid"), (21610, "replied STOP"), (21614, "not a mobile"), (99999, "(99999)")])
def test_what_twilio_refuses_is_said_in_plain_words_and_the_next_step_follows_at_once(world, twilio, ana, code, words):
    world.policy([ana], [world.ben])
    twilio.trouble = [problem(400, code, "as Twilio says")]
    world.alert("Checkout is down")
    assert words in page(world, ana).outcome and Provider.objects.get().failures == 0
    world.phone.expect(world.ben, "Checkout is down")


def test_too_many_requests_wait_as_long_as_twilio_says_and_then_go_out(world, twilio, ana):
    world.policy([ana])
    twilio.trouble = [problem(429, 20429, "Too many", **{"Retry-After": "20"})]
    world.alert()
    assert twilio.texts == []
    world.advance(seconds=19)
    assert twilio.texts == []
    world.advance(seconds=2)
    assert len(twilio.texts) == 1


def test_a_revoked_secret_lets_the_next_account_send_and_without_one_the_next_method_is_used_at_once(world, twilio, ana):
    world.policy([ana], [world.ben])
    twilio.token = "another one by now"
    world.alert("Checkout is down")
    assert "does not accept the account's secret (20003)" in page(world, ana).outcome
    world.phone.expect(world.ben, "Checkout is down")
    second = Twilio()
    with running(second):
        values = {"account_sid": SID, "auth_token": TOKEN, "sender": NUMBER, "base_url": second.url}
        providers.create_provider(kind="twilio_sms", name="Second", position=1, values=values, by=world.by, now=world.now)
        world.advance(seconds=61)
        world.alert("Search is slow")
        assert "Search is slow" in second.texts[0]["form"]["Body"] and page(world, ana).account.name == "Second"


def test_where_twilio_cannot_call_us_back_the_text_goes_out_without_that(world, twilio, ana):
    world.policy([ana])
    twilio.trouble = [problem(400, 21609, "The StatusCallback is not a valid URL")]
    world.alert()
    (text,) = twilio.texts
    assert "StatusCallback" not in text["form"] and page(world, ana).state == "accepted"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"account_sid": "AC1"}, "account_sid"), ({"sender": "a name that is too long"}, "sender"), ({"sender": "+1"}, "sender"),
        ({"base_url": "ftp://x"}, "base_url"), ({"api_key_sid": "SK" + "0" * 32}, "api_key_secret"), ({"api_key_sid": "SK1", "api_key_secret": "x"}, "api_key_sid"),
        ({"auth_token": ""}, "auth_token"),
    ],
)  # fmt: skip
def test_an_account_that_cannot_be_is_refused_with_a_sentence_for_the_field(world, values, field):
    with pytest.raises(Refused) as refused:
        good = {"account_sid": SID, "auth_token": TOKEN, "sender": NUMBER}
        providers.create_provider(kind="twilio_sms", values={**good, **values}, by=world.by, now=world.now)
    assert list(refused.value.errors) == [f"values.{field}"]


def test_a_test_page_is_answered_by_text_too_and_never_makes_an_answer_to_a_page_unclear(world, twilio, ana):
    ready.rehearse(ana, by=Actor.of(ana, "web"), now=world.now)
    world.settle()
    (test,) = twilio.texts
    assert test["form"]["Body"].endswith("Reply 1 to acknowledge.")
    world.policy([ana])
    alert = world.alert("Checkout is down")
    twilio.text(ANA, "ack", inbound())
    assert world.escalation(alert).status == "acknowledged" and not Readiness.objects.exists(), "the page is meant, not the test"
    twilio.text(ANA, "1", inbound())
    assert Readiness.objects.get(user=ana).acknowledged_at
    policy = world.service.escalation_policy
    try_policy(policy, by=Actor.of(ana, "web"), now=world.now)
    world.settle()
    twilio.text(ANA, "ack", inbound())
    assert policy_tests.newest(policy, ana, world.now)[0].history[-1] | {"at": ""} == {
        "at": "",
        "state": "acknowledged",
        "reason": "by Ana",
    }
