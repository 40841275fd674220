"""How is a long list read? A page at a time, by an opaque cursor that stays right while rows come and go."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q, QuerySet
from ninja import Field, Schema
from typing_extensions import TypedDict

from tocsin.lib.refusal import invalid

Row = TypeVar("Row", bound=Model)
Shape = TypeVar("Shape")


class Page(TypedDict, Generic[Shape]):
    """A list, or a page of it."""

    items: list[Shape]
    next: Annotated[str | None, Field(description="What `cursor` is to be for the page after this; null: this is the last.")]


class Paging(Schema):
    """The parameters of every list: `paging: Query[Paging]` in an operation."""

    limit: int = Field(50, ge=1, le=200, description="How many at most.")
    cursor: str | None = Field(None, max_length=2000, description="The `next` of the page before.")


def page(queryset: QuerySet[Row], paging: Paging, shape: Callable[[Row], Shape], *, order: Sequence[str] = ("id",)) -> Page[Shape]:
    """One page of the rows. `order` names fields that are never null, "-" for descending; the id breaks ties."""
    fields = list(order)
    if not any(name.lstrip("-") in ("id", "pk") for name in fields):
        fields.append("-id" if fields and fields[-1].startswith("-") else "id")
    rows = queryset.order_by(*fields)
    if paging.cursor:
        rows = rows.filter(_after(queryset.model, fields, paging.cursor))
    found = list(rows[: paging.limit + 1])
    more = len(found) > paging.limit
    found = found[: paging.limit]
    return {"items": [shape(row) for row in found], "next": _cursor(found[-1], fields) if more else None}


def _cursor(row: Model, fields: Sequence[str]) -> str:
    values = [getattr(row, name.lstrip("-")) for name in fields]
    return base64.urlsafe_b64encode(json.dumps(values, cls=_Exact, separators=(",", ":")).encode()).decode().rstrip("=")


class _Exact(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)  # Django's own form cuts microseconds


def _after(model: type[Model], fields: Sequence[str], cursor: str) -> Q:
    """Rows behind the cursor's: (a > x) or (a = x and b > y) ..."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(fields):
            raise ValueError("another list's cursor")
        columns: list[Any] = [model._meta.get_field(name.lstrip("-")) for name in fields]  # never a relation from the other side
        typed = [column.to_python(value) for column, value in zip(columns, values, strict=True)]
        if any(value is None for value in typed):
            raise ValueError("empty value")
    except (ValueError, binascii.Error, ValidationError, FieldDoesNotExist, TypeError, RecursionError) as error:
        raise invalid(cursor="This is not a cursor of this list; start without one.") from error
    behind, equal = Q(), Q()
    for name, value in zip(fields, typed, strict=True):
        plain = name.lstrip("-")
        behind |= equal & Q(**{f"{plain}__{'lt' if name.startswith('-') else 'gt'}": value})
        equal &= Q(**{plain: value})
    return behind
