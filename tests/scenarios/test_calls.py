"""A page rings through Twilio, is spoken, is answered by a key; a machine that answers is nobody."""

from __future__ import annotations

import pytest

from tests.integrations.standing_in import running
from tests.twilio import NUMBER, SID, TOKEN, Twilio, heard, problem
from tocsin.accounts.actor import Actor
from tocsin.alerts.models import Alert
from tocsin.domain.ports import Message
from tocsin.integrations.phone.texts import parts, plain, sms, spoken
from tocsin.oncall.models import Readiness
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Notification
from tocsin.response import ready
from tocsin.response.declare_incident import declare

ANA = "+4915112345601"


@pytest.fixture
def twilio():
    standing_in = Twilio()
    with running(standing_in):
        yield standing_in


@pytest.fixture
def account(world, twilio):
    values = {"account_sid": SID, "auth_token": TOKEN, "sender": NUMBER, "base_url": twilio.url}
    return providers.create_provider(kind="twilio_voice", name="Twilio", values=values, by=world.by, now=world.now)


@pytest.fixture
def ana(world, account):
    """Ana is reached by a call; her other telephone is for stories in which that fails."""
    ContactMethod.objects.filter(user=world.ana).delete()
    method = paging.add_method(world.ana, kind="voice", address=ANA, verified=True, by=Actor.of(world.ana, "web"), now=world.now)
    paging.add_rule(world.ana, contact_method=method.pk, by=world.by, now=world.now)
    return world.ana


def call_of(world, person):
    return world.pages(user=person, method_kind="voice")[-1]


def test_a_page_is_a_call_that_says_what_is_wrong_twice_and_what_the_keys_do(world, twilio, ana):
    world.policy([ana])
    world.alert("Checkout <payments> at 80% & falling: https://grafana.example/d/1")
    (call,) = twilio.calls
    assert (call["form"]["To"], call["form"]["From"], call["form"]["Timeout"]) == (ANA, NUMBER, "30")
    said = heard(call["form"]["Twiml"])
    assert said.count("severity 2, Checkout payments at 80 percent & falling:. Service checkout. Press 4 to acknowledge") == 2
    assert "http" not in said and call_of(world, ana).state == "accepted"


def test_key_4_acknowledges_says_so_and_hangs_up(world, twilio, ana):
    world.policy([ana], [world.ben])
    alert = world.alert("Checkout is down")
    (call,) = twilio.calls
    twilio.report(call, "in-progress")
    assert twilio.press(call, "4") == "You have it: SEV2 Checkout is down. Good bye."
    run = world.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", ana, "voice")
    twilio.report(call, "completed")
    assert call_of(world, ana).state == "delivered"
    world.advance(minutes=6)
    world.phone.silent()


def test_key_6_resolves_the_alert_but_an_incident_is_resolved_on_its_page(world, twilio, ana):
    world.policy([ana])
    alert = world.alert()
    assert "Resolved" in twilio.press(twilio.calls[0], "6")
    assert Alert.objects.get(pk=alert.pk).status == "resolved"
    world.advance(seconds=61)
    declare(title="Cards fail", severity="SEV2", service=world.service, by=Actor.of(world.ben, "web"), now=world.now)
    world.settle()
    assert "resolved on its page" in twilio.press(twilio.calls[-1], "6")
    assert "You have it" in twilio.press(twilio.calls[-1], "4")
    world.phone.unread.clear()


def test_key_8_passes_it_on_at_once(world, twilio, ana):
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    assert "Passed on" in twilio.press(twilio.calls[0], "8")
    world.settle()
    world.phone.expect(world.ben, "Checkout is down")


def test_a_star_says_it_again_and_any_other_key_the_menu(world, twilio, ana):
    world.policy([ana])
    alert = world.alert("Checkout is down")
    assert "severity 2, Checkout is down" in twilio.press(twilio.calls[0], "*")
    assert twilio.press(twilio.calls[0], "1").startswith("Press 4 to acknowledge")
    assert world.escalation(alert).status == "running"


@pytest.mark.parametrize("whom", ["machine_start", "machine_end_beep", "fax"])
def test_an_answering_machine_acknowledges_nothing_and_the_next_method_follows_at_once(world, twilio, ana, whom):
    world.method(ana)
    world.policy([ana])
    alert = world.alert("Checkout is down")
    (call,) = twilio.calls
    twilio.report(call, "in-progress")
    world.phone.silent()
    twilio.answered_by(call, whom)
    world.settle()
    world.phone.expect(ana, "Checkout is down")
    twilio.report(call, "completed")
    assert "machine answered" in call_of(world, ana).outcome and call_of(world, ana).state == "failed"
    assert world.escalation(alert).status == "running"


def test_whoever_was_taken_for_a_machine_may_still_press_a_key(world, twilio, ana):
    world.policy([ana], [world.ben])
    alert = world.alert("Checkout is down")
    twilio.answered_by(twilio.calls[0], "machine_start")
    assert "You have it" in twilio.press(twilio.calls[0], "4")
    world.settle()
    world.phone.silent()
    assert world.escalation(alert).status == "acknowledged"


def test_a_call_that_is_answered_without_a_key_is_with_the_person_and_the_next_step_comes_in_its_time(world, twilio, ana):
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    (call,) = twilio.calls
    twilio.report(call, "in-progress")
    twilio.answered_by(call, "human")
    twilio.report(call, "completed")
    assert (call_of(world, ana).state, call_of(world, ana).outcome) == ("delivered", "Twilio: it was answered, and ended without a key")
    world.advance(seconds=299)
    world.phone.silent()
    world.advance(seconds=2)
    world.phone.expect(world.ben, "Checkout is down")


@pytest.mark.parametrize(
    ("status", "more", "words"),
    [
        ("busy", {}, "the line is busy"), ("no-answer", {}, "nobody answered"), ("canceled", {}, "cancelled"),
        ("failed", {}, "could not be connected"), ("failed", {"SipResponseCode": "404"}, "does not exist"),
    ],
)  # fmt: skip
def test_a_call_that_reaches_nobody_is_followed_by_the_next_method_at_once(world, twilio, ana, status, more, words):
    world.method(ana)
    world.policy([ana])
    world.alert("Checkout is down")
    twilio.report(twilio.calls[0], "ringing")
    twilio.report(twilio.calls[0], status, **more)
    world.settle()
    world.phone.expect(ana, "Checkout is down")
    assert words in call_of(world, ana).outcome


def test_reports_out_of_order_never_go_back(world, twilio, ana):
    world.policy([ana], [world.ben])
    world.alert()
    (call,) = twilio.calls
    twilio.report(call, "ringing", SequenceNumber="4")
    twilio.report(call, "busy", SequenceNumber="3")
    assert call_of(world, ana).state == "accepted"
    twilio.report(call, "completed", SequenceNumber="5")
    twilio.report(call, "no-answer", SequenceNumber="6")
    assert call_of(world, ana).state == "delivered"
    world.settle()
    world.phone.silent()


def test_without_a_report_the_call_is_asked_about_and_a_machine_is_found_there_too(world, twilio, ana):
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    twilio.calls[0].update(status="completed", answered_by="machine_start")
    world.advance(seconds=61)
    world.phone.expect(world.ben, "Checkout is down")


def test_where_twilio_cannot_call_us_the_call_says_no_keys_that_would_lead_nowhere(world, twilio, ana):
    world.policy([ana])
    twilio.trouble = [problem(400, 21609, "not a valid URL")]
    world.alert("Checkout is down")
    (call,) = twilio.calls
    assert "Press" not in heard(call["form"]["Twiml"]) and "Checkout is down" in heard(call["form"]["Twiml"])
    assert "StatusCallback" not in call["form"] and "MachineDetection" not in call["form"]


@pytest.mark.parametrize(("code", "words"), [(21215, "switched off at Twilio"), (13225, "may not be called"), (21210, "does not belong")])
def test_a_refused_call_says_why_and_the_next_step_follows_at_once(world, twilio, ana, code, words):
    world.policy([ana], [world.ben])
    twilio.trouble = [problem(400, code, "as Twilio says")]
    world.alert("Checkout is down")
    world.phone.expect(world.ben, "Checkout is down")
    assert words in call_of(world, ana).outcome


def test_the_code_is_read_out_digit_by_digit_twice_and_proves_the_number(world, twilio, account):
    method = paging.add_method(world.cy, kind="voice", address="+49 151 123 456 09", by=Actor.of(world.cy, "web"), now=world.now)
    assert method.address == "+4915112345609" and method.verified_at is None
    world.settle()
    said = heard(twilio.calls[0]["form"]["Twiml"])
    code = said.partition("code is ")[2].partition(".")[0].replace(", ", "")
    assert said.count(", ".join(code)) == 4 and "Press" not in said  # twice, and all of it twice
    assert paging.verify(method, code, by=world.by, now=world.now).verified_at


def test_a_test_call_can_be_answered_and_acknowledges_nothing(world, twilio, ana):
    paging.send_test(ContactMethod.objects.get(user=ana), by=world.by, now=world.now)
    world.settle()
    assert "your answer has arrived" in twilio.press(twilio.calls[0], "4")
    assert Notification.objects.get(kind="test").state == "delivered"


def test_a_storm_rings_three_times_in_a_quarter_of_an_hour_but_what_is_new_rings_within_a_minute(world, twilio, ana):
    world.policy([ana], wait=70, repeats=10)
    world.alert("Checkout is down")
    world.advance(minutes=12)
    assert len(twilio.calls) == 3
    world.alert("Search is slow")
    world.advance(seconds=60)
    assert len(twilio.calls) == 4 and "Search is slow" in heard(twilio.calls[3]["form"]["Twiml"])


def test_what_is_said_and_written_is_made_for_telephones():
    page = Message(
        "SEV1 INC-42 “Checkout” – 5xx_rate",
        "",
        facts={"kind": "page", "service": "pay/web", "reply_code": 7, "subject_url": "https://t.ex/i/42"},
    )
    assert spoken(page) == "This is Tocsin, with a page for you. severity 1, incident 42, “Checkout” – 5xx rate. Service pay web."
    text = sms(page, replies=True)
    assert text == 'SEV1 INC-42 "Checkout" - 5xx_rate (pay/web) https://t.ex/i/42 Reply 7 to acknowledge, 7r resolve, 7e escalate.'
    assert parts(text) == 1 and parts("é" * 160) == 1 and parts("ё" * 71) == 2 and parts("€" * 81) == 2
    assert plain("Überlast → 日本") == "Überlast > 日本"
    assert "Acknowledge: https://t.ex/ack/x" in sms(Message("Down", "", link="https://t.ex/ack/x", facts={"kind": "page"}), replies=False)


def test_a_telephone_that_rings_is_let_be_once_somebody_else_has_it(world, twilio, ana):
    world.method(ana)
    world.policy([ana, world.ben])
    alert = world.alert()
    world.phone.expect(world.ben)
    twilio.report(twilio.calls[0], "ringing")
    world.acknowledge(alert, world.ben)
    world.settle()
    assert twilio.calls[0]["status"] == "canceled"
    twilio.report(twilio.calls[0], "canceled")
    assert call_of(world, ana).state == "cancelled" and "nobody was needed any more" in call_of(world, ana).outcome
    assert "page_failed" not in world.timeline(alert)
    world.advance(hours=1)  # her other telephone does not ring instead


def test_whoever_has_picked_up_hears_who_has_it_but_not_in_the_middle_of_their_own_answer(world, twilio, ana):
    world.policy([ana, world.ben])
    alert = world.alert()
    world.phone.expect(world.ben)
    twilio.report(twilio.calls[0], "in-progress")
    world.acknowledge(alert, world.ben)
    world.settle()
    assert heard(twilio.calls[0]["form"]["Twiml"]).startswith("Ben has it, since ")
    world.advance(seconds=61)
    world.alert("Search is down")
    world.phone.expect(world.ben, "Search is down")
    twilio.report(twilio.calls[-1], "in-progress")
    asked = len(twilio.asked)
    assert "You have it" in twilio.press(twilio.calls[-1], "4")
    world.settle()
    assert len(twilio.asked) == asked


def test_while_twilio_is_away_a_call_is_ended_a_little_later(world, twilio, ana):
    world.policy([ana, world.ben])
    alert = world.alert()
    world.phone.expect(world.ben)
    twilio.trouble.append(problem(503, 20503, "Service unavailable"))
    world.acknowledge(alert, world.ben)
    world.settle()
    assert twilio.calls[0]["status"] == "queued"
    world.advance(seconds=31)
    assert twilio.calls[0]["status"] == "canceled"


def test_a_test_page_is_acknowledged_by_a_key(world, twilio, ana):
    ready.rehearse(ana, by=Actor.of(ana, "web"), now=world.now)
    world.settle()
    (call,) = twilio.calls
    twilio.report(call, "in-progress")
    assert twilio.press(call, "4") == "You have acknowledged the test page. Good bye."
    assert Readiness.objects.get(user=ana).acknowledged_at
