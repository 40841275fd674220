"""Alerts over HTTP: list, read, and the first verbs of the procedure."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import listing, operations_quiet
from tocsin.alerts.models import Alert, Feedback
from tocsin.api import incident_shapes
from tocsin.api.acting import acting
from tocsin.api.alert_filters import AlertFilters
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import ActingBody, At, Data, NamedShape, PersonShape, named, one_of, rfc3339
from tocsin.incidents import queries as incident_queries
from tocsin.lib.refusal import invalid, missing
from tocsin.paging.models import Escalation
from tocsin.response import simulate_routing, stale
from tocsin.response.acknowledge import acknowledge_alert
from tocsin.response.declare_incident import declare
from tocsin.response.resolve_alert import resolve_alert
from tocsin.response.ungroup import ungroup as ungroup_alert
from tocsin.response.verify_alert import verify_alert
from tocsin.timeline.models import Entry

router = Router(tags=["Alerts"])
ID = "/{int:alert_id}"


class VerdictBody(ActingBody):
    """Is it real?"""

    verdict: Literal["real", "false_alarm", "unsure"]
    note: str = Field("", max_length=2000)


class DeclareFromAlert(ActingBody):
    """An incident from this alert; the title is the alert's where none is given, the severity is proposed."""

    title: str = Field("", max_length=1000)
    severity: str | None = Field(None, max_length=20)
    impact: str = Field("", max_length=4000)
    reason: str = Field("", max_length=2000)
    private: bool = False
    drill: bool = False
    incident_commander: int | None = None


class AlertIntegrationShape(NamedShape):
    """Which integration an alert came by."""

    kind: Annotated[str, Field(description="As in /integration-kinds.")]


class AlertShape(TypedDict):
    """An alert in a list."""

    id: int
    title: str
    status: Annotated[str, one_of(Alert.Status.values, "What the monitor says.")]
    severity: Annotated[str, Field(description="A severity of the procedure, as proposed.")]
    severity_reason: str
    source_severity: Annotated[str, Field(description="What the source says: critical, error, warning or info.")]
    dedup_key: Annotated[str, Field(description="Events with the same key are the same alert.")]
    service: NamedShape | None
    integration: AlertIntegrationShape
    started_at: Annotated[At, Field(description="What the source says.")]
    first_seen: At
    last_seen: At
    resolved_at: At | None
    event_count: int
    link: str | None
    labels: dict[str, str]
    suppressed_by: Annotated[str, Field(description="Why nobody is paged for it; empty where that is not so.")]
    verdict: Annotated[str, one_of(Alert.Verdict.values)] | None
    lead: Annotated[int | None, Field(description="The alert that is paged for this one too, where it joined a cause.")]
    member_count: Annotated[int, Field(description="How many alerts joined it.")]
    flapping: bool
    asked_at: Annotated[At | None, Field(description="Since when somebody is asked whether it is still real.")]


class LinkShape(TypedDict):
    """An address with its words."""

    text: str
    url: str


class AlertEscalationShape(TypedDict):
    """The run of a policy for an alert."""

    id: int
    status: Annotated[str, one_of(Escalation.Status.values)]
    track: Annotated[str, Field(description="on_call, leadership or person.")]
    policy: Annotated[str | None, Field(description="Its name.")]
    step: int
    round: int
    started_at: At
    due_at: Annotated[At | None, Field(description="When the next step starts.")]
    reason: str
    acknowledged_at: At | None
    acknowledged_by: PersonShape | None
    acknowledged_via: str | None
    finished_at: At | None


class AlertDetailShape(AlertShape):
    """One alert with what hangs on it."""

    details: Data
    runbook: str | None
    ends_at: Annotated[At | None, Field(description="It is over then unless it is renewed.")]
    trace: Annotated[list[str], Field(description="Why it was routed as it was, in sentences.")]
    verdict_note: str
    verdict_at: At | None
    verdict_by: PersonShape | None
    escalation: AlertEscalationShape | None
    incidents: Annotated[list[str], Field(description="Their `ref`.")]
    group_reason: Annotated[str, Field(description="Why it joined a cause.")]
    cause_severity: Annotated[str | None, Field(description="Of the cause that it leads: the worst of its alerts.")]
    links: list[LinkShape]
    first_event: Annotated[int | None, Field(description="The id of its first raw event, as long as that is kept.")]
    last_event: int | None


class AlertCountShape(TypedDict):
    """How many alerts match."""

    count: int
    exact: Annotated[bool, Field(description="False: there are more.")]


class RoutedByShape(TypedDict):
    """A routing rule that an alert met."""

    place: int
    id: int | None
    name: str
    result: str
    sentence: str


class AlertTraceShape(TypedDict):
    """Why an alert was routed as it was."""

    alert: int
    version: Annotated[int | None, Field(description="Of the routing rules that were in force then.")]
    rule: Annotated[int | None, Field(description="The one that matched.")]
    sentences: list[str]
    rules: list[RoutedByShape]


class AlertEntryShape(TypedDict):
    """What happened to an alert."""

    id: int
    at: At
    kind: str
    text: str
    by: str
    via: str
    data: Data


class FeedbackShape(TypedDict):
    """How many found an alert useful, and how many did not."""

    useful: int
    noise: int


def shape(alert: Alert) -> AlertShape:
    """An alert in a list."""
    return {
        "id": alert.pk, "title": alert.title, "status": alert.status, "severity": alert.severity, "severity_reason": alert.severity_reason,
        "source_severity": alert.source_severity, "dedup_key": alert.dedup_key,
        "service": named(alert.service),
        "integration": {"id": alert.integration_id, "name": alert.integration.name, "kind": alert.integration.kind},
        "started_at": rfc3339(alert.started_at), "first_seen": rfc3339(alert.first_seen), "last_seen": rfc3339(alert.last_seen),
        "resolved_at": rfc3339(alert.resolved_at), "event_count": alert.event_count, "link": alert.link or None,
        "labels": alert.labels, "suppressed_by": alert.suppressed_by, "verdict": alert.verdict or None, "lead": alert.lead_id,
        "member_count": alert.member_count, "flapping": alert.calm_at is not None, "asked_at": rfc3339(alert.asked_at),
    }  # fmt: skip


def detail(alert: Alert, request: HttpRequest) -> AlertDetailShape:
    """One alert with what hangs on it."""
    incidents = incident_queries.visible_to(request.actor).filter(alert_links__alert=alert)  # type: ignore[attr-defined]
    return {
        **shape(alert), "details": alert.details, "runbook": alert.runbook or None, "ends_at": rfc3339(alert.ends_at), "trace": alert.trace,
        "verdict_note": alert.verdict_note, "verdict_at": rfc3339(alert.verdict_at), "verdict_by": incident_shapes.person(alert.verdict_by),
        "escalation": _escalation(alert, request), "incidents": [incident.ref for incident in incidents],
        "group_reason": alert.group_reason, "cause_severity": alert.cause_severity or None, "links": alert.links,
        "first_event": alert.first_raw_event_id, "last_event": alert.last_raw_event_id,
    }  # fmt: skip


def _escalation(alert: Alert, request: HttpRequest) -> AlertEscalationShape | None:
    _, known = incident_queries.known_of_alert(alert, request.actor)  # type: ignore[attr-defined]
    runs = list(known.select_related("acknowledged_by", "policy").order_by("-id")[:20])
    row = next((run for run in runs if run.track == "on_call" and not run.policy_track), runs[0] if runs else None)
    if row is None:
        return None
    return {
        "id": row.pk, "status": row.status, "track": row.track, "policy": row.policy.name if row.policy else None, "step": row.step,
        "round": row.round, "started_at": rfc3339(row.started_at), "due_at": rfc3339(row.due_at), "reason": row.reason,
        "acknowledged_at": rfc3339(row.acknowledged_at), "acknowledged_by": incident_shapes.person(row.acknowledged_by),
        "acknowledged_via": row.acknowledged_via or None, "finished_at": rfc3339(row.finished_at),
    }  # fmt: skip


def _alert(alert_id: int) -> Alert:
    found = Alert.objects.select_related("service", "integration", "verdict_by").filter(pk=alert_id).first()
    if found is None:
        raise missing("alert")
    return found


@router.get("")
@needs(Needs.READ)
def list_alerts(request: HttpRequest, wanted: Query[AlertFilters], paging: Query[Paging]) -> Page[AlertShape]:
    """Alerts, the newest first or in the order of `sort`."""
    found = listing.page(wanted.read(), clock.now(), cursor=paging.cursor, limit=paging.limit)
    return {"items": [shape(row) for row in found.rows], "next": found.next}


@router.get("/count")
@needs(Needs.READ)
def count_alerts(request: HttpRequest, wanted: Query[AlertFilters]) -> AlertCountShape:
    """How many match: `exact` is false where there are more than `count`."""
    number = listing.count(wanted.read(), clock.now())
    return {"count": number.number, "exact": not number.more}


@router.get(ID)
@needs(Needs.READ)
def get_alert(request: HttpRequest, alert_id: int) -> AlertDetailShape:
    """One alert, with why it was routed as it was."""
    return detail(_alert(alert_id), request)


@router.get(ID + "/timeline")
@needs(Needs.READ)
def timeline(request: HttpRequest, alert_id: int, paging: Query[Paging]) -> Page[AlertEntryShape]:
    """What happened to it, in order."""
    entries, _ = incident_queries.known_of_alert(_alert(alert_id), request.actor)  # type: ignore[attr-defined]
    return page(entries, paging, _entry)


@router.get(ID + "/trace")
@needs(Needs.READ)
def trace(request: HttpRequest, alert_id: int) -> AlertTraceShape:
    """Why it was routed as it was: the outcome in sentences, and each routing rule that it met, by the version that was in force then."""
    alert = _alert(alert_id)
    rules: list[RoutedByShape] = [
        {"place": one.place, "id": one.rule, "name": one.name, "result": one.result, "sentence": one.sentence}
        for one in simulate_routing.told_of(alert, clock.now())
    ]
    return {"alert": alert.pk, "version": alert.route.get("version"), "rule": alert.rule_id, "sentences": alert.trace, "rules": rules}


def _entry(entry: Entry) -> AlertEntryShape:
    return {
        "id": entry.pk, "at": rfc3339(entry.at), "kind": entry.kind, "text": entry.text, "by": entry.actor_label, "via": entry.via,
        "data": entry.data,
    }  # fmt: skip


@router.post(ID + "/acknowledge")
@needs(Needs.RESPOND)
def acknowledge(request: HttpRequest, alert_id: int, body: ActingBody) -> AlertDetailShape:
    """ "I have it": stops the paging."""
    acknowledge_alert(alert=_alert(alert_id), by=acting(request, body.by), now=clock.now())
    return detail(_alert(alert_id), request)


@router.post(ID + "/resolve")
@needs(Needs.RESPOND)
def resolve(request: HttpRequest, alert_id: int, body: ActingBody) -> AlertDetailShape:
    """End it by hand."""
    resolve_alert(alert=_alert(alert_id), by=acting(request, body.by), now=clock.now())
    return detail(_alert(alert_id), request)


@router.post(ID + "/keep")
@needs(Needs.RESPOND)
def keep(request: HttpRequest, alert_id: int, body: ActingBody) -> AlertDetailShape:
    """Say that an alert that was not renewed for long is still real."""
    stale.keep(alert=_alert(alert_id), by=acting(request, body.by), now=clock.now())
    return detail(_alert(alert_id), request)


@router.post(ID + "/ungroup")
@needs(Needs.RESPOND)
def ungroup(request: HttpRequest, alert_id: int, body: ActingBody) -> AlertDetailShape:
    """Take it out of the cause that it joined: it is paged by itself."""
    ungroup_alert(alert=_alert(alert_id), by=acting(request, body.by), now=clock.now())
    return detail(_alert(alert_id), request)


@router.post(ID + "/verify")
@needs(Needs.RESPOND)
def verify(request: HttpRequest, alert_id: int, body: VerdictBody) -> AlertDetailShape:
    """Say whether it is real."""
    verify_alert(alert=_alert(alert_id), verdict=body.verdict, note=body.note, by=acting(request, body.by), now=clock.now())
    return detail(_alert(alert_id), request)


class FeedbackBody(ActingBody):
    """Was it useful?"""

    useful: bool


@router.post(ID + "/feedback")
@needs(Needs.RESPOND)
def feedback(request: HttpRequest, alert_id: int, body: FeedbackBody) -> FeedbackShape:
    """Say whether it was useful; one answer a person, the last one counts."""
    alert = _alert(alert_id)
    operations_quiet.say_useful(alert, body.useful, by=acting(request, body.by), now=clock.now())
    answers = Feedback.objects.filter(alert=alert)
    return {"useful": answers.filter(useful=True).count(), "noise": answers.filter(useful=False).count()}


@router.post(ID + "/declare", response={201: dict})
@needs(Needs.RESPOND)
def declare_from_alert(request: HttpRequest, alert_id: int, body: DeclareFromAlert) -> Status[incident_shapes.IncidentDetailShape]:
    """Declare an incident from it."""
    alert = _alert(alert_id)
    fields = body.model_dump(exclude={"by", "incident_commander", "title"})
    commander = None
    if body.incident_commander is not None and not (commander := User.objects.filter(pk=body.incident_commander).first()):
        raise invalid(incident_commander="There is no such person.")
    incident = declare(
        **fields, title=body.title or alert.title[:300], alert=alert, service=alert.service, incident_commander=commander,
        by=acting(request, body.by), now=clock.now(),
    )  # fmt: skip
    return Status(201, incident_shapes.full(incident))
