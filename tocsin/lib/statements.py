"""How is a model read and written where time counts? By statements that are built once: building one takes ten times as long as asking it.

For the few statements between an event and its page, and for verbs; everything else asks through the models.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault


class Read:
    """A SELECT by hand that gives model objects: `{e}` stands for the columns of the model given as `e`, read from the table of that alias.

    Each row is a tuple: the models in the order given (None where an outer join found none), then whatever else is selected after them.
    `without`: fields that are not read, as with the models' `defer`.
    """

    def __init__(self, sql: str, *, without: frozenset[str] = frozenset(), **models: type[Model]) -> None:
        self.text, self.models, self.without = sql, models, without
        self.makers: list[_Maker] = []

    def all(self, *params: Any) -> list[tuple[Any, ...]]:
        """Every row."""
        if not self.makers:  # the models are complete only when all of them are loaded
            makers = {alias: _maker(model, self.without) for alias, model in self.models.items()}
            columns = {alias: ", ".join(f'{alias}."{one.column}"' for one in maker.fields) for alias, maker in makers.items()}
            self.sql, self.makers = self.text.format(**columns), list(makers.values())
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            return [self._row(values) for values in cursor.fetchall()]

    def first(self, *params: Any) -> tuple[Any, ...] | None:
        """The first row; None without any."""
        found = self.all(*params)
        return found[0] if found else None

    def _row(self, values: Sequence[Any]) -> tuple[Any, ...]:
        made, start = [], 0
        for maker in self.makers:
            made.append(maker(values[start : start + maker.width]))
            start += maker.width
        return (*made, *values[start:])


class _Maker:
    def __init__(self, model: type[Model], without: frozenset[str]) -> None:
        fields = self.fields = tuple(field for field in _fields(model) if field.name not in without)
        self.model, self.width = model, len(fields)
        self.names = [field.attname for field in fields]
        self.converters = [(place, field, field.from_db_value) for place, field in enumerate(fields) if hasattr(field, "from_db_value")]

    def __call__(self, values: Sequence[Any]) -> Model | None:
        if values[0] is None:
            return None
        if self.converters:
            values = list(values)
            for place, _, convert in self.converters:
                values[place] = convert(values[place], None, connection)
        return self.model.from_db(DEFAULT_DB_ALIAS, self.names, values)


_maker = cache(_Maker)


@cache
def _fields(model: type[Model]) -> tuple[Any, ...]:
    # The key first: it says whether an outer join found a row.
    fields = model._meta.concrete_fields
    return (model._meta.pk, *(field for field in fields if not field.primary_key))


def insert(rows: Sequence[Model], *, ignore_conflicts: bool = False) -> int:
    """Write new rows of one model in one statement and give them their ids; with `ignore_conflicts` those that are there already are left
    out, and none gets an id. How many were written."""
    if not rows:
        return 0
    fields = _fields(type(rows[0]))[1:]
    values = [_value(field, field.pre_save(row, add=True)) for row in rows for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_insert(type(rows[0]), len(rows), ignore_conflicts), values)
        written = cursor.rowcount
        if not ignore_conflicts:
            for row, (id,) in zip(rows, cursor.fetchall(), strict=True):
                row.pk = id
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return written


@lru_cache(maxsize=256)
def _insert(model: type[Model], count: int, ignore_conflicts: bool) -> str:
    fields = _fields(model)[1:]
    names = ", ".join(f'"{field.column}"' for field in fields)
    row = "(" + ", ".join(["%s"] * len(fields)) + ")"
    end = "ON CONFLICT DO NOTHING" if ignore_conflicts else f'RETURNING "{model._meta.pk.column}"'
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {", ".join([row] * count)} {end}'  # noqa: S608 - only names of columns


def update(row: Model, *names: str) -> None:
    """Store these fields of a row that is there (all of them without names)."""
    fields = _updated(type(row), names)
    with connection.cursor() as cursor:
        cursor.execute(_update(type(row), names), [*(_value(field, field.pre_save(row, add=False)) for field in fields), row.pk])


@cache
def _updated(model: type[Model], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(model._meta.get_field(name) for name in names) if names else _fields(model)[1:]


@cache
def _update(model: type[Model], names: tuple[str, ...]) -> str:
    sets = ", ".join(f'"{field.column}" = %s' for field in _updated(model, names))
    return f'UPDATE "{model._meta.db_table}" SET {sets} WHERE "{model._meta.pk.column}" = %s'  # noqa: S608 - only names of columns


def _value(field: Any, value: Any) -> Any:
    if isinstance(value, DatabaseDefault):
        raise TypeError(f"{field} has no value of its own: the database would have to make it")
    return field.get_db_prep_save(value, connection)
