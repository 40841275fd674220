"""The pages of teams: one team with its people, calendar and fallback contact; adding one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts import operations, operations_teams, rules
from tocsin.accounts.models import Team, User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Service
from tocsin.incidents import queries as incidents
from tocsin.lib.refusal import Refused
from tocsin.oncall.models import Schedule
from tocsin.paging import operations_policies, operations_rooms
from tocsin.paging.models import TeamRoom
from tocsin.response.post_to_team import post_to_team
from tocsin.timeline.models import Entry
from tocsin.web import pages

MOST_ENTRIES = 100
MOST_OFFERED = 500  # people to tick beside those who are


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Add a team."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            team = operations_teams.add_team(
                name=pages.text(request, "name", 120),
                members=pages.numbers(request, "members"),
                by=pages.actor(request),
                now=pages.now(request),
            )
        except Refused as refused:
            errors = refused.errors or {"": refused.detail}
        else:
            return pages.go(reverse("team", args=[team.pk]))
    context = {
        "errors": errors,
        "form": request.POST,
        "people": _people(set(pages.numbers(request, "members"))),
        "members": set(pages.numbers(request, "members")),
    }
    return pages.page(request, "teams/new.html", context, status=422 if errors else 200)


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: HttpRequest, team_id: int) -> HttpResponse:
    """One team; administrators change it here."""
    chosen = Team.objects.select_related("fallback_user").filter(pk=team_id, removed_at=None).first()
    if chosen is None:
        raise Http404
    errors: dict[str, str] = {}
    form = _stored(chosen)
    if request.method == "POST":
        try:
            return _change(request, chosen)
        except Refused as refused:
            if refused.status == 403:
                raise
            errors = refused.errors or {"": refused.detail}
            form = _typed(request, chosen) if request.POST.get("deed") == "save" else form
    context = {
        "team": chosen,
        "form": form,
        "members": list(chosen.members.filter(removed_at=None).order_by("name")),
        "lead_ids": set(chosen.memberships.filter(lead=True).values_list("user_id", flat=True)),
        "people": _people(form["members"] | {form["fallback_user"]}),
        "services": Service.objects.filter(team=chosen, removed_at=None).order_by("name"),
        "schedules": Schedule.objects.filter(team=chosen, removed_at=None).order_by("name"),
        "zones": sorted(rules.zones()),
        "organisation": operations.organisation(),
        "room": _room(request, chosen),
        "chats": operations_policies.rooms(),
        "told": operations_rooms.last(chosen),
        "errors": errors,
    }
    return pages.page(request, "teams/team.html", context, status=422 if errors else 200)


def _room(request: HttpRequest, chosen: Team) -> list[Entry]:
    """The newest entries of the team's room; those about incidents that the reader may not see are left out."""
    theirs = incidents.visible_to(pages.actor(request)).values("pk")
    entries = Entry.objects.filter(team_id=chosen.pk).filter(Q(incident_id=None) | Q(incident_id__in=theirs))
    return list(entries.select_related("actor").order_by("-id")[:MOST_ENTRIES])


def _change(request: HttpRequest, chosen: Team) -> HttpResponse:
    by, now = pages.actor(request), pages.now(request)
    if request.POST.get("deed") == "say":
        post_to_team(team=chosen, text=request.POST.get("text", ""), by=by, now=now)
        return pages.go(reverse("team", args=[chosen.pk]) + "#room")
    if not by.is_administrator:
        raise Refused("Only administrators change teams.", status=403)
    if request.POST.get("deed") == "remove":
        operations_teams.remove_team(chosen.pk, by=by, now=now)
        return pages.act(request, lambda: None, reverse("people"), f"The team {chosen.name} was removed.")
    changes: dict[str, object] = {field: pages.text(request, field, 120) for field in ("name", "time_zone", "country", "subdivision")}
    before = _stored(chosen)
    members = pages.ticked(request, "members", before["members"])
    leads = [pk for pk in pages.ticked(request, "leads", before["leads"]) if pk in members]
    changes |= {"fallback_user": pages.number(request, "fallback_user"), "members": members, "leads": leads}
    account = pages.number(request, "chat_account")
    with transaction.atomic():
        operations_teams.change_team(chosen.pk, changes, by=by, now=now)
        room = {"account": account, "address": pages.text(request, "chat", 500)} if account else None
        operations_rooms.set_room(chosen, room, by=by, now=now)
    return pages.act(request, lambda: None, reverse("team", args=[chosen.pk]), "Saved.")


def _stored(chosen: Team) -> dict[str, Any]:
    """What the form of a team shows first. `was`: who was ticked when it was shown."""
    room = TeamRoom.objects.filter(team=chosen).first()
    members = {row.user_id: row.lead for row in chosen.memberships.filter(user__removed_at=None)}
    leads = {pk for pk, lead in members.items() if lead}
    plain = {field: getattr(chosen, field) for field in ("name", "time_zone", "country", "subdivision")}
    return {
        **plain, "fallback_user": chosen.fallback_user_id, "chat_account": room.provider_id if room else None, "chat": room.address if room else "",
        "members": set(members), "leads": leads, "was": {"members": set(members), "leads": leads},
    }  # fmt: skip


def _typed(request: HttpRequest, chosen: Team) -> dict[str, Any]:
    """What a refused form held."""
    people = {field: set(pages.numbers(request, field)) for field in ("members", "leads")}
    was = {field: pages.were(request, field) for field in people}
    return {**pages.kept(request, _stored(chosen)), **people, "was": was}


def _people(chosen: Collection[int | None]) -> list[User]:
    """Who can be ticked: first who is, however many others there are."""
    rows = User.objects.filter(removed_at=None, is_active=True).order_by("name", "id")
    return [*rows.filter(pk__in=[pk for pk in chosen if pk]), *rows.exclude(pk__in=[pk for pk in chosen if pk])[:MOST_OFFERED]]
