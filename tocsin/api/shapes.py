"""Which forms do bodies and answers share?"""

from __future__ import annotations

from datetime import UTC, datetime

from ninja import Field, Schema
from pydantic import ConfigDict


class Body(Schema):
    """A body that says no to fields it does not know: a mistyped or forbidden field is told, never swallowed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ActingBody(Body):
    """A body of what somebody does."""

    by: int | None = Field(None, description="For whom a token without a person acts: the id of a person.")


def rfc3339(at: datetime | None) -> str | None:
    """2026-11-23T03:04:12.000000Z"""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def given(body: Schema) -> dict[str, object]:
    """The fields that the sender wrote, for PATCH."""
    return body.model_dump(exclude_unset=True)
