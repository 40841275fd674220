"""Routing rules over HTTP: the list in force, older versions, what would become of an event, and what a change would have changed."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, cast

from django.http import HttpRequest, HttpResponse
from ninja import Field, Header, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations_routing as operations
from tocsin.alerts import queries_routing as queries
from tocsin.alerts.models import Alert, Integration, RawEvent, RoutingTrial, RoutingVersion
from tocsin.api.alerts import RoutedByShape
from tocsin.api.paging import Page, Paging, page
from tocsin.api.procedure import number_of
from tocsin.api.shapes import At, Body, Data, one_of, rfc3339
from tocsin.domain.rule_lint import lint
from tocsin.lib.refusal import invalid, missing
from tocsin.response import simulate_routing, try_routing

router = Router(tags=["Routing rules"])


class Rules(Body):
    """An ordered list of rules; the first that matches decides. Each is an object as GET gives it; a new one has no id."""

    rules: list[dict[str, Any]]
    note: str = Field("", max_length=operations.LONGEST_NOTE)
    version: int | None = Field(None, description="The version that the author has seen; 409 when another is in force")


class Question(Body):
    """What is to be simulated: one of `event`, `alert`, or `body` with `integration`. `rules`: other rules than those in force."""

    event: int | None = None
    alert: int | None = None
    integration: int | None = None
    body: str | None = Field(None, max_length=simulate_routing.LONGEST_BODY)
    content_type: str = Field("application/json", max_length=200)
    rules: list[dict[str, Any]] | None = None


class RuleConditionShape(TypedDict):
    """One condition of a rule."""

    field: str
    operator: str
    value: NotRequired[str | list[str] | float]


RuleHoursShape = TypedDict("RuleHoursShape", {"inside": bool, "zone": str, "days": list[int], "from": str, "to": str, "holidays": str})
RuleHoursShape.__doc__ = "Only inside, or only outside, of these hours does a rule hold."


class RuleLinkShape(TypedDict):
    """A link that a rule adds."""

    text: str
    address: str


class RuleThenShape(TypedDict):
    """What becomes of an event that a rule matches; null decides nothing."""

    service: int | None
    severity: str
    policy: int | None
    group_by: list[str] | None
    group_minutes: int | None
    suppress: bool
    labels: dict[str, str]
    links: list[RuleLinkShape]
    runbook: str


class RoutingRuleShape(TypedDict):
    """A routing rule."""

    id: int
    name: str
    enabled: bool
    integrations: Annotated[list[int], Field(description="Empty: all.")]
    match: Annotated[str, one_of(["all", "any"])]
    conditions: list[RuleConditionShape]
    expression: str
    hours: RuleHoursShape | None
    go_on: Annotated[bool, Field(description="The rules behind it count as well.")]
    then: RuleThenShape


class RuleFindingShape(TypedDict):
    """What is odd about a rule."""

    place: int
    rule: Annotated[str, Field(description="Its name.")]
    sentence: str


class RoutingVersionShape(TypedDict):
    """A version of the routing rules, without them."""

    version: int
    note: str
    author: str | None
    restored_from: int | None
    created_at: Annotated[At | None, Field(description="Null: no rules were ever saved.")]
    count: Annotated[int, Field(description="How many rules it has.")]


class RoutingRulesShape(RoutingVersionShape):
    """A version with its rules, in order."""

    rules: list[RoutingRuleShape]
    findings: list[RuleFindingShape]


class RoutingTrialShape(TypedDict):
    """What a list of rules would have changed."""

    id: int
    state: Annotated[str, one_of(RoutingTrial.State.values)]
    base: Annotated[int, Field(description="The version that it is compared with; 0: no rules.")]
    since: At
    total: int
    every: Annotated[int, Field(description="One of so many alerts is looked at.")]
    looked_at: int
    sentences: list[str]
    result: Data
    error: str
    finished_at: At | None


class RuleHitsShape(TypedDict):
    """How often a rule matched."""

    rule: int
    alerts: int
    last_at: At | None


class HitsShape(TypedDict):
    """How often each rule matched in the last seven days."""

    items: list[RuleHitsShape]
    cut: Annotated[bool, Field(description="There were more alerts than are counted.")]
    next: None


class PagedStepShape(TypedDict):
    """Whom a step would page."""

    after_seconds: int
    policy_track: str | None
    step: Annotated[int | None, Field(description="Null: the fallback people.")]
    who: str
    how: str


class PagedTrackShape(TypedDict):
    """Who would hear of it on one track."""

    track: str
    policy: str | None
    sentence: str
    steps: list[PagedStepShape]


class SimulationShape(TypedDict):
    """What would become of an event, and why."""

    title: str
    note: str
    version: int
    rules: list[RoutedByShape]
    service: str | None
    severity: str
    severity_reason: str
    suppressed_by: str
    rule: int | None
    policy: int | None
    grouping: str
    labels: dict[str, str]
    links: list[RuleLinkShape]
    runbook: str | None
    trace: list[str]
    paged: list[PagedTrackShape]


def shape(row: RoutingVersion) -> RoutingRulesShape:
    """A version with its rules, and what is odd about them."""
    rules = queries.rules_of(row, clock.now())
    findings: list[RuleFindingShape] = [{"place": one.place, "rule": one.rule, "sentence": one.sentence} for one in lint(rules)]
    return {**summary(row), "rules": row.rules, "findings": findings}


def summary(row: RoutingVersion) -> RoutingVersionShape:
    """A version without its rules."""
    return {
        "version": row.number, "note": row.note, "author": row.author_label or None, "restored_from": row.restored_from,
        "created_at": rfc3339(row.created_at) if row.pk else None, "count": len(row.rules),
    }  # fmt: skip


def trial_shape(trial: RoutingTrial) -> RoutingTrialShape:
    """A trial and how far it is."""
    return {
        "id": trial.pk, "state": trial.state, "base": trial.base, "since": rfc3339(trial.since), "total": trial.total, "every": trial.every,
        "looked_at": trial.looked_at, "sentences": try_routing.sentences(trial), "result": trial.result, "error": trial.error,
        "finished_at": rfc3339(trial.finished_at),
    }  # fmt: skip


def _answer(row: RoutingVersion, response: HttpResponse) -> RoutingRulesShape:
    response["ETag"] = f'"{row.number}"'
    return shape(row)


@router.get("")
@needs(Needs.READ)
def get_rules(request: HttpRequest, response: HttpResponse, version: int | None = None) -> RoutingRulesShape:
    """The rules in force, in order; with `version` those of an older version. The `ETag` is the version's number."""
    return _answer(queries.current() if version is None else queries.version(version), response)


@router.put("")
@needs(Needs.ADMINISTER)
def put_rules(
    request: HttpRequest, response: HttpResponse, body: Rules, if_match: str | None = Header(None, alias="If-Match")
) -> RoutingRulesShape:
    """Bring a whole list into force as the next version. 409 when `version` or `If-Match` names one that is no longer in force."""
    expected = body.version if body.version is not None else number_of(if_match)
    row = operations.save(
        body.rules, severities=simulate_routing.severities(), note=body.note, by=request.actor, now=clock.now(), expected=expected,  # type: ignore[attr-defined]
    )  # fmt: skip
    return _answer(row, response)


@router.get("/versions")
@needs(Needs.READ)
def list_versions(request: HttpRequest, paging: Query[Paging]) -> Page[RoutingVersionShape]:
    """Every version that is or was in force, the newest first."""
    return page(queries.versions(), paging, summary, order=("-id",))


@router.post("/versions/{int:number}/restore")
@needs(Needs.ADMINISTER)
def restore(
    request: HttpRequest, response: HttpResponse, number: int, if_match: str | None = Header(None, alias="If-Match")
) -> RoutingRulesShape:
    """Bring an older version back, as a new one; 0 is no rules at all."""
    row = operations.restore(
        number, severities=simulate_routing.severities(), by=request.actor, now=clock.now(), expected=number_of(if_match)  # type: ignore[attr-defined]
    )  # fmt: skip
    return _answer(row, response)


@router.get("/hits")
@needs(Needs.READ)
def hits(request: HttpRequest) -> HitsShape:
    """How often each rule matched in the last seven days; `cut` where there were more alerts than are counted."""
    found, cut = queries.hits(clock.now())
    items: list[RuleHitsShape] = [
        {"rule": rule, "alerts": one.alerts, "last_at": rfc3339(one.last_at)} for rule, one in sorted(found.items())
    ]
    return {"items": items, "cut": cut, "next": None}


@router.post("/simulate")
@needs(Needs.READ)
def simulate(request: HttpRequest, body: Question) -> Page[SimulationShape]:
    """What would become of an event, and why: every rule that it meets in words, then who would be paged now. Nothing is kept."""
    now = clock.now()
    ruleset = None
    if body.rules is not None:
        ruleset = queries.ready(0, operations.checked(body.rules, simulate_routing.severities()), now.year)
    if body.event is not None:
        raw = RawEvent.objects.select_related("integration").filter(pk=body.event).first()
        if raw is None:
            raise missing("event")
        found = simulate_routing.of_event(raw, now=now, ruleset=ruleset)
    elif body.alert is not None:
        alert = Alert.objects.select_related("integration", "service").filter(pk=body.alert).first()
        if alert is None:
            raise missing("alert")
        found = simulate_routing.of_alert(alert, now=now, ruleset=ruleset)
    elif body.body is not None and body.integration is not None:
        integration = Integration.objects.filter(pk=body.integration, removed_at=None).first()
        if integration is None:
            raise invalid(integration="There is no such integration.")
        found = simulate_routing.of_body(integration, body.body.encode(), content_type=body.content_type, now=now, ruleset=ruleset)
    else:
        raise invalid(body="Give an event, an alert, or a body with an integration.")
    return {"items": [cast(SimulationShape, simulate_routing.shape(one)) for one in found], "next": None}


@router.post("/try", response={202: dict})
@needs(Needs.ADMINISTER)
def try_rules(request: HttpRequest, body: Rules) -> Status[RoutingTrialShape]:
    """Find out what a list would have changed in the last seven days, before it is saved; ask the trial for its result."""
    return Status(202, trial_shape(try_routing.begin(body.rules, by=request.actor, now=clock.now())))  # type: ignore[attr-defined]


@router.get("/try/{int:trial_id}")
@needs(Needs.READ)
def get_trial(request: HttpRequest, trial_id: int) -> RoutingTrialShape:
    """How far a trial is, and what it found."""
    return trial_shape(try_routing.trial_of(trial_id))
