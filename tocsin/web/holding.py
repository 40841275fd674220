"""What do the pages of incidents and alerts show of who has it and who was asked, and what do their forms say?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from tocsin.accounts.models import Team, User
from tocsin.alerts.models import Alert
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import invalid
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Schedule
from tocsin.paging import operations_asks as asks
from tocsin.paging import several
from tocsin.paging.models import Escalation
from tocsin.response import hold
from tocsin.web import pages

SNOOZES = {30: "30 minutes", 60: "an hour", 240: "4 hours", 480: "8 hours", 1440: "a day"}
ASKS = 100  # that are shown


def context(
    request: HttpRequest, do: tuple[str, Any], runs: Iterable[Escalation], *, incident_id: int | None = None, alert_id: int | None = None
) -> dict[str, Any]:
    """Who has it, who was asked, what the person who looks was asked, and what the forms offer.

    `do`: the address of deeds and whom they are about. `runs`: its escalations that this person may know of.
    """
    runs = sorted(runs, key=lambda run: run.pk)
    held = asks.standing(runs)
    partly = [run for run in runs if run.status == Escalation.Status.RUNNING and run.answers]
    asked = list(asks.of_subject(incident_id=incident_id, alert_id=alert_id)[:ASKS])
    return {
        "held": held, "partly": [_partly(run) for run in partly], "answered": bool(partly) and all(request.user.pk in several.answered(run) for run in partly),
        "asked": asked, "asked_of_me": [ask for ask in asked if ask.user_id == request.user.pk and ask.waits],
        "hold_do": {deed: reverse(do[0], args=[do[1], deed.replace("_", "-")]) for deed in ("snooze", "give_back")},
        "page_query": f"incident={do[1]}" if incident_id else f"alert={alert_id}",
        "snoozable": asks.was_paged(held), "snoozes": SNOOZES, 
    }  # fmt: skip


def _partly(run: Escalation) -> dict[str, Any]:
    """Of an escalation that several must acknowledge: who has, and who must as well."""
    names = User.objects.filter(pk__in=several.answered(run)).order_by("name").values_list("name", flat=True)
    return {"run": run, "names": ", ".join(names), "waits_for": several.waits_for(run)}


def acknowledged(waits_for: str) -> str:
    """What is said to somebody who has just acknowledged."""
    return f"You have acknowledged. Paging goes on until {waits_for} has too." if waits_for else "It is yours. Paging has stopped."


def receivers() -> dict[str, Any]:
    """Who can be asked: people, teams, and schedules by who is on call in them."""
    return {
        "askable": User.objects.filter(is_active=True, removed_at=None).order_by("name"), "askable_schedules": oncall.active(),
        "askable_teams": Team.objects.filter(removed_at=None).order_by("name"),
    }  # fmt: skip


def snooze(request: HttpRequest, who: dict[str, Any], *, incident: Incident | None = None, alert: Alert | None = None) -> None:
    """Carry out the form that sets it aside."""
    hold.snooze(minutes=pages.number(request, "minutes") or 0, incident=incident, alert=alert, **who)


def chosen(request: HttpRequest, name: str) -> tuple[User | None, Schedule | None, Team | None, str]:
    """What a form's choice names, as "user:3", "schedule:2", "team:1" or "role:technical_lead"; of a bare number, a person."""
    kind, _, rest = request.POST.get(name, "").rpartition(":")
    number = int(rest) if rest.isascii() and rest.isdigit() and len(rest) < 19 else 0
    if kind == "role":
        return None, None, None, rest[:40]
    if kind == "schedule":
        found: Any = Schedule.objects.filter(pk=number, removed_at=None).first()
        answer = (None, found, None, "")
    elif kind == "team":
        found = Team.objects.filter(pk=number, removed_at=None).first()
        answer = (None, None, found, "")  # type: ignore[assignment]
    else:
        found = User.objects.filter(pk=number, is_active=True, removed_at=None).first()
        answer = (found, None, None, "")  # type: ignore[assignment]
    if found is None:
        raise invalid(**{name: "Choose somebody from the list."})
    return answer
