"""Which forms do bodies and answers share?

What an operation answers is a TypedDict, named in its return annotation: `mypy` holds the code to it, the description (answers.py) is made
of it, and the tests hold every answer to the description (tests/answers.py). Nothing looks at it while an answer is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol, overload

from ninja import Field, Schema
from pydantic import ConfigDict, WithJsonSchema
from typing_extensions import TypedDict

# RFC 3339 in UTC, as `rfc3339` writes it.
At = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
# A small object whose keys depend on what it is about.
Data = dict[str, Any]


def one_of(values: Sequence[str], description: str = "") -> WithJsonSchema:
    """Of a text of an answer: the only ones that it can be. `Annotated[str, one_of(Alert.Status.values)]`."""
    return WithJsonSchema({"type": "string", "enum": list(values), **({"description": description} if description else {})})


class NamedShape(TypedDict):
    """Something by its id, with its name to be read."""

    id: int
    name: str


class _Named(Protocol):
    pk: Any
    name: str


@overload
def named(row: _Named) -> NamedShape: ...
@overload
def named(row: _Named | None) -> NamedShape | None: ...
def named(row: _Named | None) -> NamedShape | None:
    """A row by its id and its name."""
    return {"id": row.pk, "name": row.name} if row else None


class PersonShape(NamedShape):
    """A person, as other things name them."""

    initials: str


class Body(Schema):
    """A body that says no to fields it does not know: a mistyped or forbidden field is told, never swallowed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ActingBody(Body):
    """A body of what somebody does."""

    by: int | None = Field(None, description="For whom a token without a person acts: the id of a person.")


@overload
def rfc3339(at: datetime) -> str: ...
@overload
def rfc3339(at: datetime | None) -> str | None: ...
def rfc3339(at: datetime | None) -> str | None:
    """2026-11-23T03:04:12.000000Z"""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def given(body: Schema) -> dict[str, object]:
    """The fields that the sender wrote, for PATCH."""
    return body.model_dump(exclude_unset=True)
