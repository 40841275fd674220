"""Asking people to come, and what whoever has an incident or alert does with it: hand it over, give it back, snooze it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from django.http import HttpRequest
from ninja import Field, Router, Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.models import Team, User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Alert
from tocsin.api.acting import acting
from tocsin.api.incident_shapes import ActorShape
from tocsin.api.incidents import find
from tocsin.api.paging import Page
from tocsin.api.shapes import ActingBody, At, NamedShape, named, one_of, rfc3339
from tocsin.domain import asks as rules
from tocsin.incidents import queries as incident_queries
from tocsin.lib.refusal import invalid, missing
from tocsin.oncall.models import Schedule
from tocsin.paging import operations_asks as asks
from tocsin.paging.models import Ask
from tocsin.response import hold
from tocsin.response.answer_ask import answer_ask, withdraw_ask
from tocsin.response.page_someone import Wanted, page_people

router = Router(tags=["Responders"])


class AskBody(ActingBody):
    """Whom to ask; all of it together."""

    reason: str = Field(max_length=1000)
    users: list[int] = Field(default_factory=list, max_length=50)
    teams: list[int] = Field(default_factory=list, max_length=20, description="Every member.")
    schedules: list[int] = Field(default_factory=list, max_length=20, description="Whoever is on call now.")
    roles: list[str] = Field(default_factory=list, max_length=10, description="Whoever holds that role of the incident.")
    minutes: int = Field(rules.ANSWER_MINUTES, description="Within which an answer is expected.")


class HandOverBody(ActingBody):
    """To a person, or to whoever is on call in a schedule."""

    user: int | None = None
    schedule: int | None = None
    reason: str = Field("", max_length=1000)
    minutes: int = Field(rules.ANSWER_MINUTES, description="Without a yes by then paging starts again.")


class SnoozeBody(ActingBody):
    """For how long."""

    minutes: int


class AnswerBody(ActingBody):
    """Whoever was asked says so."""

    answer: Literal["coming", "cannot"]
    note: str = Field("", max_length=1000)


class AskShape(TypedDict):
    """Somebody was asked to come or to take over, and what they answered."""

    id: int
    kind: Annotated[str, one_of([one.value for one in rules.Kind])]
    user: NamedShape
    via: Annotated[str, Field(description="How they were found.")]
    reason: str
    asked_by: ActorShape
    asked_at: At
    due_at: Annotated[At | None, Field(description="Until then an answer is waited for; null when it is there.")]
    answer: Annotated[str, one_of([one.value for one in rules.Answer])]
    note: str
    answered_at: At | None


class HeldShape(TypedDict):
    """A run of a policy that somebody acknowledged."""

    track: str
    policy_track: str | None
    by: NamedShape | None
    until: Annotated[At | None, Field(description="Then paging starts again.")]


class HoldingShape(TypedDict):
    """Who has an incident or alert, and who was asked to come."""

    held: list[HeldShape]
    asked: list[AskShape]


def _rows(model: Any, ids: list[int], field: str) -> list[Any]:
    found = model.objects.filter(removed_at=None).in_bulk(ids)
    if unknown := [id for id in ids if id not in found]:
        raise invalid(**{field: f"There is no {unknown[0]}."})
    return [found[id] for id in ids]


def _alert(alert_id: int) -> Alert:
    row = Alert.objects.select_related("service", "lead").filter(pk=alert_id).first()
    if row is None:
        raise missing("alert")
    return row


def _ask(request: HttpRequest, body: AskBody, **about: Any) -> Page[AskShape]:
    wanted = Wanted(
        _rows(User, body.users, "users"), _rows(Team, body.teams, "teams"), _rows(Schedule, body.schedules, "schedules"), body.roles
    )
    by, now = acting(request, body.by), clock.now()
    made = page_people(wanted, reason=body.reason, minutes=body.minutes, by=by, now=now, **about)
    return {"items": [shape(one) for one in made], "next": None}


def shape(ask: Ask) -> AskShape:
    """An ask with its answer."""
    plain = asks.plain(ask)
    return cast(AskShape, {**plain, **{name: rfc3339(plain[name]) for name in ("asked_at", "due_at", "answered_at")}})


def _hand(request: HttpRequest, body: HandOverBody, **about: Any) -> AskShape:
    user = _rows(User, [body.user], "user")[0] if body.user is not None else None
    schedule = _rows(Schedule, [body.schedule], "schedule")[0] if body.schedule is not None else None
    by, now = acting(request, body.by), clock.now()
    return shape(hold.hand_over(user=user, schedule=schedule, reason=body.reason, minutes=body.minutes, by=by, now=now, **about))


def _holding(known: set[int] | None = None, **about: Any) -> HoldingShape:
    """Who has it, until when, and who was asked. `known`: the runs that may be told, where not all."""
    runs = [run for run in asks.held(**about) if known is None or run.pk in known]
    return {
        "held": [
            {"track": run.track, "policy_track": run.policy_track or None, "by": named(run.acknowledged_by),
             "until": rfc3339(run.ack_expires_at)}
            for run in runs
        ],
        "asked": [shape(one) for one in asks.of_subject(**about)[:200]],
    }  # fmt: skip


def _of_alert(request: HttpRequest, alert_id: int) -> HoldingShape:
    row = _alert(alert_id)
    _, runs = incident_queries.known_of_alert(row.lead or row, request.actor)  # type: ignore[attr-defined]
    return _holding(set(runs.values_list("pk", flat=True)), alert_id=row.lead_id or row.pk)


@router.get("/incidents/{ref}/responders")
@needs(Needs.READ)
def incident_responders(request: HttpRequest, ref: str) -> HoldingShape:
    """Who has it, who was asked to come and what they answered."""
    return _holding(incident_id=find(request, ref).pk)


@router.post("/incidents/{ref}/responders", response={201: dict})
@needs(Needs.RESPOND)
def ask_to_incident(request: HttpRequest, ref: str, body: AskBody) -> Status[Page[AskShape]]:
    """Ask people to come; they are paged, and whoever asks hears of those who can't or do not answer."""
    return Status(201, _ask(request, body, incident=find(request, ref)))


@router.post("/incidents/{ref}/hand-over", response={201: dict})
@needs(Needs.RESPOND)
def hand_over_incident(request: HttpRequest, ref: str, body: HandOverBody) -> Status[AskShape]:
    """Ask somebody to take it over; until they say yes it stays with who has it, without a yes paging starts again."""
    return Status(201, _hand(request, body, incident=find(request, ref)))


@router.post("/incidents/{ref}/unacknowledge")
@needs(Needs.RESPOND)
def give_back_incident(request: HttpRequest, ref: str, body: ActingBody) -> HoldingShape:
    """Take the acknowledgement back; paging starts again."""
    incident = find(request, ref)
    hold.give_back(incident=incident, by=acting(request, body.by), now=clock.now())
    return _holding(incident_id=incident.pk)


@router.post("/incidents/{ref}/snooze")
@needs(Needs.RESPOND)
def snooze_incident(request: HttpRequest, ref: str, body: SnoozeBody) -> HoldingShape:
    """Have it for so long; then paging starts again unless it is resolved."""
    incident = find(request, ref)
    hold.snooze(minutes=body.minutes, incident=incident, by=acting(request, body.by), now=clock.now())
    return _holding(incident_id=incident.pk)


@router.get("/alerts/{int:alert_id}/responders")
@needs(Needs.READ)
def alert_responders(request: HttpRequest, alert_id: int) -> HoldingShape:
    """Who has it, who was asked to come and what they answered."""
    return _of_alert(request, alert_id)


@router.post("/alerts/{int:alert_id}/responders", response={201: dict})
@needs(Needs.RESPOND)
def ask_to_alert(request: HttpRequest, alert_id: int, body: AskBody) -> Status[Page[AskShape]]:
    """Ask people to look at an alert; they are paged."""
    return Status(201, _ask(request, body, alert=_alert(alert_id)))


@router.post("/alerts/{int:alert_id}/hand-over", response={201: dict})
@needs(Needs.RESPOND)
def hand_over_alert(request: HttpRequest, alert_id: int, body: HandOverBody) -> Status[AskShape]:
    """Ask somebody to take it over; until they say yes it stays with who has it, without a yes paging starts again."""
    return Status(201, _hand(request, body, alert=_alert(alert_id)))


@router.post("/alerts/{int:alert_id}/unacknowledge")
@needs(Needs.RESPOND)
def give_back_alert(request: HttpRequest, alert_id: int, body: ActingBody) -> HoldingShape:
    """Take the acknowledgement back; paging starts again."""
    hold.give_back(alert=_alert(alert_id), by=acting(request, body.by), now=clock.now())
    return _of_alert(request, alert_id)


@router.post("/alerts/{int:alert_id}/snooze")
@needs(Needs.RESPOND)
def snooze_alert(request: HttpRequest, alert_id: int, body: SnoozeBody) -> HoldingShape:
    """Have it for so long; then paging starts again if it still fires."""
    hold.snooze(minutes=body.minutes, alert=_alert(alert_id), by=acting(request, body.by), now=clock.now())
    return _of_alert(request, alert_id)


@router.post("/asks/{int:ask_id}/answer")
@needs(Needs.SELF)
def answer(request: HttpRequest, ask_id: int, body: AnswerBody) -> AskShape:
    """Say whether you come, or take it over. Only who was asked."""
    return shape(answer_ask(ask_id=ask_id, answer=body.answer, note=body.note, by=acting(request, body.by), now=clock.now()))


@router.delete("/asks/{int:ask_id}")
@needs(Needs.RESPOND)
def withdraw(request: HttpRequest, ask_id: int) -> AskShape:
    """It is not needed any more."""
    ask = Ask.objects.filter(pk=ask_id).first()
    if ask is None or (ask.incident_id and not incident_queries.visible_to(request.actor).filter(pk=ask.incident_id).exists()):  # type: ignore[attr-defined]
        raise missing("ask")
    return shape(withdraw_ask(ask_id=ask_id, by=acting(request), now=clock.now()))
