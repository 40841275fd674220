"""How do the filters of the alerts list stand in an address and on the page?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from tocsin.accounts.models import Team
from tocsin.alerts import listing
from tocsin.alerts.models import Integration, Service
from tocsin.domain import alert_filters
from tocsin.domain.alert_filters import AlertFilter, WrongFilterError
from tocsin.procedures import operations as procedures

NAMES_SHOWN = 500  # of services, teams, integrations in a select; others are reached by their own pages


def read(request: HttpRequest) -> tuple[AlertFilter, dict[str, str]]:
    """The filters of the address, and what is wrong with it by name."""
    return of(request.GET)


def of(given: QueryDict) -> tuple[AlertFilter, dict[str, str]]:
    """The same from a form."""
    try:
        return alert_filters.read(dict(given.lists())), {}
    except WrongFilterError as wrong:
        return AlertFilter(), wrong.errors


def address(wanted: AlertFilter, **more: str) -> str:
    """The query string of those filters, beginning with a question mark; never empty, as an empty one opens what the team chose."""
    return address_of({**wanted.to_plain(), **more})


def address_of(plain: Mapping[str, Any]) -> str:
    """The same of filters in their plain form, as views keep them."""
    return "?" + urlencode(plain or {"status": "firing"}, doseq=True)


def in_words(wanted: AlertFilter) -> str:
    """The filters and the order as one phrase, with the names of what they name."""
    order = "" if wanted.sort == "newest" else f"; {alert_filters.SORTS[wanted.sort].lower()}"
    return wanted.in_words(names_of(wanted)) + order


def count(wanted: AlertFilter, found: listing.Found, request: HttpRequest, now: datetime) -> str:
    """How many there are in words, without counting again what this page shows whole."""
    if found.next is None and "after" not in request.GET:
        return f"{len(found.rows):,}"
    return str(listing.count(wanted, now))


def offered() -> dict[str, list[tuple[int, str]]]:
    """The services, teams and integrations to choose from, (id, name) by name, in one statement."""
    tables = {"service": Service, "team": Team, "integration": Integration}
    parts = [
        f"(SELECT '{kind}', id, name FROM {model._meta.db_table} WHERE removed_at IS NULL ORDER BY name LIMIT {NAMES_SHOWN})"  # noqa: S608 - our own names
        for kind, model in tables.items()
    ]
    found: dict[str, list[tuple[int, str]]] = {kind: [] for kind in tables}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        for kind, number, name in cursor.fetchall():
            found[kind].append((number, name))
    return found


def choices(wanted: AlertFilter, names: Mapping[str, list[tuple[int, str]]]) -> dict[str, Any]:
    """What the selects of the filters offer: (value, label, chosen)."""

    def pick(name: str, rows: Any) -> list[tuple[str, str, bool]]:
        values = {str(value) for value in getattr(wanted, name)}
        return [(str(key), label, str(key) in values) for key, label in rows]

    severities = [(one.id, one.id) for one in procedures.ask_in_force().severities]
    return {
        "severity": pick("severity", severities),
        "service": pick("service", names["service"]),
        "team": pick("team", names["team"]),
        "integration": pick("integration", names["integration"]),
        "yes_no": [
            (name, label, (("", "Either"), ("yes", "Yes"), ("no", "No")), {None: "", True: "yes", False: "no"}[getattr(wanted, name)])
            for name, label in (("ack", "Acknowledged"), ("held", "Held back"), ("incident", "Has an incident"), ("flapping", "Flapping"))
        ],
    }  # fmt: skip


def chips(wanted: AlertFilter) -> list[tuple[str, str]]:
    """Each filter in force, in words, with the address of the list without it."""
    plain = replace(wanted, status="all", sort="newest")
    names = names_of(plain)
    found = []
    for name in ("severity", "service", "team", "integration", "ack", "held", "flapping", "incident", "label", "q", "older", "newer"):
        empty = getattr(AlertFilter(), name)
        if (value := getattr(wanted, name)) != empty:
            alone = replace(AlertFilter(status="all"), **{name: value})
            found.append(
                (alone.in_words(names).removeprefix("alerts").lstrip(", "), reverse("alerts") + address(replace(wanted, **{name: empty})))
            )
    return found


def names_of(wanted: AlertFilter) -> dict[str, dict[int, str]]:
    """What the things that the filters name are called."""
    models = {"service": Service, "team": Team, "integration": Integration}
    return {
        name: dict(model._default_manager.filter(pk__in=getattr(wanted, name)).values_list("pk", "name"))
        for name, model in models.items()
        if getattr(wanted, name)
    }
