"""The work in an incident over HTTP: messages, updates, checks, mitigations, tasks, followers, action items."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, cast

from django.http import HttpRequest
from ninja import Field, Query, Router, Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api import incident_shapes as shapes
from tocsin.api import work_shapes
from tocsin.api.acting import acting
from tocsin.api.incidents import find, somebody
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import ActingBody, At, Data, PersonShape, one_of
from tocsin.api.subscribers import SubscriberShape
from tocsin.api.subscribers import shape as subscriber
from tocsin.diagnosis.models import Check
from tocsin.incidents.models import ActionItem, Incident, Subscriber, Update
from tocsin.lib.refusal import missing
from tocsin.mitigation.models import Mitigation
from tocsin.response import followers, mitigate
from tocsin.response.action_items import add_action_item
from tocsin.response.post_message import give_task, pin, pins, post_message
from tocsin.response.post_update import post_update, preview_update
from tocsin.response.run_check import answer_check, found_now, run_check

router = Router(tags=["Incidents"])


class MessageBody(ActingBody):
    """Something that is said in the incident's channel."""

    text: str = Field(max_length=16_000)
    decision: bool = False


class PinBody(ActingBody):
    """An entry of the timeline, to be kept in sight or not."""

    entry: int
    pinned: bool = True


class TaskBody(ActingBody):
    """What somebody does for the incident; done ends it."""

    user: int
    task: str = Field("", max_length=1000)
    done: bool = False


class UpdateBody(ActingBody):
    """An update: public ones go to the status page and its followers, internal ones to stakeholders."""

    audience: Literal["public", "internal"] = "public"
    status: str = Field("", max_length=40)
    verb: str = Field("", max_length=40)
    description: str = Field("", max_length=1000)
    impact: str = Field("", max_length=4000)
    next_update_minutes: int | None = None
    components: dict[str, str] = Field(default_factory=dict, max_length=200)
    cause: str = Field("", max_length=4000)
    actions: str = Field("", max_length=4000)
    next_steps: str = Field("", max_length=4000)
    eta: str = Field("", max_length=1000)
    force: bool = False


class CheckBody(ActingBody):
    """A question of the diagnosis: its answer and what shows it."""

    answer: str | None = Field(None, max_length=8)
    evidence: str = Field("", max_length=16_000)
    link: str = Field("", max_length=4000)


class ProposeBody(ActingBody):
    """What could be done against the incident, and what it would bring about."""

    title: str = Field("", max_length=400)
    effect: str = Field("", max_length=2000)


class DecideBody(ActingBody):
    """May it be done?"""

    approved: bool
    reason: str = Field("", max_length=2000)


class RecordBody(ActingBody):
    """What came of a mitigation or a collector."""

    note: str = Field("", max_length=4000)
    outcome: str = Field("", max_length=24)
    output: str = Field("", max_length=40_000)


class ActionBody(ActingBody):
    """An action item of the incident."""

    title: str = Field(max_length=1000)
    owner: int | None = None
    due_on: date | None = None


class FollowerBody(ActingBody):
    """Somebody outside who hears of each update by mail."""

    email: str = Field(max_length=254)
    name: str = Field("", max_length=120)
    group: Literal["support", "stakeholder"] = "stakeholder"


class TaskShape(TypedDict):
    """What somebody does for an incident."""

    user: PersonShape
    task: str
    task_state: Annotated[str, one_of(["", "open", "done"])]
    task_since: At | None


class UpdatePreviewShape(TypedDict):
    """An update as it would go out."""

    text: str
    errors: Annotated[dict[str, str], Field(description="Each field that is wrong, with a sentence.")]


class FoundNowShape(TypedDict):
    """What a collector finds at this moment."""

    answer: str
    evidence: str
    data: Data


class CheckDetailShape(work_shapes.CheckShape):
    """A check with what its collector would find at this moment."""

    now: Annotated[FoundNowShape | None, Field(description="Null: no collector answers it, or the incident is closed.")]


class FollowerShape(SubscriberShape):
    """Somebody outside who is told by mail of an incident."""

    incident: Annotated[str | None, Field(description="Its `ref`.")]


@router.post("/{ref}/messages", response={201: dict})
@needs(Needs.RESPOND)
def say(request: HttpRequest, ref: str, body: MessageBody) -> Status[shapes.EntryShape]:
    """Say something in the room, or log a decision."""
    by, kind = acting(request, body.by), "decision" if body.decision else "message"
    return Status(201, shapes.entry(post_message(incident=find(request, ref), text=body.text, kind=kind, by=by, now=clock.now())))


@router.get("/{ref}/pins")
@needs(Needs.READ)
def list_pins(request: HttpRequest, ref: str) -> Page[shapes.EntryShape]:
    """What is pinned."""
    return {"items": [shapes.entry(row) for row in pins(find(request, ref))], "next": None}


@router.post("/{ref}/pins", response={201: dict})
@needs(Needs.RESPOND)
def set_pin(request: HttpRequest, ref: str, body: PinBody) -> Status[shapes.EntryShape]:
    """Pin an entry, or take the pin away."""
    by = acting(request, body.by)
    return Status(201, shapes.entry(pin(incident=find(request, ref), entry_id=body.entry, pinned=body.pinned, by=by, now=clock.now())))


@router.post("/{ref}/tasks")
@needs(Needs.RESPOND)
def set_task(request: HttpRequest, ref: str, body: TaskBody) -> TaskShape:
    """Delegate a task, or mark it done."""
    user = somebody(body.user)
    assert user is not None
    row = give_task(incident=find(request, ref), user=user, task=body.task, done=body.done, by=acting(request, body.by), now=clock.now())
    return {"user": shapes.person(row.user), "task": row.task, "task_state": row.task_state, "task_since": shapes.stamp(row.task_since)}


@router.get("/{ref}/updates")
@needs(Needs.READ)
def list_updates(request: HttpRequest, ref: str, paging: Query[Paging]) -> Page[work_shapes.UpdateShape]:
    """What was told to the public and to colleagues, newest first."""
    return page(Update.objects.filter(incident=find(request, ref)).select_related("by"), paging, work_shapes.update, order=("-id",))


@router.post("/{ref}/updates", response={201: dict})
@needs(Needs.RESPOND)
def publish_update(request: HttpRequest, ref: str, body: UpdateBody) -> Status[work_shapes.UpdateShape]:
    """Publish an update; refused field by field."""
    row = post_update(incident=find(request, ref), by=acting(request, body.by), now=clock.now(), **body.model_dump(exclude={"by"}))
    return Status(201, work_shapes.update(row))


@router.post("/{ref}/updates/preview")
@needs(Needs.RESPOND)
def preview(request: HttpRequest, ref: str, body: UpdateBody) -> UpdatePreviewShape:
    """The text as it would go out, and what is wrong with it; nothing is saved."""
    fields = body.model_dump(exclude={"by", "force"})
    shown = preview_update(incident=find(request, ref), by=acting(request, body.by), now=clock.now(), **fields)
    return {"text": shown.text, "errors": shown.errors}


@router.get("/{ref}/checks")
@needs(Needs.READ)
def list_checks(request: HttpRequest, ref: str) -> Page[work_shapes.CheckShape]:
    """The initial checks and the kinds of data, in the procedure's order."""
    rows = Check.objects.filter(incident=find(request, ref)).select_related("answered_by")
    return {"items": [work_shapes.check(row) for row in rows], "next": None}


@router.get("/{ref}/checks/{check_id}")
@needs(Needs.READ)
def get_check(request: HttpRequest, ref: str, check_id: int) -> CheckDetailShape:
    """One check: the snapshot of its last run, and (`now`) what its collector would find at this moment."""
    incident = find(request, ref)
    row = Check.objects.filter(incident=incident, pk=check_id).select_related("answered_by").first()
    if row is None:
        raise missing("check")
    return {**work_shapes.check(row), "now": cast(FoundNowShape | None, found_now(incident, row, clock.now()))}


@router.post("/{ref}/checks/{check_id}")
@needs(Needs.RESPOND)
def set_check(request: HttpRequest, ref: str, check_id: int, body: CheckBody) -> work_shapes.CheckShape:
    """Answer a check with evidence; an empty body lets its collector answer."""
    incident, by, now = find(request, ref), acting(request, body.by), clock.now()
    if body.answer is None and not body.evidence:
        return work_shapes.check(run_check(incident=incident, check_id=check_id, by=by, now=now))
    given = body.answer or ""
    return work_shapes.check(
        answer_check(incident=incident, check_id=check_id, answer=given, evidence=body.evidence, link=body.link, by=by, now=now)
    )


@router.get("/{ref}/mitigations")
@needs(Needs.READ)
def list_mitigations(request: HttpRequest, ref: str) -> Page[work_shapes.MitigationShape]:
    """What can be tried, what was proposed, decided and done."""
    return {"items": [work_shapes.mitigation(row) for row in _mitigations(find(request, ref))], "next": None}


@router.post("/{ref}/mitigations", response={201: dict})
@needs(Needs.RESPOND)
def propose_own(request: HttpRequest, ref: str, body: ProposeBody) -> Status[work_shapes.MitigationShape]:
    """Propose one that the procedure does not list."""
    by = acting(request, body.by)
    return Status(
        201,
        work_shapes.mitigation(mitigate.propose(incident=find(request, ref), title=body.title, effect=body.effect, by=by, now=clock.now())),
    )


@router.post("/{ref}/mitigations/{mitigation_id}/propose")
@needs(Needs.RESPOND)
def propose(request: HttpRequest, ref: str, mitigation_id: int, body: ProposeBody) -> work_shapes.MitigationShape:
    """Put it before the commander."""
    by, incident = acting(request, body.by), find(request, ref)
    return work_shapes.mitigation(
        mitigate.propose(incident=incident, mitigation_id=mitigation_id, effect=body.effect, by=by, now=clock.now())
    )


@router.post("/{ref}/mitigations/{mitigation_id}/decide")
@needs(Needs.RESPOND)
def decide(request: HttpRequest, ref: str, mitigation_id: int, body: DecideBody) -> work_shapes.MitigationShape:
    """The commander's decision."""
    by, incident = acting(request, body.by), find(request, ref)
    return work_shapes.mitigation(
        mitigate.decide(incident=incident, mitigation_id=mitigation_id, approved=body.approved, reason=body.reason, by=by, now=clock.now())
    )


@router.post("/{ref}/mitigations/{mitigation_id}")
@needs(Needs.RESPOND)
def record(request: HttpRequest, ref: str, mitigation_id: int, body: RecordBody) -> work_shapes.MitigationShape:
    """What was done and what came of it."""
    row = mitigate.record(
        incident=find(request, ref), mitigation_id=mitigation_id, note=body.note, outcome=body.outcome, output=body.output,
        by=acting(request, body.by), now=clock.now(),
    )  # fmt: skip
    return work_shapes.mitigation(row)


@router.get("/{ref}/actions")
@needs(Needs.READ)
def list_actions(request: HttpRequest, ref: str) -> Page[work_shapes.ActionItemShape]:
    """The action items of the incident."""
    rows = ActionItem.objects.filter(incident=find(request, ref)).select_related("owner", "incident", "done_by").order_by("id")
    return {"items": [work_shapes.action_item(row) for row in rows], "next": None}


@router.post("/{ref}/actions", response={201: dict})
@needs(Needs.RESPOND)
def add_action(request: HttpRequest, ref: str, body: ActionBody) -> Status[work_shapes.ActionItemShape]:
    """Promise an improvement."""
    by, owner, incident = acting(request, body.by), somebody(body.owner, "owner"), find(request, ref)
    row = add_action_item(incident=incident, title=body.title, owner=owner, due_on=body.due_on, by=by, now=clock.now())
    return Status(201, work_shapes.action_item(row))


@router.get("/{ref}/followers")
@needs(Needs.READ)
def list_followers(request: HttpRequest, ref: str) -> Page[FollowerShape]:
    """Who is told by mail: support and stakeholders."""
    return {"items": [_follower(row) for row in followers.of(find(request, ref))], "next": None}


@router.post("/{ref}/followers", response={201: dict})
@needs(Needs.RESPOND)
def add_follower(request: HttpRequest, ref: str, body: FollowerBody) -> Status[FollowerShape]:
    """Add somebody to be told by mail of this incident."""
    by, incident = acting(request, body.by), find(request, ref)
    return Status(
        201, _follower(followers.add(incident=incident, email=body.email, name=body.name, group=body.group, by=by, now=clock.now()))
    )


@router.delete("/{ref}/followers/{follower_id}", response={204: None})
@needs(Needs.RESPOND)
def remove_follower(request: HttpRequest, ref: str, follower_id: int) -> Status[None]:
    """Stop telling somebody of this incident."""
    followers.remove(incident=find(request, ref), follower_id=follower_id, by=acting(request), now=clock.now())
    return Status(204, None)


def _mitigations(incident: Incident) -> list[Mitigation]:
    return list(Mitigation.objects.filter(incident=incident).select_related("proposed_by", "decided_by", "done_by"))


def _follower(row: Subscriber) -> FollowerShape:
    return {**subscriber(row), "incident": row.incident.ref if row.incident else None}
