"""The page of a schedule's outside calendars: what they said last, what is wrong with them, and who is meant by which name."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.oncall import operations, queries, queries_calendars
from tocsin.oncall import operations_calendars as stored
from tocsin.oncall.models import ExternalCalendar, Schedule
from tocsin.web import pages
from tocsin.web.schedule_forms import everybody

MOST_SHOWN = 40  # names that lead to nobody


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def calendars(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The calendars of one schedule; administrators add, map and remove them."""
    schedule = operations.schedule_of(schedule_id)
    errors: dict[str, str] = {}
    if request.method == "POST":
        if not pages.actor(request).is_administrator:
            raise Refused("Only administrators change schedules.", status=403)
        try:
            said = _act(request, schedule)
            return pages.act(request, lambda: None, reverse("schedule_calendars", args=[schedule.pk]), said)
        except Refused as refused:
            if refused.status == 404:
                raise
            errors = refused.errors or {"": refused.detail}
    lines = []
    for row in schedule.calendars.filter(removed_at=None).order_by("id"):
        names = queries.names(set(row.people.values()))
        lines.append({
            "row": row, "nobodys": queries_calendars.nobodys(row)[:MOST_SHOWN], "count": len(row.events),
            "given": [(name, names.get(person, "somebody removed")) for name, person in sorted(row.people.items())],
        })  # fmt: skip
    form = {name: request.POST.get(name, "") for name in ("name", "address")}
    context = {"schedule": schedule, "lines": lines, "errors": errors, "form": form, "everybody": everybody(), "every": stored.EVERY}
    return pages.page(request, "schedules/calendars.html", context, status=422 if errors else 200)


def _act(request: HttpRequest, schedule: Schedule) -> str:
    action, by, now = request.POST.get("action", ""), pages.actor(request), pages.now(request)
    if action == "add":
        row = stored.add(schedule, address=pages.text(request, "address", 500), name=pages.text(request, "name", 120), by=by, now=now)
        return f"{row.name} is the last rotation of this schedule now; it is read within a minute."
    row = _row(request, schedule)
    if action == "read":
        stored.read_now(row, now=now)
        return "It is read within a minute."
    if action == "names":
        stored.give_names(row, _names(request), by=by, now=now)
        return "Saved. It counts at once."
    if action == "remove":
        stored.remove(row, by=by, now=now)
        return f"{row.name} and its rotation are gone."
    raise invalid(action="Choose what to do.")


def _row(request: HttpRequest, schedule: Schedule) -> ExternalCalendar:
    row = schedule.calendars.filter(pk=pages.number(request, "calendar") or 0, removed_at=None).select_related("schedule").first()
    if row is None:
        raise missing("calendar")
    return row


def _names(request: HttpRequest) -> dict[str, int | None]:
    """Posted pairs: `name-0` is meant by person `person-0`; an empty person keeps a new name unmapped, and `forget` takes one back."""
    found: dict[str, int | None] = dict.fromkeys(request.POST.getlist("forget")[: stored.MOST_NAMES])
    for n in range(MOST_SHOWN):
        name, person = request.POST.get(f"name-{n}", ""), pages.number(request, f"person-{n}")
        if name and person:
            found[name] = person
    return found
