"""Escalation policies over HTTP, with a dry run: who would be paged now, and why?"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal, NotRequired, cast, get_args

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.responses import Status
from pydantic import StringConstraints
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting
from tocsin.api.paging import Page, Paging, page
from tocsin.api.rehearsal_shapes import RehearsedStepShape, StateShape
from tocsin.api.shapes import At, Body, Data, one_of, rfc3339
from tocsin.integrations.webhook import notifier as webhook
from tocsin.lib.refusal import invalid
from tocsin.paging import low_urgency, operations, operations_policies, rehearsal
from tocsin.paging import operations_policy_tests as policy_tests
from tocsin.paging.models import EscalationPolicy, Notification, PolicyVersion
from tocsin.response.try_policy import try_policy

router = Router(tags=["Escalation policies"])


class TargetBody(Body):
    """Whom a step pages, or where it posts. `chat` needs the account's id and a room's address, `webhook` the address alone."""

    kind: Literal["schedule", "schedule_people", "user", "team", "chat", "webhook"]
    id: int | None = Field(None, description="Schedule, person, team, or account of a chat.")
    address: str | None = Field(None, max_length=500, description="Room or web address.")


class WhenBody(Body):
    """When a step counts; all that is given must hold, else the next step starts at once."""

    severities: list[Annotated[str, StringConstraints(max_length=20)]] = Field(default_factory=list, max_length=10)
    hours: Literal["business", "outside"] | None = Field(None, description="Business hours of the team that owns the service.")
    tier: Literal["critical", "standard"] | None = Field(None, description="Whether the service is marked as critical.")
    tiers: list[Literal[1, 2, 3, 4]] = Field(default_factory=list, max_length=4, description="Tiers of the service, 1 the most important.")


class PolicyStepBody(Body):
    """Whom to page, and how long to wait for somebody to acknowledge."""

    wait_seconds: int = 300
    targets: list[TargetBody] = Field(max_length=20)
    need: int = Field(1, description="So many of those who are paged must acknowledge; 0 all of them.")
    when: WhenBody | None = None


class TrackBody(Body):
    """Steps that run beside the policy's own from the same moment; an acknowledgement ends both. The fallback people follow the own alone."""

    name: str = Field(max_length=200)
    steps: list[PolicyStepBody] = Field(max_length=20)
    repeats: int = 0


class PolicyBody(Body):
    """Who is paged in which order: steps, gone through `repeats` times more, and tracks beside them."""

    name: str = Field(max_length=500)
    team: int | None = None
    steps: list[PolicyStepBody] = Field(max_length=20)
    repeats: int = 0
    tracks: list[TrackBody] = Field(default_factory=list, max_length=10)
    low_severities: list[Annotated[str, StringConstraints(max_length=20)]] = Field(
        default_factory=list, max_length=10, description="Severities whose pages can wait."
    )
    low_urgency: Literal["hours", "record"] = Field(
        "hours", description="What can wait reaches a responder in working hours of their own zone, or nobody is paged."
    )


class PolicyChange(Body):
    """What is to be different; what is left out stays."""

    name: str | None = Field(None, max_length=500)
    team: int | None = None
    steps: list[PolicyStepBody] | None = Field(None, max_length=20)
    repeats: int | None = None
    tracks: list[TrackBody] | None = Field(None, max_length=10)
    low_severities: list[Annotated[str, StringConstraints(max_length=20)]] | None = Field(None, max_length=10)
    low_urgency: Literal["hours", "record"] | None = None


class TargetShape(TypedDict):
    """Whom a step pages, or where it posts."""

    kind: Annotated[str, one_of(get_args(TargetBody.model_fields["kind"].annotation))]
    id: NotRequired[int]
    address: NotRequired[str]
    signing_secret: NotRequired[Annotated[str, Field(description="Of a webhook, for administrators.")]]


class WhenShape(TypedDict, total=False):
    """When a step counts; what is left out does not matter."""

    severities: list[str]
    hours: Annotated[str, one_of(["business", "outside"])]
    tier: Annotated[str, one_of(["critical", "standard"])]
    tiers: list[int]


class PolicyStepShape(TypedDict):
    """Whom to page, and how long to wait for somebody to acknowledge."""

    wait_seconds: int
    targets: list[TargetShape]
    need: Annotated[int, Field(description="So many of those who are paged must acknowledge; 0 all of them.")]
    when: WhenShape


class TrackShape(TypedDict):
    """Steps that run beside the policy's own."""

    name: str
    steps: list[PolicyStepShape]
    repeats: int


class PolicyShape(TypedDict):
    """Who is paged in which order."""

    id: int
    name: str
    team: int | None
    steps: list[PolicyStepShape]
    repeats: int
    tracks: list[TrackShape]
    low_severities: list[str]
    low_urgency: Annotated[str, one_of(["hours", "record"])]


class PolicyTestResultShape(TypedDict):
    """A page of a test."""

    id: int
    title: str
    method: str
    to: str
    state: Annotated[str, one_of(Notification.State.values)]
    due_at: At | None
    outcome: str
    history: list[StateShape]


class WorkingHoursShape(TypedDict):
    """What working hours would do to a step in earnest."""

    track: str
    step: int
    notes: list[str]


class PolicyTestShape(TypedDict):
    """A test of a policy that has begun."""

    items: list[PolicyTestResultShape]
    working_hours: list[WorkingHoursShape]
    next: None


class PolicyVersionShape(TypedDict):
    """What a policy said before."""

    number: int
    at: At
    by: Annotated[str, Field(description="Who saved it.")]
    note: str | None
    content: Annotated[Data, Field(description="The policy, in the form of its time.")]


def shape(policy: EscalationPolicy, *, secrets: bool = True) -> PolicyShape:
    """A policy; `secrets`: with what its webhooks sign with."""
    return {
        "id": policy.id, "name": policy.name, "team": policy.team_id, "steps": _steps(policy.steps, secrets), "repeats": policy.repeats,
        "tracks": [cast(TrackShape, {**track, "steps": _steps(track["steps"], secrets)}) for track in policy.tracks],
        "low_severities": policy.low_severities, "low_urgency": policy.low_urgency,
    }  # fmt: skip


def _steps(steps: list[dict[str, Any]], secrets: bool) -> list[PolicyStepShape]:
    return [
        cast(PolicyStepShape, {"need": 1, "when": {}, **step, "targets": [_target(target, secrets) for target in step["targets"]]})
        for step in steps
    ]


def _target(target: dict[str, Any], secrets: bool) -> dict[str, Any]:
    return {**target, "signing_secret": webhook.secret(target["address"])} if secrets and target["kind"] == "webhook" else target


@router.get("")
@needs(Needs.READ)
def list_policies(request: HttpRequest, paging: Query[Paging]) -> Page[PolicyShape]:
    """All policies."""
    return page(EscalationPolicy.objects.filter(removed_at=None), paging, partial(shape, secrets=False))


@router.post("", response={201: dict})
@needs(Needs.ADMINISTER)
def create_policy(request: HttpRequest, body: PolicyBody) -> Status[PolicyShape]:
    """A new policy."""
    return Status(201, shape(operations.create_policy(**body.model_dump(), by=acting(request), now=clock.now())))


@router.get("/{int:id}")
@needs(Needs.READ)
def get_policy(request: HttpRequest, id: int) -> PolicyShape:
    """One policy."""
    return shape(operations.policy_of(id), secrets=request.actor.is_administrator)  # type: ignore[attr-defined]


@router.patch("/{int:id}")
@needs(Needs.ADMINISTER)
def change_policy(request: HttpRequest, id: int, body: PolicyChange) -> PolicyShape:
    """Change what is given; escalations that run keep the steps they started with."""
    changes = body.model_dump(exclude_unset=True)
    for field in ("name", "steps", "repeats", "tracks", "low_severities", "low_urgency"):
        if field in changes and changes[field] is None:
            raise invalid(**{field: "It cannot be empty."})
    return shape(operations.change_policy(operations.policy_of(id), by=acting(request), now=clock.now(), **changes))


@router.delete("/{int:id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_policy(request: HttpRequest, id: int) -> Status[None]:
    """Take it out of use; refused while a service pages by it."""
    operations.remove_policy(operations.policy_of(id), by=acting(request), now=clock.now())
    return Status(204, None)


class As(Schema):
    """What is assumed to fire."""

    severity: str = Field("", max_length=20, description="Steps for other severities are passed over; empty: none is.")
    critical: bool = Field(False, description="As if the service were critical.")
    tier: int = Field(0, ge=0, le=4, description="As if the service were of that tier; 0: steps for other tiers are not passed over.")


@router.get("/{int:id}/dry-run")
@needs(Needs.READ)
def dry_run(request: HttpRequest, id: int, given: Query[As]) -> Page[RehearsedStepShape]:
    """Who would be paged if this fired now, step by step with the whole path, the fallback people last."""
    policy = operations.policy_of(id)
    low = low_urgency.Low.of(policy, given.severity)
    lines = rehearsal.dry_run(policy.plain, team=policy.team_id, name=policy.name, subject=given.dict(), low=low, now=clock.now())
    return {"items": [cast(RehearsedStepShape, asdict(line)) for line in lines], "next": None}


class Try(Schema):
    """What a test does beside paging whoever asks."""

    rooms: bool = Field(False, description="Post to the policy's rooms and webhooks as well, marked as a test.")


@router.post("/{int:id}/test", response={202: dict})
@needs(Needs.RESPOND)
def test_policy(request: HttpRequest, id: int, given: Query[Try]) -> Status[PolicyTestShape]:
    """Page yourself, and nobody else, by every step of the policy, one each 30 seconds, marked as a test. Acknowledging one page ends it.

    The pages go out whatever the hours; `working_hours` says what these would do in earnest.
    """
    policy, now = operations.policy_of(id), clock.now()
    rows = try_policy(policy, rooms=given.rooms, by=acting(request), now=now)
    hours: list[WorkingHoursShape] = [
        {"track": track, "step": step, "notes": notes} for (track, step), notes in policy_tests.working_hours(policy, now).items()
    ]
    return Status(202, {"items": [_trace(row) for row in rows], "working_hours": hours, "next": None})


@router.get("/{int:id}/test")
@needs(Needs.READ)
def last_test(request: HttpRequest, id: int) -> Page[PolicyTestResultShape]:
    """What became of each page of your last test of this policy, within a day."""
    user = acting(request).user
    rows = policy_tests.newest(operations.policy_of(id), user, clock.now()) if user else []
    return {"items": [_trace(row) for row in rows], "next": None}


def _trace(row: Notification) -> PolicyTestResultShape:
    return {
        "id": row.pk, "title": row.title, "method": row.method_kind, "to": row.whom, "state": row.state, "due_at": rfc3339(row.due_at), "outcome": row.outcome,
        "history": row.history,
    }  # fmt: skip


@router.get("/{int:id}/versions")
@needs(Needs.READ)
def list_versions(request: HttpRequest, id: int, paging: Query[Paging]) -> Page[PolicyVersionShape]:
    """What the policy said before, who changed it and when."""
    return page(PolicyVersion.objects.filter(policy=operations.policy_of(id)), paging, _version, order=("-number",))


def _version(row: PolicyVersion) -> PolicyVersionShape:
    return {
        "number": row.number, "at": rfc3339(row.at), "by": row.saved_label, "note": row.note or None, "content": row.content,
    }  # fmt: skip


@router.post("/{int:id}/versions/{int:number}/restore")
@needs(Needs.ADMINISTER)
def restore_version(request: HttpRequest, id: int, number: int) -> PolicyShape:
    """Say again what that version said (undo). It becomes a new version; escalations that run keep the steps they started with."""
    return shape(operations_policies.restore_version(operations.policy_of(id), number, by=acting(request), now=clock.now()))
