"""Which routing rules are in force, what may they name, and how often did each match?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, NamedTuple

from django.apps import apps
from django.db import connection
from django.db.models import QuerySet

from tocsin.alerts.models_routing import RoutingVersion
from tocsin.domain.rule_model import FIELDS, Rule
from tocsin.domain.rule_plain import Facts, stored
from tocsin.domain.rule_words import Names
from tocsin.domain.rules import RuleSet
from tocsin.lib import cel, holidays
from tocsin.lib.patterns import complaint, tester
from tocsin.lib.refusal import missing

HIT_DAYS = 7
MOST_COUNTED = 100_000  # alerts that the count of hits looks at, the newest
VARIABLES = (*FIELDS, "labels", "details")
EXPRESSIONS_SECONDS = 0.2  # the budget of an event is kept by the rules; this only ends a run-away

HITS = """
WITH newest AS (SELECT first_seen, route FROM alerts_alert WHERE rule_id IS NOT NULL AND first_seen > %s ORDER BY id DESC LIMIT %s)
SELECT hit.value::bigint, count(*), max(a.first_seen), (SELECT count(*) FROM newest)
FROM newest a, jsonb_array_elements_text(a.route -> 'hits') hit GROUP BY 1
"""


class Hits(NamedTuple):
    """How often a rule matched in the last days, and when it did last."""

    alerts: int
    last_at: datetime


def versions() -> QuerySet[RoutingVersion]:
    """Every version, the newest first."""
    return RoutingVersion.objects.select_related("author").order_by("-number")


def current() -> RoutingVersion:
    """The version in force; before the first one an empty version 0 that is not stored."""
    return versions().first() or RoutingVersion(number=0, rules=[])


def version(number: int) -> RoutingVersion:
    """The version of that number. Refuses (404) one that does not exist."""
    if number == 0:
        return RoutingVersion(number=0, rules=[])
    found = versions().filter(number=number).first()
    if found is None:
        raise missing(f"version of the routing rules: {number}")
    return found


def rules_of(row: RoutingVersion, now: datetime) -> tuple[Rule, ...]:
    """The rules of a version."""
    return compiled(row.pk, now.year).rules if row.pk else ()


@lru_cache(maxsize=16)  # by the row's id: a version never changes
def compiled(pk: int, year: int) -> RuleSet:
    """The rules of a stored version, ready to be asked, with the holidays of that year, the one before and the next."""
    row = RoutingVersion.objects.get(pk=pk)
    return ready(row.number, row.rules, year)


def ready(number: int, plain: list[dict[str, Any]], year: int) -> RuleSet:
    """Rules in the form in which they are kept, ready to be asked."""
    rules = stored(plain, partial(_holidays, year))
    for rule in rules:
        if rule.expression:
            cel.complaint(rule.expression)  # read once here, so that no event's budget pays for it
    return RuleSet(number, rules, tester, _expressions)


def facts(severities: tuple[str, ...]) -> Facts:
    """What rules may name."""
    return Facts(
        set(_ids("alerts", "Service")), set(_ids("paging", "EscalationPolicy")), set(_ids("alerts", "Integration")), severities, complaint,
        _complaint_of_expression,
    )  # fmt: skip


def names() -> Names:
    """What services, policies and integrations are called, those removed as well."""
    tables = [apps.get_model(*what)._meta.db_table for what in _NAMED]
    found: list[dict[int, str]] = [{} for _ in tables]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT {place}, id, name FROM {table}" for place, table in enumerate(tables)))  # noqa: S608
        for place, number, name in cursor.fetchall():
            found[place][number] = name
    return Names(*found)


def hits(now: datetime) -> tuple[dict[int, Hits], bool]:
    """How often each rule matched in the last seven days; and whether there were more alerts than were counted."""
    with connection.cursor() as cursor:
        cursor.execute(HITS, [now - timedelta(days=HIT_DAYS), MOST_COUNTED])
        rows = cursor.fetchall()
    return {rule: Hits(alerts, last) for rule, alerts, last, _ in rows}, any(total >= MOST_COUNTED for *_, total in rows)


_NAMED = (("alerts", "Service"), ("paging", "EscalationPolicy"), ("alerts", "Integration"))


def _ids(app: str, model: str) -> Any:
    return apps.get_model(app, model).objects.filter(removed_at=None).values_list("id", flat=True)


def _holidays(year: int, country: str) -> frozenset[date]:
    return holidays.dates(country, year=year - 1) | holidays.dates(country, year=year)


def _complaint_of_expression(text: str) -> str:
    found = cel.complaint(text, VARIABLES)
    return f"{found[:1].upper()}{found[1:]}." if found else ""


def _expressions(variables: Mapping[str, Any]) -> Callable[[str], bool]:
    """Who is asked about expressions on these values: a field that is not there means no, whatever else goes wrong is raised."""
    scope = cel.Scope(variables, cel.Budget(EXPRESSIONS_SECONDS))

    def ask(text: str) -> bool:
        result = scope.evaluate(text)
        if result.absent:
            return False
        if result.error or not isinstance(result.value, bool):
            raise ValueError(result.error or "it says neither true nor false")
        return result.value

    return ask
