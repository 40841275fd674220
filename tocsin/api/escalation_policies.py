"""Escalation policies over HTTP, with a dry run: who would be paged now, and why?"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.responses import Status
from pydantic import StringConstraints

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting
from tocsin.api.paging import Paging, page
from tocsin.integrations.webhook import notifier as webhook
from tocsin.lib.refusal import invalid
from tocsin.paging import operations, rehearsal
from tocsin.paging.models import EscalationPolicy

router = Router(tags=["Escalation policies"])


class TargetBody(Schema):
    """Whom a step pages, or where it posts. `chat` needs the account's id and a room's address, `webhook` the address alone."""

    model_config = {"extra": "forbid"}
    kind: Literal["schedule", "schedule_people", "user", "team", "chat", "webhook"]
    id: int | None = Field(None, description="Schedule, person, team, or account of a chat.")
    address: str | None = Field(None, max_length=500, description="Room or web address.")


class WhenBody(Schema):
    """When a step counts; all that is given must hold, else the next step starts at once."""

    model_config = {"extra": "forbid"}
    severities: list[Annotated[str, StringConstraints(max_length=20)]] = Field(default_factory=list, max_length=10)
    hours: Literal["business", "outside"] | None = Field(None, description="Business hours of the team that owns the service.")
    tier: Literal["critical", "standard"] | None = None


class StepBody(Schema):
    model_config = {"extra": "forbid"}
    wait_seconds: int = 300
    targets: list[TargetBody] = Field(max_length=20)
    need: int = Field(1, description="So many of those who are paged must acknowledge; 0 all of them.")
    when: WhenBody | None = None


class PolicyBody(Schema):
    model_config = {"extra": "forbid"}
    name: str = Field(max_length=500)
    team: int | None = None
    steps: list[StepBody] = Field(max_length=20)
    repeats: int = 0
    low_severities: list[Annotated[str, StringConstraints(max_length=20)]] = Field(
        default_factory=list, max_length=10, description="Severities whose pages can wait."
    )
    low_urgency: Literal["hours", "record"] = Field(
        "hours", description="What can wait reaches a responder in working hours of their own zone, or nobody is paged."
    )


class PolicyChange(Schema):
    model_config = {"extra": "forbid"}
    name: str | None = Field(None, max_length=500)
    team: int | None = None
    steps: list[StepBody] | None = Field(None, max_length=20)
    repeats: int | None = None
    low_severities: list[Annotated[str, StringConstraints(max_length=20)]] | None = Field(None, max_length=10)
    low_urgency: Literal["hours", "record"] | None = None


def shape(policy: EscalationPolicy, *, secrets: bool = True) -> dict[str, Any]:
    """A policy; `secrets`: with what its webhooks sign with."""
    steps = [{"need": 1, "when": {}, **step, "targets": [_target(target, secrets) for target in step["targets"]]} for step in policy.steps]
    return {
        "id": policy.id, "name": policy.name, "team": policy.team_id, "steps": steps, "repeats": policy.repeats,
        "low_severities": policy.low_severities, "low_urgency": policy.low_urgency,
    }  # fmt: skip


def _target(target: dict[str, Any], secrets: bool) -> dict[str, Any]:
    return {**target, "signing_secret": webhook.secret(target["address"])} if secrets and target["kind"] == "webhook" else target


@router.get("")
@needs(Needs.READ)
def list_policies(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """All policies."""
    return page(EscalationPolicy.objects.filter(removed_at=None), paging, partial(shape, secrets=False))


@router.post("", response={201: dict})
@needs(Needs.ADMINISTER)
def create_policy(request: HttpRequest, body: PolicyBody) -> Any:
    """A new policy."""
    return Status(201, shape(operations.create_policy(**body.model_dump(), by=acting(request), now=clock.now())))


@router.get("/{int:id}")
@needs(Needs.READ)
def get_policy(request: HttpRequest, id: int) -> dict[str, Any]:
    """One policy."""
    return shape(operations.policy_of(id), secrets=request.actor.is_administrator)  # type: ignore[attr-defined]


@router.patch("/{int:id}")
@needs(Needs.ADMINISTER)
def change_policy(request: HttpRequest, id: int, body: PolicyChange) -> dict[str, Any]:
    """Change what is given; escalations that run keep the steps they started with."""
    changes = body.model_dump(exclude_unset=True)
    for field in ("name", "steps", "repeats", "low_severities", "low_urgency"):
        if field in changes and changes[field] is None:
            raise invalid(**{field: "It cannot be empty."})
    return shape(operations.change_policy(operations.policy_of(id), by=acting(request), now=clock.now(), **changes))


@router.delete("/{int:id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_policy(request: HttpRequest, id: int) -> Any:
    """Take it out of use; refused while a service pages by it."""
    operations.remove_policy(operations.policy_of(id), by=acting(request), now=clock.now())
    return Status(204, None)


class As(Schema):
    """What is assumed to fire."""

    severity: str = Field("", max_length=20, description="Steps for other severities are passed over; empty: none is.")
    critical: bool = Field(False, description="As if the service were critical.")


@router.get("/{int:id}/dry-run")
@needs(Needs.READ)
def dry_run(request: HttpRequest, id: int, given: Query[As]) -> dict[str, Any]:
    """Who would be paged if this fired now, step by step with the whole path, the fallback people last."""
    policy = operations.policy_of(id)
    plain = {"steps": policy.steps, "repeats": policy.repeats}
    lines = rehearsal.dry_run(plain, team=policy.team_id, name=policy.name, subject=given.dict(), now=clock.now())
    return {"items": [asdict(line) for line in lines], "next": None}
