"""What do pages look like over HTTP: those that were sent, and those that would be?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from ninja import Field
from typing_extensions import TypedDict

from tocsin.api.shapes import NamedShape, one_of
from tocsin.paging import queries
from tocsin.paging.models import Notification
from tocsin.paging.operations_policy_tests import ACKNOWLEDGED


class StateShape(TypedDict):
    """A state that a notification had, or that it was acknowledged."""

    at: datetime
    state: Annotated[str, one_of([*Notification.State.values, ACKNOWLEDGED])]
    reason: str


class NotificationShape(TypedDict):
    """One attempt to reach one person by one method, with every state it had."""

    id: int
    kind: Annotated[str, Field(description="page, fallback, notice, test, code or post.")]
    state: Annotated[str, one_of(Notification.State.values)]
    method: Annotated[str, Field(description="The kind of the contact method.")]
    user: Annotated[NamedShape | None, Field(description="Null: it was posted to a room or a web address.")]
    to: str
    title: str
    text: str
    reason: Annotated[str, Field(description="Why this person: the whole path in one sentence.")]
    outcome: Annotated[str, Field(description="The provider's reason in plain words.")]
    attempt: int
    possible_duplicate: bool
    merged_count: Annotated[int, Field(description="How many further pages were merged into it.")]
    merged_into: int | None
    alert: int | None
    escalation: int | None
    created_at: datetime
    sent_at: datetime | None
    final_at: datetime | None
    history: list[StateShape]


def notification(row: Notification) -> NotificationShape:
    """A notification over HTTP."""
    return cast(NotificationShape, queries.notification_plain(row))


class RehearsedMethodShape(TypedDict):
    """By which way somebody would be reached."""

    kind: str
    after_seconds: int


class RehearsedPersonShape(TypedDict):
    """Somebody who would be paged, and why."""

    user: NamedShape
    via: str
    why: str
    methods: list[RehearsedMethodShape]
    waits_until: Annotated[datetime | None, Field(description="The working hours of their zone that it would wait for.")]
    zone: str


class RehearsedStepShape(TypedDict):
    """A step of a dry run."""

    at: datetime
    step: Annotated[int | None, Field(description="Null: the fallback people.")]
    who: str
    how: str
    reachable: Annotated[bool, Field(description="Whether it would reach anybody.")]
    after_seconds: int
    round: int
    need: Annotated[int, Field(description="So many must acknowledge; 0 all of them.")]
    condition: str
    passed_over: Annotated[str, Field(description="Why it would not count; empty where it does.")]
    waits: Annotated[str, Field(description="Until when what can wait is held, and why.")]
    told: Annotated[str, Field(description="Who of its people another track tells at the same moment.")]
    track: Annotated[str, Field(description="Empty: the policy's own steps.")]
    people: list[RehearsedPersonShape]
    places: list[str]
    unreachable: list[str]
