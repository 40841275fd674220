"""The first visits: the first administrator by the console's one-time link, an invitation, and what is still to be set up."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts import operations, operations_teams, operations_tokens, rules
from tocsin.accounts.models import Organisation, Team, User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Alert, Integration
from tocsin.integrations.setting_up import curl_of
from tocsin.lib.refusal import Refused
from tocsin.oncall.models import Schedule
from tocsin.paging.models import ContactMethod, EscalationPolicy
from tocsin.web import pages

BACKEND = "django.contrib.auth.backends.ModelBackend"
UNNAMED = Organisation._meta.get_field("name").default


@dataclass(frozen=True)
class Step:
    """One line of the list: what, why, where, and whether it is done."""

    title: str
    text: str
    link: str
    action: str
    done: bool
    closed: bool = False  # to all but administrators


@needs(Needs.PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """With the token of the console: make the first administrator. Signed in: what is still to be set up."""
    if request.user.is_authenticated:
        return _list(request)
    token = (request.POST.get("token") or request.GET.get("token") or "")[:200]
    if not operations_tokens.setup_token_holds(token) or User.objects.exists():
        return pages.page(request, "setup/closed.html", {"ready": User.objects.exists()}, status=403)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            user = operations_tokens.take_setup(
                token,
                name=pages.text(request, "name", 120),
                email=pages.text(request, "email", 254),
                password=request.POST.get("password", "")[:5000],
                organisation_name=pages.text(request, "organisation_name", 200),
                time_zone=pages.text(request, "time_zone", 64),
                now=pages.now(request),
                address=request.META.get("REMOTE_ADDR"),
            )
        except Refused as refused:
            errors = refused.errors or {"": refused.detail}
        else:
            login(request, user, backend=BACKEND)
            UserSession.objects.create_from_request(request)  # so that it is among "where you are signed in" and can be ended there
            return pages.go(reverse("set_up"))
    context = {"token": token, "errors": errors, "form": request.POST, "zones": sorted(rules.zones())}
    return pages.page(request, "setup/first.html", context, status=422 if errors else 200)


@needs(Needs.PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Choose a password by an invitation link."""
    now = pages.now(request)
    person = operations_tokens.invited(token[:200], now)
    if person is None:
        return pages.page(request, "setup/closed.html", {"invitation": True}, status=404)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            user = operations_tokens.take_invitation(
                token, request.POST.get("password", "")[:5000], now=now, address=request.META.get("REMOTE_ADDR")
            )
        except Refused as refused:
            errors = refused.errors or {"": refused.detail}
        else:
            # With a second factor, the ordinary sign-in asks for it; an invitation alone must not go round it.
            return pages.act(request, lambda: None, settings.LOGIN_URL, f"Your password is set, {user.get_short_name()}. Sign in with it.")
    return pages.page(request, "setup/invitation.html", {"person": person, "errors": errors}, status=422 if errors else 200)


def _list(request: HttpRequest) -> HttpResponse:
    by, now = pages.actor(request), pages.now(request)
    if request.method == "POST":
        if not by.is_administrator:
            raise Refused("Only administrators set Tocsin up.", status=403)
        operations_teams.adopt_procedure(by=by, now=now)
        return pages.go(reverse("set_up"))
    steps = _steps(request)
    current = next((number for number, step in enumerate(steps) if not step.done), None)
    integration = Integration.objects.filter(removed_at=None, enabled=True).order_by("id").first()
    key = integration.key if integration and by.is_administrator else "{key}"  # as on the page of the integration
    context = {
        "steps": steps,
        "current": current,
        "done": sum(step.done for step in steps),
        "width": f"{round(100 * sum(step.done for step in steps) / len(steps))}%",
        "integration": integration,
        "first_alert": Alert.objects.order_by("id").first(),
        "command": curl_of(integration.kind, settings.TOCSIN_URL, key) if integration else "",
    }
    return pages.page(request, "setup/list.html", context)


def _steps(request: HttpRequest) -> list[Step]:
    return [*_of_people(request), *_of_alerts()]


def _of_people(request: HttpRequest) -> list[Step]:
    row: Organisation = operations.organisation()
    team = Team.objects.filter(removed_at=None).order_by("id").first()
    usable = ContactMethod.objects.filter(user_id=request.user.pk or 0, removed_at=None, enabled=True, verified_at__isnull=False)
    named, reached = row.name != UNNAMED, usable.exists()
    members = team.members.count() if team else 0
    says = f"{team.name}: {members} {'person' if members == 1 else 'people'}." if team else "Its people own services and share the pager."
    place, action = (reverse("team", args=[team.pk]), "Open") if team else (reverse("team_new"), "Make a team")
    way = "Add a way, prove it with the code, and send yourself a test page."
    return [
        Step("Name your organisation", f"{row.name}, times in {row.time_zone}.", reverse("organisation"), "Change", named, True),
        Step("Say how a page reaches you", way, f"{reverse('person', args=[request.user.pk])}#ways", "Add a way", reached),
        Step("Make a team", says, place, action, team is not None, team is None),
    ]


def _of_alerts() -> list[Step]:
    scheduled = Schedule.objects.filter(removed_at=None).exists() and EscalationPolicy.objects.filter(removed_at=None).exists()
    integration = Integration.objects.filter(removed_at=None).order_by("id").first()
    source, action = (
        (reverse("integration", args=[integration.pk]), "Open") if integration else (reverse("integrations"), "Connect a source")
    )
    who = "A schedule says who holds the pager when; an escalation policy whom to page next."
    what = "Prometheus, PagerDuty's format, or any webhook. This page notices the first one."
    how = "Four severities, six steps, three roles. Read it, change what your organisation does otherwise."
    return [
        Step("Decide who is paged first", who, reverse("schedules"), "Make a schedule", scheduled),
        Step("Send in an alert", what, source, action, integration is not None and Alert.objects.exists()),
        Step("Adopt the incident procedure", how, reverse("procedure"), "Read it", operations_teams.procedure_adopted()),
    ]
