"""What do the forms on an incident's page do? Each deed is one verb of `response`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Alert
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.response.acknowledge import acknowledge_incident
from tocsin.response.action_items import add_action_item, change_action_item
from tocsin.response.assign_role import assign_role
from tocsin.response.change_severity import change_severity
from tocsin.response.change_status import change_status
from tocsin.response.close_incident import close_incident
from tocsin.response.hold import give_back
from tocsin.response.link_alert import link_alert
from tocsin.response.mitigate import decide, propose, record, restore
from tocsin.response.post_message import give_task, pin, post_message
from tocsin.response.resolve import resolve
from tocsin.response.run_check import answer_check, run_check
from tocsin.response.tick_step import tick_step
from tocsin.response.verify_resolution import verify_resolution
from tocsin.response.waive import waive
from tocsin.web import holding, pages
from tocsin.web.views.incident import found

Deed = Callable[[HttpRequest, Incident, dict], object]
DEEDS: dict[str, tuple[Deed, str, str]] = {}


def deed(name: str, anchor: str = "", said: str = "") -> Callable[[Deed], Deed]:
    """Register what `/incidents/INC-42/do/<name>/` does, where on the page it returns to, and what it says."""

    def keep(function: Deed) -> Deed:
        DEEDS[name] = (function, anchor, said)
        return function

    return keep


@needs(Needs.RESPOND)
@require_POST
def do(request: HttpRequest, ref: str, deed: str) -> HttpResponse:
    """Carry out one deed and return to the page."""
    if deed not in DEEDS:
        raise Http404
    function, anchor, said = DEEDS[deed]
    row = found(request, ref)
    who = {"by": pages.actor(request), "now": pages.now(request)}
    to = pages.back(request, reverse("incident", args=[row.ref]))
    return pages.act(request, lambda: function(request, row, who), f"{to}#{anchor}" if anchor and "#" not in to else to, said)


def person(request: HttpRequest, name: str = "user") -> User | None:
    """The person chosen in a form; None where "nobody" was."""
    key = pages.number(request, name)
    if key is None:
        return None
    user = User.objects.filter(pk=key, is_active=True, removed_at=None).first()
    if user is None:
        raise invalid(**{name: "Choose somebody from the list."})
    return user


def _id(request: HttpRequest, name: str) -> int:
    key = pages.number(request, name)
    if key is None:
        raise Refused(f"The form says nothing about {name}.")
    return key


@deed("message", "timeline")
def _message(request, row, who):
    kind = "decision" if request.POST.get("kind") == "decision" else "message"
    post_message(incident=row, text=pages.text(request, "text", 8000), kind=kind, **who)


@deed("pin", "timeline")
def _pin(request, row, who):
    pin(incident=row, entry_id=_id(request, "entry"), pinned=request.POST.get("pinned") != "no", **who)


@deed("tick", "procedure")
def _tick(request, row, who):
    tick_step(
        incident=row, step=request.POST.get("step", ""), item=request.POST.get("item", ""), done=request.POST.get("done") != "no",
        note=pages.text(request, "note", 1000), override=request.POST.get("override") == "yes", **who,
    )  # fmt: skip


@deed("role", "roles")
def _role(request, row, who):
    user = who["by"].user if request.POST.get("take") else person(request)
    assign_role(incident=row, role=request.POST.get("role", ""), user=user, handover=pages.text(request, "handover", 2000), **who)


@deed("task", "people")
def _task(request, row, who):
    user = person(request)
    if user is None:
        raise invalid(user="Choose who takes the task.")
    give_task(incident=row, user=user, task=pages.text(request, "task", 500), done=request.POST.get("done") == "yes", **who)


@deed("severity", "", "The severity is changed; the clocks are set anew.")
def _severity(request, row, who):
    change_severity(incident=row, severity=request.POST.get("severity", ""), reason=pages.text(request, "reason", 1000), **who)


@deed("status")
def _status(request, row, who):
    change_status(incident=row, status=request.POST.get("status", ""), reason=pages.text(request, "reason", 1000), **who)


@deed("restore", "procedure")
def _restore(request, row, who):
    restore(incident=row, partially=request.POST.get("partially") == "yes", **who)


@deed("resolve", "change", "Resolved. Now verify that the fix works.")
def _resolve(request, row, who):
    resolve(incident=row, resolution=pages.text(request, "resolution", 4000), **who)


@deed("verify", "change", "The fix is verified.")
def _verify(request, row, who):
    evidence = pages.text(request, "evidence", 4000)
    verify_resolution(incident=row, evidence=evidence, watch_minutes=pages.number(request, "watch_minutes"), **who)


@deed("close", "change", "The incident is closed.")
def _close(request, row, who):
    close_incident(incident=row, **who)


@deed("waive", "", "The clause is set aside; the reason stands in the record.")
def _waive(request, row, who):
    waive(incident=row, clause=request.POST.get("clause", ""), reason=pages.text(request, "reason", 1000), **who)


@deed("propose", "mitigation")
def _propose(request, row, who):
    title, effect = pages.text(request, "title", 200), pages.text(request, "effect", 1000)
    propose(incident=row, mitigation_id=pages.number(request, "mitigation"), title=title, effect=effect, **who)


@deed("decide", "mitigation")
def _decide(request, row, who):
    approved = request.POST.get("answer") == "confirm"
    decide(incident=row, mitigation_id=_id(request, "mitigation"), approved=approved, reason=pages.text(request, "reason", 1000), **who)


@deed("record", "mitigation")
def _record(request, row, who):
    record(
        incident=row, mitigation_id=_id(request, "mitigation"), note=pages.text(request, "note", 2000),
        outcome=request.POST.get("outcome", ""), **who,
    )  # fmt: skip


@deed("check", "diagnosis")
def _check(request, row, who):
    answer, evidence, link = request.POST.get("answer", ""), pages.text(request, "evidence", 8000), pages.text(request, "link", 2000)
    answer_check(incident=row, check_id=_id(request, "check"), answer=answer, evidence=evidence, link=link, **who)


@deed("run", "diagnosis")
def _run(request, row, who):
    run_check(incident=row, check_id=_id(request, "check"), **who)


def _alert(request: HttpRequest) -> Alert:
    row = Alert.objects.filter(pk=_id(request, "alert")).first()
    if row is None:
        raise missing("alert")
    return row


def day(text: str) -> date | None:
    """A date as browsers post it."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise invalid(due_on="Write the day as YYYY-MM-DD.") from error


@deed("link-alert", "alerts")
def _link_alert(request, row, who):
    link_alert(incident=row, alert=_alert(request), **who)


@deed("action", "actions")
def _action(request, row, who):
    title, due = pages.text(request, "title", 500), day(request.POST.get("due_on", ""))
    add_action_item(title=title, incident=row, owner=person(request), due_on=due, **who)


@deed("action-done", "actions")
def _action_done(request, row, who):
    item = row.action_items.filter(pk=_id(request, "item")).first()
    if item is None:
        raise missing("action item")
    change_action_item(item=item, done=request.POST.get("done") == "yes", **who)


@deed("acknowledge", "paging")
def _acknowledge(request, row, who):
    messages.success(request, holding.acknowledged(acknowledge_incident(incident=row, **who).waits_for))


@deed("snooze", "paging", "Snoozed. It is paged again when the time is over.")
def _snooze(request, row, who):
    holding.snooze(request, who, incident=row)


@deed("give-back", "paging", "You do not have it any more.")
def _give_back(request, row, who):
    give_back(incident=row, **who)
