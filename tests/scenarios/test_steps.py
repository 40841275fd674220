"""What a step of a policy may demand: teams, everybody of a schedule, rooms and webhooks, by severity and hour, and the answers of several."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.integrations.test_egress import Stranger, stranger  # noqa: F401 - a fixture
from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.models import Membership, Team, User
from tocsin.alerts.models import Service
from tocsin.cli import configuration
from tocsin.domain.ports import Account, Field, Message, Outcome, Receipt
from tocsin.integrations.registry import GATEWAYS
from tocsin.integrations.webhook.notifier import secret
from tocsin.lib.refusal import Refused
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.oncall.models import RotationParticipant
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging import rehearsal
from tocsin.response.declare_incident import declare
from tocsin.response.rehearse import rehearse
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


def everyone(schedule) -> dict:
    return {"kind": "schedule_people", "id": schedule.pk}


# -- people ---------------------------------------------------------------------------------------------------------------


def test_a_team_is_paged_as_it_is_now(world: World):
    world.written([world.step(world.cy), world.step(world.team)])
    world.alert()
    world.phone.expect(world.cy)
    Membership.objects.filter(user=world.ana).delete()
    Membership.objects.create(team=world.team, user=world.lea)
    world.advance(minutes=5)
    for member in (world.ben, world.lea):
        assert "team Payments → you" in world.phone.expect(member).text


def test_everyone_of_a_schedule_is_paged_and_not_only_who_is_on_call(world: World):
    schedule = world.schedule(world.ana, world.ben, world.cy)
    world.written([world.step(everyone(schedule))])
    world.alert()
    for person in (world.ana, world.ben, world.cy):
        world.phone.expect(person, "everyone of schedule Payments primary")


def test_somebody_in_the_team_and_on_call_is_paged_once_by_a_step(world: World):
    world.written([world.step(world.schedule(world.ana), world.team, world.ana)])
    world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)


def test_the_same_person_in_two_steps_is_paged_once_by_each(world: World):
    world.policy([world.ana], [world.ana, world.ben])
    world.alert()
    world.phone.expect(world.ana)
    world.advance(minutes=5)
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)


def test_a_team_without_members_leads_to_the_next_step_at_once(world: World):
    empty = Team.objects.create(name="Empty", slug="empty")
    world.written([world.step(empty), world.step(world.ben)])
    alert = world.alert()
    world.phone.expect(world.ben)
    said = Entry.objects.get(alert_id=alert.pk, kind="nobody_reached").text
    assert said == "Step 1 does not reach anybody: team Empty has no members."


def test_a_schedule_that_nobody_takes_turns_in_leads_to_the_next_step_at_once(world: World):
    world.written([world.step(everyone(world.schedule())), world.step(world.ben)])
    world.alert()
    world.phone.expect(world.ben)


def test_whoever_left_the_schedule_between_two_rounds_is_not_paged_any_more(world: World):
    schedule = world.schedule(world.ana, world.ben)
    world.written([world.step(everyone(schedule))], repeats=1)
    world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)
    RotationParticipant.objects.filter(user=world.ben).delete()
    world.advance(minutes=5)
    world.phone.expect(world.ana)


# -- conditions -----------------------------------------------------------------------------------------------------------


def test_a_step_for_other_severities_is_passed_over_at_once_and_said_so(world: World):
    world.written([world.step(world.ana, severities=["SEV1"]), world.step(world.ben)])
    alert = world.alert(severity="SEV2")
    world.phone.expect(world.ben)
    (said,) = Entry.objects.filter(alert_id=alert.pk, kind="step_passed_over")
    assert said.text == "Step 1 is passed over: it is only for SEV1, and this is SEV2."


def test_a_step_counts_by_the_severity_as_it_is_when_the_step_starts(world: World):
    world.written([world.step(world.ana), world.step(world.lea, severities=["SEV1"]), world.step(world.ben)])
    alert = world.alert(severity="SEV2")
    world.phone.expect(world.ana)
    paging.retitle(alert_id=alert.pk, subject={"severity": "SEV1"}, now=world.now)
    world.advance(minutes=5)
    world.phone.expect(world.lea, "SEV1")


def by_the_hour(world: World, at: datetime) -> None:
    """The clock stands at that time; the team works in Berlin."""
    Team.objects.filter(pk=world.team.pk).update(time_zone="Europe/Berlin", country="DE", subdivision="BE")
    world.shifted += at - clock.now()
    clock.shift(world.shifted)


@pytest.mark.parametrize(("at", "paged"), [
    (datetime(2030, 3, 28, 9, 0), "ana"), (datetime(2030, 3, 28, 8, 59, 58), "ben"), (datetime(2030, 3, 28, 17, 0), "ben"),
    (datetime(2030, 3, 30, 12, 0), "ben"), (datetime(2030, 5, 1, 12, 0), "ben"), (datetime(2030, 4, 1, 9, 0), "ana"),
])  # fmt: skip
def test_business_hours_are_the_team_s_own_with_weekends_holidays_and_summer_time(world: World, at: datetime, paged: str):
    by_the_hour(world, at.replace(tzinfo=ZoneInfo("Europe/Berlin")))
    world.written([world.step(world.ana, hours="business"), world.step(world.ben, hours="outside")])
    world.alert()
    world.phone.expect(getattr(world, paged))


def test_a_step_of_business_hours_counts_by_the_hour_at_which_it_starts(world: World):
    by_the_hour(world, datetime(2030, 3, 28, 16, 58, tzinfo=ZoneInfo("Europe/Berlin")))
    world.written([world.step(world.ana), world.step(world.cy, hours="business"), world.step(world.ben)])
    world.alert()
    world.phone.expect(world.ana)
    world.advance(minutes=5)
    world.phone.expect(world.ben)


@pytest.mark.parametrize(("critical", "paged"), [(True, "lea"), (False, "ben")])
def test_a_step_may_be_for_critical_services_alone(world: World, critical: bool, paged: str):
    Service.objects.filter(pk=world.service.pk).update(critical=critical)
    world.written([world.step(world.lea, tier="critical"), world.step(world.ben, tier="standard")])
    world.alert()
    world.phone.expect(getattr(world, paged))


def test_where_no_step_counts_the_fallback_person_is_paged(world: World):
    world.fallback(team=world.cy)
    world.written([world.step(world.ana, severities=["SEV1"]), world.step(world.ben, severities=["SEV1"])], repeats=3)
    alert = world.alert(severity="SEV3")
    world.phone.expect(world.cy)
    assert world.timeline(alert).count("step_passed_over") == 2, "the rounds that follow say nothing new"


# -- several must acknowledge ---------------------------------------------------------------------------------------------


def test_where_all_must_acknowledge_paging_goes_on_for_those_who_have_not(world: World):
    world.written([world.step(world.ana, world.ben, need=0), world.step(world.cy)])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)
    first = world.acknowledge(alert, world.ana)
    assert first.taken and first.waits_for == "Ben" and world.escalation(alert).status == "running"
    world.advance(minutes=5)
    world.phone.expect(world.cy)
    assert world.acknowledge(alert, world.ben).waits_for == ""
    assert world.escalation(alert).status == "acknowledged"
    world.advance(hours=1)


def test_who_has_acknowledged_is_not_paged_again_by_the_next_round(world: World):
    world.written([world.step(world.ana, world.ben, need=0)], repeats=1)
    alert = world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)
    world.acknowledge(alert, world.ana)
    world.advance(minutes=5)
    world.phone.expect(world.ben)
    world.acknowledge(alert, world.ben)
    assert world.escalation(alert).acknowledged_by == world.ben


def test_two_of_three_are_enough_where_two_are_asked_for(world: World):
    world.written([world.step(world.ana, world.ben, world.cy, need=2), world.step(world.lea)])
    alert = world.alert()
    for person in (world.ana, world.ben, world.cy):
        world.phone.expect(person)
    assert world.acknowledge(alert, world.cy).waits_for == "1 of Ana, Ben"
    assert world.acknowledge(alert, world.ana).waits_for == ""
    world.advance(hours=1)


def test_acknowledging_twice_counts_once(world: World):
    world.written([world.step(world.ana, world.ben, world.cy, need=2)])
    alert = world.alert()
    for person in (world.ana, world.ben, world.cy):
        world.phone.expect(person)
    world.acknowledge(alert, world.ana)
    again = world.acknowledge(alert, world.ana)
    assert (again.taken, again.by, world.escalation(alert).status) == (False, "Ana", "running")


def test_who_cannot_be_reached_is_not_waited_for(world: World):
    world.phone.answer(f"+{world.ben.pk}", then=Outcome.FAILED)
    world.written([world.step(world.ana, world.ben, need=0)])
    alert = world.alert()
    world.phone.expect(world.ana)
    assert world.acknowledge(alert, world.ana).waits_for == ""
    assert world.escalation(alert).status == "acknowledged"


def test_a_number_larger_than_the_step_is_as_many_as_there_are(world: World):
    world.written([world.step(world.ana, world.ben, need=3)])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)
    world.acknowledge(alert, world.ana)
    assert world.acknowledge(alert, world.ben).waits_for == ""


def test_the_promise_to_acknowledge_is_kept_by_the_first_of_several(world: World):
    world.written([world.step(world.ana, world.ben, need=0)])
    alert = world.alert()
    obligations.promise(
        "acknowledge", "1.2", "Acknowledge", started_at=world.now, due_at=world.now + timedelta(minutes=5), warn_at=None, severity="SEV2", alert_id=alert.pk,
    )  # fmt: skip
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)
    world.acknowledge(alert, world.ana)
    assert Obligation.objects.get(alert_id=alert.pk).state == "met"


# -- rooms and webhooks ---------------------------------------------------------------------------------------------------


class Chat:
    """A chat that posts to rooms, and answers as the story says."""

    kind, label, channel = "fake_chat", "Fake chat", "fake_chat"
    fields = (Field("token", "Token", secret=True),)

    def __init__(self) -> None:
        self.posted: list[tuple[str, Message]] = []
        self.answers: list[Receipt] = []

    def check(self, values):
        return {}

    def check_room(self, address: str) -> str:
        if not address.startswith("#"):
            raise ValueError("A room's name begins with #.")
        return address.lower()

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        self.posted.append((address, message))
        return self.answers.pop(0) if self.answers else Receipt(Outcome.DELIVERED, "posted")


@pytest.fixture
def chat(world: World):
    gateway = Chat()
    GATEWAYS.add("fake_chat", gateway)
    yield gateway
    GATEWAYS.remove("fake_chat")


def room(world: World, address: str = "#Payments") -> dict:
    account = providers.create_provider(kind="fake_chat", name="Chat", values={"token": "x"}, by=world.by, now=world.now)
    return {"kind": "chat", "id": account.pk, "address": address}


def test_a_room_is_told_beside_the_people_and_the_timeline_says_so(world: World, chat: Chat):
    world.written([world.step(world.ana, room(world))])
    alert = world.alert()
    world.phone.expect(world.ana)
    ((address, message),) = chat.posted
    assert address == "#payments" and message.link == "" and "Why here: alert “Checkout is down” → service checkout" in message.text
    assert "posted" in world.timeline(alert) and "post_sent" in world.timeline(alert)


def test_a_room_alone_is_a_step_that_waits_like_any_other(world: World, chat: Chat):
    world.written([world.step(room(world), wait=120), world.step(world.ana)])
    world.alert()
    world.advance(seconds=119)
    world.phone.silent()
    world.advance(seconds=2)
    world.phone.expect(world.ana)


def test_a_room_beside_people_of_whom_nobody_is_found_takes_no_time(world: World, chat: Chat):
    policy = world.written([world.step(world.schedule(), room(world)), world.step(world.ben)])
    line, following = rehearsal.dry_run(policy.plain, team=world.team.pk, now=world.now)[:2]
    assert not line.reachable and line.places and following.after_seconds == 0
    world.alert()
    assert len(chat.posted) == 1
    world.phone.expect(world.ben)


def test_a_room_beside_people_of_whom_none_can_be_reached_takes_no_time(world: World, chat: Chat):
    world.phone.answer(f"+{world.ana.pk}", then=Outcome.FAILED)
    world.written([world.step(world.ana, room(world)), world.step(world.ben)])
    world.alert()
    assert len(chat.posted) == 1
    world.phone.expect(world.ben)


def test_a_room_is_not_told_the_new_words_of_what_has_become_private(world: World, chat: Chat):
    chat.answers = [Receipt(Outcome.RETRY, "busy")]
    world.written([world.step(room(world))])
    alert = world.alert("The payroll was copied")
    declare(title="The payroll was copied", severity="SEV2", private=True, alert=alert, by=world.by, now=world.now)
    world.advance(seconds=10)
    said = [(message.title, message.text) for _, message in chat.posted]
    assert len(said) == 2 and "payroll" not in str(said[1]) and "private" in said[1][0] and "Why here" in said[1][1]
    world.phone.unread.clear()


def test_a_room_that_cannot_be_reached_leads_to_the_next_step_at_once(world: World, chat: Chat):
    chat.answers = [Receipt(Outcome.FAILED, "no such room")]
    world.written([world.step(room(world)), world.step(world.ana)])
    alert = world.alert()
    world.phone.expect(world.ana)
    assert "post_failed" in world.timeline(alert) and "nobody_reached" in world.timeline(alert)


def test_a_post_that_fails_for_a_moment_is_tried_again(world: World, chat: Chat):
    chat.answers = [Receipt(Outcome.RETRY, "busy")]
    world.written([world.step(world.ana, room(world))])
    world.alert()
    world.phone.expect(world.ana)
    world.advance(seconds=6)
    assert len(chat.posted) == 2 and [page.state for page in world.pages(kind="post")] == ["delivered"]


def test_an_account_that_was_switched_off_leads_to_the_next_step_at_once(world: World, chat: Chat):
    target = room(world)
    world.written([world.step(target), world.step(world.ana)])
    providers.change_provider(providers.provider_of(target["id"]), enabled=False, by=world.by, now=world.now)
    world.alert()
    world.phone.expect(world.ana)
    assert chat.posted == []


def test_a_room_is_told_nothing_of_a_private_incident(world: World, chat: Chat):
    policy = world.written([world.step(world.ana, room(world))])
    subject = {"title": "Somebody reads our mails", "severity": "SEV1", "incident_ref": "INC-9", "private": True}
    paging.start(policy=policy, track="on_call", subject=subject, incident_id=9, reason="INC-9 declared SEV1", now=world.now)
    world.settle()
    world.phone.expect(world.ana, "Somebody reads our mails")
    assert chat.posted[0][1].title == "SEV1 INC-9 A private incident" and "mails" not in chat.posted[0][1].text


def test_a_room_s_name_that_the_chat_does_not_know_is_refused_where_it_is_written(world: World, chat: Chat):
    with pytest.raises(Refused) as refused:
        world.written([world.step(room(world, "payments"))])
    assert refused.value.errors == {"steps.0.targets.0": "A room's name begins with #."}


def test_a_webhook_is_signed_as_standard_webhooks_demand(world: World, stranger):  # noqa: F811
    address = f"{stranger}/ok"
    world.written([world.step({"kind": "webhook", "address": address}, world.ana)])
    world.alert()
    world.phone.expect(world.ana)
    (_, headers, body) = Stranger.seen[0]
    sent = {name.lower(): value for name, value in headers.items()}
    key = base64.b64decode(secret(address).removeprefix("whsec_"))
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    assert sent["webhook-signature"] == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    said = json.loads(body)
    assert said["type"] == "page.post" and said["ack_url"] is None and "Checkout is down" in said["title"]


def test_a_webhook_that_refuses_leads_to_the_next_step_at_once(world: World, stranger):  # noqa: F811
    world.written([world.step({"kind": "webhook", "address": f"{stranger}/nothing"}), world.step(world.ana)])
    world.alert()
    world.phone.expect(world.ana)


# -- what would happen ----------------------------------------------------------------------------------------------------


def test_the_dry_run_pages_whom_the_real_run_pages_and_when(world: World, chat: Chat):
    schedule = world.schedule(world.ana)
    steps = [
        world.step(schedule, wait=60), world.step(world.lea, severities=["SEV1"]), world.step(world.team, room(world), wait=120),
        world.step(world.person("Mute", phone=False)),
    ]  # fmt: skip
    policy = world.written(steps, repeats=1)
    world.fallback(team=world.cy)
    began = world.now
    planned = rehearsal.dry_run(
        {"steps": policy.steps, "repeats": policy.repeats}, team=world.team.pk, subject={"severity": "SEV2"}, now=began
    )
    world.alert(severity="SEV2")
    world.advance(minutes=20)
    real = {(round((page.created_at - began).total_seconds() / 10), page.user.name) for page in world.pages(user__isnull=False)}
    assert real == {(round(line.after_seconds / 10), one["user"]["name"]) for line in planned for one in line.people}
    world.phone.unread.clear()


def test_the_dry_run_names_whoever_is_on_call_when_the_step_would_start(world: World):
    by_the_hour(world, datetime(2030, 3, 25, 8, 58, tzinfo=ZoneInfo("Europe/Berlin")))  # a Monday, two minutes before the hand-over
    schedule = world.schedule(world.ana, world.ben)
    world.written([world.step(schedule)], repeats=1)
    first, second = [line.who for line in rehearse(world.service, now=world.now)[0].lines[:2]]
    assert {first, second} == {"Ana", "Ben"}


def test_a_policy_is_exported_by_name_and_applied_again_without_a_change(world: World, chat: Chat):
    schedule = world.schedule(world.ana)
    steps = [
        world.step(schedule, everyone(schedule), world.team, world.cy, need=0, severities=["SEV1"], hours="outside"),
        world.step(room(world), {"kind": "webhook", "address": "https://example.com/hook"}),
    ]
    policy = world.written(steps)
    (written,) = configuration.current()["escalation_policies"]
    assert [target.get("name") or target["address"] for step in written["steps"] for target in step["targets"]] == [
        "Payments primary", "Payments primary", "Payments", "cy@example.com", "Chat", "https://example.com/hook",
    ]  # fmt: skip
    apply = configuration.Applying(world.now).apply
    assert apply({"version": 1, "escalation_policies": [written]}) == []
    written["steps"][0]["need"] = 2
    assert apply({"version": 1, "escalation_policies": [written]}) == ["change escalation policies: Payments"]
    stored = policy.steps
    policy.refresh_from_db()
    assert policy.steps[0]["need"] == 2 and policy.steps[0]["targets"] == stored[0]["targets"] and policy.steps[1] == stored[1]
    assert User.objects.filter(pk=world.cy.pk).exists()
