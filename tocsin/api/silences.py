"""Silences over HTTP: no paging for what matches, until a time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations_silences as silences
from tocsin.alerts import queries_quiet
from tocsin.alerts.models import Silence
from tocsin.api.acting import acting
from tocsin.api.incident_shapes import person
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, PersonShape, one_of, rfc3339
from tocsin.domain.quiet import Fate
from tocsin.lib.refusal import invalid, missing
from tocsin.response import silence as verbs
from tocsin.response import silenced_now

router = Router(tags=["Silences"])


STOP = "What fires as it begins is held back as well, and its pages stop; else only what comes from then on."


class MatcherBody(Body):
    """One condition on a label of the alert, or on its title, service or severity."""

    name: str = Field(max_length=200)
    value: str = Field(max_length=1000)
    is_regex: bool = False
    is_equal: bool = True


class NewSilence(Body):
    """What is silenced, until when, and why."""

    matchers: list[MatcherBody] = Field(default_factory=list, max_length=20)
    service: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime
    reason: str = Field(max_length=1000)
    stop_paging: bool = Field(True, description=STOP)
    by: int | None = None


class PreviewedSilence(Body):
    """What would be silenced."""

    matchers: list[MatcherBody] = Field(default_factory=list, max_length=20)
    service: int | None = None
    starts_at: datetime | None = None
    stop_paging: bool = Field(True, description=STOP)


class ChangedSilence(Body):
    """What is to be otherwise; what is left out stays."""

    matchers: list[MatcherBody] | None = Field(None, max_length=20)
    service: int | None = None
    ends_at: datetime | None = None
    reason: str | None = Field(None, max_length=1000)
    stop_paging: bool | None = Field(None, description=STOP)
    by: int | None = None


class MatcherShape(TypedDict):
    """One condition on a label of the alert, or on its title, service or severity."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool


class SilenceShape(TypedDict):
    """No paging for what matches, until a time."""

    id: int
    matchers: list[MatcherShape]
    service: int | None
    starts_at: At
    ends_at: At
    ended_at: Annotated[At | None, Field(description="It was ended before its time.")]
    maintenance_window: Annotated[int | None, Field(description="The window that it belongs to.")]
    state: Annotated[str, one_of(["active", "pending", "expired"])]
    reason: str
    stop_paging: Annotated[bool, Field(description="What is open as it begins is held back as well.")]
    stopped: Annotated[int | None, Field(description="For so many causes it stopped paging; null: it has not begun.")]
    created_by: PersonShape | None
    author: str
    created_at: At


class SilencedAlertShape(TypedDict):
    """An open alert that would be silenced."""

    id: int
    title: str
    severity: str
    paged: Annotated[bool, Field(description="Pages run for it, or for its cause.")]


class SilencePreviewShape(TypedDict):
    """What a silence would do now."""

    open_alerts: Annotated[int, Field(description="How many match.")]
    all_looked_at: Annotated[bool, Field(description="False: more alerts match than were looked at.")]
    paged: Annotated[int, Field(description="For how many causes of them pages run.")]
    stops: Annotated[int, Field(description="For how many of these paging would stop.")]
    of_incidents: Annotated[int, Field(description="How many go on because they belong to an incident.")]
    others_fire: Annotated[int, Field(description="How many go on because other alerts of the cause fire.")]
    too_many: Annotated[int, Field(description="How many go on because their cause has more alerts than are looked at.")]
    asked_for: Annotated[int, Field(description="How many go on for nobody but those whom somebody asked for by hand.")]
    alerts: Annotated[list[SilencedAlertShape], Field(description="Some of them.")]
    sentences: list[str]


def shape(silence: Silence) -> SilenceShape:
    """A silence as the API shows it."""
    return {
        "id": silence.pk, "matchers": silence.matchers, "service": silence.service_id, "starts_at": rfc3339(silence.starts_at),
        "ends_at": rfc3339(silence.ends_at), "ended_at": rfc3339(silence.ended_at), "maintenance_window": silence.window_id,
        "state": queries_quiet.state_of(silence, clock.now()), "reason": silence.reason,
        "stop_paging": silence.stop_paging, "stopped": silence.stopped, "created_by": person(silence.created_by), "author": silence.author, "created_at": rfc3339(silence.created_at),
    }  # fmt: skip


def _silence(silence_id: int) -> Silence:
    found = Silence.objects.select_related("created_by").filter(pk=silence_id).first()
    if found is None:
        raise missing("silence")
    return found


@router.get("")
@needs(Needs.READ)
def list_silences(request: HttpRequest, paging: Query[Paging], active: bool | None = None) -> Page[SilenceShape]:
    """Silences, the newest first; `active=true`: those that hold now or will."""
    rows = Silence.objects.select_related("created_by")
    if active:
        rows = rows.filter(ended_at=None, ends_at__gt=clock.now())
    return page(rows, paging, shape, order=("-id",))


@router.post("", response={201: dict})
@needs(Needs.RESPOND)
def add_silence(request: HttpRequest, body: NewSilence) -> Status[SilenceShape]:
    """Silence what matches, and stop paging for it. Without a service at most 24 hours, unless an administrator makes it; teams and administrators
    are told."""
    _zoned(body, "starts_at", "ends_at")
    fields = body.model_dump(exclude={"by"})
    return Status(201, shape(verbs.silence(**fields, by=acting(request, body.by), now=clock.now())))


@router.post("/preview")
@needs(Needs.RESPOND)
def preview_silence(request: HttpRequest, body: PreviewedSilence) -> SilencePreviewShape:
    """What a silence would do now, in numbers and sentences: open alerts that match, for how many causes of them pages run, and what becomes of
    these. Nothing is changed."""
    _zoned(body, "starts_at")
    now, matchers = clock.now(), [one.model_dump() for one in body.matchers]
    silences.check_scope(matchers=matchers, service=body.service)
    found = silenced_now.look(matchers, [body.service] if body.service is not None else None, now, request.actor)  # type: ignore[attr-defined]
    later = body.starts_at is not None and body.starts_at > now
    return {
        "open_alerts": found.matched.number, "all_looked_at": not (found.matched.more or found.of(Fate.NOT_ALL_SEEN)), "paged": len(found.paged),
        "stops": found.of(Fate.STOPS) if body.stop_paging else 0, "of_incidents": found.of(Fate.OF_AN_INCIDENT),
        "others_fire": found.of(Fate.OTHERS_FIRE), "too_many": found.of(Fate.NOT_ALL_SEEN), "asked_for": found.of(Fate.ASKED_FOR), "alerts": [
            {"id": one.pk, "title": one.title, "severity": one.severity, "paged": (one.lead_id or one.pk) in found.paged}
            for one in found.samples
        ],
        "sentences": [f"It matches {found.matched} now.", *found.sentences(stop=body.stop_paging, later=later)],
    }  # fmt: skip


@router.get("/{int:silence_id}")
@needs(Needs.READ)
def get_silence(request: HttpRequest, silence_id: int) -> SilenceShape:
    """One silence."""
    return shape(_silence(silence_id))


@router.patch("/{int:silence_id}")
@needs(Needs.RESPOND)
def change_silence(request: HttpRequest, silence_id: int, body: ChangedSilence) -> SilenceShape:
    """Extend it, or match something else; the answer may be a new silence that took its place."""
    _zoned(body, "ends_at")
    row = _silence(silence_id)
    fields = {"matchers": row.matchers, "service": row.service_id, "ends_at": row.ends_at, "reason": row.reason}
    given = body.model_dump(exclude_unset=True, exclude={"by"})
    fields |= {name: value for name, value in given.items() if value is not None or name == "service"}
    return shape(verbs.change(row, **fields, by=acting(request, body.by), now=clock.now()))


@router.delete("/{int:silence_id}")
@needs(Needs.RESPOND)
def end_silence(request: HttpRequest, silence_id: int) -> SilenceShape:
    """End it now; what it held back and still fires is paged."""
    return shape(verbs.end(_silence(silence_id), by=request.actor, now=clock.now()))  # type: ignore[attr-defined]


def _zoned(body: Body, *names: str) -> None:
    for name in names:
        at = getattr(body, name)
        if at is not None and at.tzinfo is None:
            raise invalid(**{name: "Say the time zone: 2026-11-23T03:04:12Z."})
