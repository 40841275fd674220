"""People are asked to come, or to take over: they are paged, they answer, and whoever asked hears of it when nobody comes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tests.scenarios.world import World
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Team, User
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert
from tocsin.domain.asks import Answer, Effect, Kind, effect
from tocsin.domain.ports import Outcome
from tocsin.incidents.models import Incident, Responder
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.paging.models import Ask, Escalation
from tocsin.response import alert_effects
from tocsin.response.acknowledge import acknowledge_alert, acknowledge_by_link
from tocsin.response.answer_ask import answer_ask, withdraw_ask
from tocsin.response.assign_role import assign_role
from tocsin.response.declare_incident import declare
from tocsin.response.hold import give_back, hand_over, snooze
from tocsin.response.page_someone import Wanted, page_people
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


def by(user: User) -> Actor:
    return Actor.of(user, "web")


def incident(world: World, **fields) -> Incident:
    """An incident of a severity that pages nobody by itself: whoever is paged was asked."""
    return declare(title="Ledger is wrong", severity="SEV4", service=world.service, by=world.by, now=world.now, **fields)


def come(world: World, *users: User, about: Incident | Alert, **wanted) -> list[Ask]:
    where = {"incident": about} if isinstance(about, Incident) else {"alert": about}
    asked = page_people(Wanted(users=users, **wanted), reason="You know the ledger", by=by(world.ana), now=world.now, **where)
    world.settle()
    return asked


def answer(world: World, ask: Ask, word: str, note: str = "") -> Ask:
    return answer_ask(ask_id=ask.pk, answer=word, note=note, by=by(ask.user), now=world.now)


def token(link: str) -> str:
    return link.rstrip("/").rpartition("/")[2]


def had(world: World, *, of: Alert | None = None) -> Alert:
    """An alert that Ana was paged for and has."""
    world.policy([world.ana], [world.ben])
    alert = of or world.alert()
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    return alert


def told(world: World, user: User) -> list[str]:
    """What somebody was told without being woken."""
    world.settle()
    return [message.title for address, message, _ in world.phone.notices if address == f"+{user.pk}"]


# -- asked to come --------------------------------------------------------------------------------------------------------


def test_whoever_is_asked_is_paged_with_the_reason_and_joins_by_saying_that_they_come(world: World):
    about = incident(world)
    (ask,) = come(world, world.cy, about=about)
    page = world.phone.expect(world.cy, "asked to come by Ana: You know the ledger")
    assert page.title == f"SEV4 {about.ref} Ledger is wrong"
    assert answer(world, ask, "coming", "in ten minutes").answer == "coming"
    assert Responder.objects.filter(incident=about, user=world.cy).exists()
    assert Entry.objects.filter(incident_id=about.pk, kind="asked", text="Cy is coming: in ten minutes.").exists()


def test_the_answer_is_given_from_the_page_behind_the_link_without_scripts_or_sign_in(world: World):
    about = incident(world)
    come(world, world.cy, about=about)
    path = f"/ack/{token(world.phone.expect(world.cy).link)}/"
    shown = Client().get(path).content.decode()
    assert "I'm coming" in shown and "I can't" in shown and "Acknowledge<" not in shown and "Asked to come · INC-" in shown
    assert Client().post(path, {"answer": "cannot", "note": "On a train"}).status_code == 303
    assert Ask.objects.get().answer == "cannot" and Ask.objects.get().note == "On a train"
    assert "You have said that you can" in Client().get(path).content.decode()


def test_after_a_no_whoever_asked_is_told(world: World):
    (ask,) = come(world, world.cy, about=incident(world))
    world.phone.expect(world.cy)
    answer(world, ask, "cannot", "on a train")
    assert told(world, world.ana) == ["Cy can't come: on a train"]


def test_without_an_answer_in_time_whoever_asked_is_told_once(world: World):
    come(world, world.cy, about=incident(world))
    world.phone.expect(world.cy)
    world.advance(minutes=4)
    assert told(world, world.ana) == []
    world.advance(minutes=2)
    assert told(world, world.ana) == ["Cy has not answered"] and Ask.objects.get().answer == "no_answer"
    world.advance(hours=1)
    assert told(world, world.ana) == ["Cy has not answered"]


def test_a_late_answer_still_counts(world: World):
    about = incident(world)
    (ask,) = come(world, world.cy, about=about)
    world.phone.expect(world.cy)
    world.advance(minutes=6)
    assert answer(world, ask, "coming").answer == "coming"
    assert Responder.objects.filter(incident=about, user=world.cy).exists()


def test_who_is_coming_can_still_say_that_they_cannot(world: World):
    (ask,) = come(world, world.cy, about=incident(world))
    world.phone.expect(world.cy)
    answer(world, ask, "coming")
    answer(world, ask, "cannot", "no train")
    assert told(world, world.ana) == ["Cy can't come: no train"]


def test_a_team_a_schedule_and_a_role_are_asked_each_person_once(world: World):
    about = incident(world)
    assign_role(incident=about, role="technical_lead", user=world.lea, by=by(world.ana), now=world.now)
    schedule = world.schedule(world.cy, name="Database")
    asked = come(world, world.ben, about=about, teams=[world.team], schedules=[schedule], roles=["technical_lead"])
    assert {(ask.user.name, ask.via) for ask in asked} == {
        ("Ben", "by name"), ("Ana", "team Payments"), ("Cy", "schedule Database"), ("Lea", "technical lead"),
    }  # fmt: skip
    for person in (world.ana, world.ben, world.cy, world.lea):
        world.phone.expect(person)


def test_a_role_that_nobody_holds_a_team_without_members_and_an_empty_schedule_are_refused(world: World):
    about = incident(world)
    for wanted, field in (
        ({"roles": ["communications_lead"]}, "role"), ({"teams": [Team.objects.create(name="Empty", slug="empty")]}, "team"),
        ({"schedules": [world.schedule()]}, "schedule"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            come(world, about=about, **wanted)
        assert field in refused.value.errors
    assert not Ask.objects.exists()


def test_asked_again_later_the_ask_before_gives_way_and_they_are_paged_again(world: World):
    about = incident(world)
    (first,) = come(world, world.cy, about=about)
    (same,) = come(world, world.cy, about=about)
    world.phone.expect(world.cy)
    world.advance(minutes=2)
    (second,) = come(world, world.cy, about=about)
    world.phone.expect(world.cy)
    first.refresh_from_db()
    assert same == first and first.answer == "withdrawn" and second.answer == "waiting"


def test_what_was_taken_back_pages_nobody_any_more(world: World):
    about = incident(world)
    (ask,) = page_people(Wanted(users=[world.cy]), reason="Come", incident=about, by=by(world.ana), now=world.now)
    withdraw_ask(ask_id=ask.pk, by=by(world.ana), now=world.now)
    world.settle()
    with pytest.raises(Refused):
        answer(world, ask, "coming")
    world.advance(hours=1)
    assert told(world, world.ana) == []


def test_only_who_was_asked_answers(world: World):
    (ask,) = come(world, world.cy, about=incident(world))
    world.phone.expect(world.cy)
    with pytest.raises(Refused) as refused:
        answer_ask(ask_id=ask.pk, answer="coming", by=by(world.ben), now=world.now)
    assert refused.value.status == 404


def test_who_cannot_be_paged_has_not_answered_at_once_and_the_fallback_person_is_paged(world: World):
    world.fallback(team=world.lea)
    come(world, world.person("Mute", phone=False), about=incident(world))
    world.phone.expect(world.lea, "Mute could not be reached")
    assert told(world, world.ana) == ["Mute has not answered: there is no usable contact method"]


def test_acknowledging_answers_what_one_was_asked(world: World):
    alert = world.alert(page=False)
    (ask,) = come(world, world.cy, about=alert)
    acknowledge_by_link(token=token(world.phone.expect(world.cy).link), now=world.now)
    ask.refresh_from_db()
    assert ask.answer == "coming" and world.escalation(alert).acknowledged_by == world.cy


def test_nobody_is_told_of_a_missing_answer_once_it_is_over(world: World):
    alert = world.alert(page=False)
    come(world, world.cy, about=alert)
    world.phone.expect(world.cy)
    alerts.resolve(alert, now=world.now)
    alert_effects.resolved(alert, "resolved by its source", now=world.now)
    world.advance(minutes=10)
    assert told(world, world.ana) == [] and Ask.objects.get().answer == "withdrawn"


def test_an_observer_who_is_paged_may_say_that_they_have_it_and_nobody_is_paged_on(world: World):
    User.objects.filter(pk=world.cy.pk).update(role="observer")
    world.cy.refresh_from_db()
    world.policy([world.cy], [world.ana])
    alert = world.alert()
    link = world.phone.expect(world.cy).link
    with pytest.raises(Refused, match="Observers can read"):
        acknowledge_alert(alert=alert, by=Actor.of(world.cy, "web"), now=world.now)
    assert acknowledge_by_link(token=token(link), now=world.now).taken
    world.advance(minutes=10)
    world.phone.silent()


def test_an_observer_cannot_ask_anybody(world: World):
    User.objects.filter(pk=world.cy.pk).update(role="observer")
    world.cy.refresh_from_db()
    with pytest.raises(Refused) as refused:
        page_people(Wanted(users=[world.ben]), reason="Come", alert=world.alert(page=False), by=by(world.cy), now=world.now)
    assert refused.value.status == 403


# -- asked to take over ---------------------------------------------------------------------------------------------------


def hand(world: World, alert: Alert, **to) -> Ask:
    ask = hand_over(alert=alert, reason="My shift ends", by=by(world.ana), now=world.now, **to)
    world.settle()
    return ask


def test_a_hand_over_that_nobody_answers_takes_nothing_from_who_has_acknowledged_since(world: World):
    alert = had(world)
    hand(world, alert, user=world.cy)
    world.advance(minutes=1)
    paging.expire_at([world.escalation(alert).pk], world.now, by=by(world.ana), now=world.now)
    world.advance(minutes=1)
    world.acknowledge(alert, world.ben)
    world.phone.unread.clear()
    world.advance(minutes=10)
    assert world.escalation(alert).acknowledged_by == world.ben


def test_handed_over_it_stays_with_who_has_it_until_the_other_says_yes(world: World):
    alert = had(world)
    ask = hand(world, alert, user=world.cy)
    world.phone.expect(world.cy, "asked to take it over by Ana: My shift ends")
    assert world.escalation(alert).acknowledged_by == world.ana
    answer(world, ask, "coming")
    assert world.escalation(alert).acknowledged_by == world.cy
    world.advance(minutes=20)
    world.phone.silent()


def test_handed_over_to_a_schedule_whoever_is_on_call_then_is_asked(world: World):
    alert = had(world)
    schedule = world.schedule(world.ben)
    world.override(schedule, world.cy, hours=1)
    ask = hand(world, alert, schedule=schedule)
    world.phone.expect(world.cy)
    assert ask.user == world.cy and ask.via == "schedule Payments primary"


@pytest.mark.parametrize("word", ["cannot", ""])
def test_without_a_yes_paging_starts_again(world: World, word: str):
    alert = had(world)
    ask = hand(world, alert, user=world.cy)
    world.phone.expect(world.cy)
    if word:
        answer(world, ask, word)
        world.settle()
    else:
        world.advance(minutes=5, seconds=1)
    world.advance(minutes=1)  # Ana was paged a moment ago: one page a minute
    world.phone.expect(world.ana)
    run = world.escalation(alert)
    assert (run.status, run.episode) == ("running", 2)
    assert len(told(world, world.ana)) == 1


def test_a_hand_over_is_taken_back_and_it_stays_where_it_was(world: World):
    alert = had(world)
    ask = hand(world, alert, user=world.cy)
    world.phone.expect(world.cy)
    withdraw_ask(ask_id=ask.pk, by=by(world.ana), now=world.now)
    world.advance(minutes=20)
    assert world.escalation(alert).acknowledged_by == world.ana


def test_acknowledging_by_the_link_takes_over_what_is_handed_over(world: World):
    alert = had(world)
    hand(world, alert, user=world.cy)
    done = acknowledge_by_link(token=token(world.phone.expect(world.cy).link), now=world.now)
    assert done.taken and world.escalation(alert).acknowledged_by == world.cy


def test_handed_to_a_second_person_the_first_is_not_asked_any_more(world: World):
    alert = had(world)
    first = hand(world, alert, user=world.cy)
    hand(world, alert, user=world.lea)
    world.phone.expect(world.cy)
    world.phone.expect(world.lea)
    first.refresh_from_db()
    assert first.answer == "withdrawn"


def test_what_nobody_has_cannot_be_handed_over_nor_to_who_has_it_nor_to_who_cannot_be_paged(world: World):
    loose = world.alert(page=False)
    with pytest.raises(Refused, match="Nobody has it"):
        hand(world, loose, user=world.cy)
    alert = had(world)
    with pytest.raises(Refused, match="has it already"):
        hand(world, alert, user=world.ana)
    with pytest.raises(Refused, match="cannot be paged"):
        hand(world, alert, user=world.person("Mute", phone=False))
    with pytest.raises(Refused, match="Nobody is on call"):
        hand(world, alert, schedule=world.schedule())


def test_who_takes_over_has_the_whole_time_until_it_runs_out(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tocsin.response.acknowledge._expiry", lambda *_: 30)
    monkeypatch.setattr("tocsin.response.answer_ask._expiry", lambda *_: 30)
    alert = had(world)
    world.advance(minutes=25)
    ask = hand(world, alert, user=world.cy)
    world.phone.expect(world.cy)
    answer(world, ask, "coming")
    world.advance(minutes=29)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana, "The acknowledgement by Cy ran out")


def test_an_incident_is_handed_over_with_its_alerts(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert(severity="SEV2")
    world.phone.expect(world.ana)
    about = declare(title="Checkout", severity="SEV2", alert=alert, service=world.service, by=by(world.ana), now=world.now)
    world.settle()
    acknowledge_alert(alert=alert, by=by(world.ana), now=world.now)
    ask = hand_over(incident=about, user=world.cy, by=by(world.ana), now=world.now)
    world.settle()
    world.phone.expect(world.cy)
    answer(world, ask, "coming")
    assert world.escalation(alert).acknowledged_by == world.cy


def test_nobody_can_take_over_what_nobody_has_any_more(world: World):
    alert = had(world)
    ask = hand(world, alert, user=world.cy)
    world.phone.expect(world.cy)
    Ask.objects.filter(pk=ask.pk).update(due_at=world.now + timedelta(hours=1))
    Escalation.objects.filter(alert=alert).update(status="running", due_at=world.now + timedelta(minutes=5))
    with pytest.raises(Refused, match="Acknowledge it instead"):
        answer(world, ask, "coming")


# -- given back, and set aside --------------------------------------------------------------------------------------------


def test_given_back_it_is_paged_again_at_once(world: World):
    alert = had(world)
    world.advance(minutes=2)
    assert give_back(alert=alert, by=by(world.ana), now=world.now) == 1
    world.settle()
    world.phone.expect(world.ana)
    assert world.escalation(alert).episode == 2 and "unacknowledged" in world.timeline(alert)


def test_what_is_over_cannot_be_given_back_or_snoozed(world: World):
    alert = had(world)
    alerts.resolve(alert, now=world.now)
    alert_effects.resolved(alert, "resolved by its source", now=world.now)
    for verb in (
        lambda: give_back(alert=alert, by=by(world.ana), now=world.now),
        lambda: snooze(minutes=30, alert=alert, by=by(world.ana), now=world.now),
    ):
        with pytest.raises(Refused, match="over"):
            verb()


def test_snoozed_it_is_quiet_until_then_and_paged_once_when_it_still_fires(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    snooze(minutes=60, alert=alert, by=by(world.ana), now=world.now)
    world.advance(minutes=59)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    world.advance(hours=3)


def test_a_snooze_of_what_ends_meanwhile_pages_nobody(world: World):
    alert = had(world)
    snooze(minutes=60, alert=alert, by=by(world.ana), now=world.now)
    world.advance(minutes=10)
    alerts.resolve(alert, now=world.now)
    alert_effects.resolved(alert, "resolved by its source", now=world.now)
    world.advance(hours=3)


def test_a_snooze_has_an_end_within_a_week(world: World):
    alert = had(world)
    for minutes in (0, 4, 10_081):
        with pytest.raises(Refused, match="minutes"):
            snooze(minutes=minutes, alert=alert, by=by(world.ana), now=world.now)


def test_what_nobody_was_paged_for_cannot_be_snoozed(world: World):
    alert = world.alert(page=False)
    with pytest.raises(Refused, match="Nobody was paged"):
        snooze(minutes=60, alert=alert, by=by(world.ana), now=world.now)
    assert not Escalation.objects.filter(alert=alert).exists(), "refused, it acknowledges nothing either"


def test_no_answer_by_a_failing_phone_is_told_like_any_other(world: World):
    world.phone.answer(f"+{world.cy.pk}", then=Outcome.FAILED)
    come(world, world.cy, about=incident(world))
    world.advance(minutes=6)
    assert told(world, world.ana) == ["Cy has not answered"]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("said", list(Answer))
def test_without_a_yes_something_always_follows(kind: Kind, said: Answer):
    follows = effect(kind, said)
    assert (follows is Effect.NOTHING) == (said in (Answer.WAITING, Answer.WITHDRAWN))
