"""How does somebody take what they were paged for, from the link alone? Opening the link changes nothing; its button does."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Alert
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused
from tocsin.lib.signing import BadLinkError
from tocsin.obligations.models import Obligation
from tocsin.oncall.models import Readiness
from tocsin.paging import operations_asks as asks
from tocsin.paging import several
from tocsin.paging.messages import AckLink, read_ack_link
from tocsin.paging.models import Escalation, Notification
from tocsin.response import alert_reach
from tocsin.response.acknowledge import Acknowledgement, acknowledge_by_link
from tocsin.response.answer_ask import answer_ask
from tocsin.web import pages, words


@needs(Needs.PUBLIC)
@csrf_exempt  # the signed link is the proof; browsers without cookies must be able to acknowledge
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page_to_acknowledge(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link of a page: a small document that needs no script and no sign-in."""
    now = pages.now(request)
    for_program = request.headers.get("Accept") == "application/json"  # the service worker, from a notification's button
    try:
        link = read_ack_link(token, now)
        if request.method == "POST" and request.POST.get("answer"):
            _answer(request, link, now)
            return _private(pages.go(request.path))
        if request.method == "POST":
            answer = acknowledge_by_link(token=token, now=now, address=request.META.get("REMOTE_ADDR"))
            return _private(JsonResponse({"sentence": _said(answer)}) if for_program else pages.go(request.path))
        return _private(render(request, "ack/ack.html", _context(link, now)))
    except BadLinkError as error:
        sentence, status = str(error), 410
    except Refused as refused:
        sentence, status = pages.sentence(refused), refused.status
    if for_program:
        return _private(JsonResponse({"sentence": sentence}, status=status))
    return _private(render(request, "ack/invalid.html", {"sentence": sentence}, status=status))


def _said(answer: Acknowledgement) -> str:
    if more := answer.waits_for:
        return f"You have acknowledged; {more} must as well."
    if answer.taken:
        return "You have it. Paging has stopped."
    return f"{answer.by} has it since {answer.at:%H:%M} UTC." if answer.at else "Nobody needs to take it any more."


def _answer(request: HttpRequest, link: AckLink, now: Any) -> None:
    """The link proves who answers: the person whom this page was sent to."""
    sent = Notification.objects.filter(pk=link.notification_id, user_id=link.user_id).first()
    user = User.objects.filter(pk=link.user_id, is_active=True, removed_at=None).first()
    ask = asks.of_page(sent) if sent else None
    if ask is None or user is None:
        raise Refused("This page does not ask for an answer.", status=409)
    note = request.POST.get("note", "").strip()
    answer_ask(ask_id=ask.pk, answer=request.POST["answer"], note=note, by=Actor.of(user, "link", request.META.get("REMOTE_ADDR")), now=now)


def _private(response: HttpResponse) -> HttpResponse:
    response["Referrer-Policy"] = "no-referrer"
    response["Access-Control-Allow-Origin"] = "*"  # buttons in web apps press it too; the link is the proof, cookies count for nothing
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _context(link: AckLink, now: Any) -> dict[str, Any]:
    sent = Notification.objects.select_related("user", "escalation__acknowledged_by").filter(pk=link.notification_id).first()
    user = User.objects.filter(pk=link.user_id).first()
    if sent is None or user is None:
        raise Refused("This page is gone.", status=404)
    incident = Incident.objects.select_related("service").filter(pk=link.incident_id).first() if link.incident_id else None
    alert = Alert.objects.select_related("service").filter(pk=link.alert_id).first() if link.alert_id else None
    run = sent.escalation
    subject: Any = incident or alert
    service = subject.service if subject is not None else None
    counted = run is not None and run.status == Escalation.Status.RUNNING and user.pk in several.answered(run)  # one of several who must
    test = sent.kind == "test"
    ready = Readiness.objects.filter(user=user, acknowledged_at__isnull=False).first() if test else None
    done = ready is not None or counted or (run is not None and run.status in (Escalation.Status.ACKNOWLEDGED, Escalation.Status.STOPPED))
    return {
        "sent": sent, "user": user, "incident": incident, "alert": alert, "run": run, "service": service, "now": now,
        **_words(incident, alert, sent), "zone": words.zone(user.time_zone),
        "promise": _promise(incident, alert), "done": done, "mine": bool(run and run.acknowledged_by_id == user.pk),
        "ask": asks.of_page(sent), "waits_for": several.waits_for(run) if run and counted else "",
        "test": test, "ready": ready,
        "over": incident is not None and not incident.is_open, "runbook": (alert.runbook if alert else "") or (service.runbook if service else ""),
    }  # fmt: skip


def _words(incident: Incident | None, alert: Alert | None, sent: Notification) -> dict[str, str]:
    """The severity and title of what the page is about: of an alert those of its cause, as its pages say them."""
    if incident:
        return {"severity": incident.severity, "title": incident.title}
    if alert:
        return {"severity": alert_reach.severity_of(alert), "title": alert_reach.title_of(alert)}
    return {"severity": "", "title": sent.title}


def _promise(incident: Incident | None, alert: Alert | None) -> Obligation | None:
    rows = Obligation.objects.filter(kind="acknowledge", state=Obligation.State.OPEN)
    rows = rows.filter(incident_id=incident.pk) if incident else rows.filter(alert_id=alert.pk) if alert else rows.none()
    return rows.order_by("due_at").first()
