"""How are saved views of the alerts list kept: for oneself, a team or everybody, pinned, and as what the list opens with?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import Membership, Team
from tocsin.accounts.permissions import Needs
from tocsin.alerts.models import SavedView
from tocsin.domain.alert_filters import AlertFilter
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.lib.together import Question

LONGEST_NAME = 80
MOST_IN_NAVIGATION = 5  # pinned views beside every page; the head of the list has them all
MOST_OWN, MOST_SHARED = 50, 200
_CHANGEABLE = ("name", "filters", "shared", "team", "pinned", "default")


def visible_to(by: Actor) -> QuerySet[SavedView]:
    """The views of that person: their own, those of everybody and of their teams; an administrator sees every shared one."""
    shared = Q(shared=True)
    if not by.may(Needs.ADMINISTER):
        mine = Membership.objects.filter(user=by.user).values("team_id") if by.user else []
        shared &= Q(team=None) | Q(team_id__in=mine)
    own = Q(owner=by.user) if by.user else Q(pk=None)
    return SavedView.objects.select_related("owner", "team").filter(own | shared)


def pinned_for(by: Actor) -> Question:
    """For every page: name and filters of the first pinned views that this person sees, as one value; None where there is none."""
    rows = visible_to(by).filter(pinned=True).order_by("shared", "name", "id").select_related(None).values("name", "filters")
    sql, values = rows[:MOST_IN_NAVIGATION].query.sql_with_params()
    return Question(f"SELECT json_agg(one) FROM ({sql}) one", tuple(values))  # noqa: S608 - what the query set says


def found(view_id: int, by: Actor) -> SavedView:
    """That view. Raises Refused (404) where they may not see it."""
    row = visible_to(by).filter(pk=view_id).first()
    if row is None:
        raise missing("view")
    return row


def may_change(row: SavedView, by: Actor) -> bool:
    """Only its owner or an administrator changes a view; a view without owner is an administrator's."""
    return (by.user is not None and row.owner_id == by.user.pk) or by.may(Needs.ADMINISTER)


@transaction.atomic
def save_view(
    *, name: str, filters: AlertFilter, shared: bool = False, team: int | None = None, pinned: bool = False, default: bool = False,
    by: Actor, now: datetime,
) -> SavedView:  # fmt: skip
    """Keep filters and order under a name. Raises Refused naming what cannot be."""
    if by.user is None and not (shared or team is not None):
        raise invalid(shared="A view of one person needs that person: give by, or share it.")
    row = SavedView(owner=by.user, created_at=now)
    _set(row, {"name": name, "filters": filters, "shared": shared, "team": team, "pinned": pinned, "default": default}, by)
    row.save()
    if row.shared:
        audit("save", "saved_view", row.pk, f"View “{row.name}” of the alerts list saved {_for(row)}", by=by, now=now, filters=row.filters)
    return row


@transaction.atomic
def change_view(row: SavedView, changes: dict[str, Any], *, by: Actor, now: datetime) -> SavedView:
    """Change what is named: name, filters (an AlertFilter), shared, team (an id or None), pinned, default."""
    row = _locked(row, by)
    was = row.shared
    _set(row, changes, by)
    row.save()
    if was or row.shared:
        audit(
            "change",
            "saved_view",
            row.pk,
            f"View “{row.name}” of the alerts list changed, {_for(row)}",
            by=by,
            now=now,
            filters=row.filters,
        )
    return row


@transaction.atomic
def delete_view(row: SavedView, *, by: Actor, now: datetime) -> None:
    """Delete it; the alerts stay as they are."""
    row = _locked(row, by)
    if row.shared:
        audit("delete", "saved_view", row.pk, f"View “{row.name}” of the alerts list deleted, it was {_for(row)}", by=by, now=now)
    row.delete()


def _locked(row: SavedView, by: Actor) -> SavedView:
    locked = SavedView.objects.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if locked is None:
        raise missing("view")
    if not may_change(locked, by):
        raise Refused("Only who saved this view or an administrator changes it.", status=403, code="forbidden")
    return locked


def _set(row: SavedView, changes: dict[str, Any], by: Actor) -> None:
    for name in set(changes) & set(_CHANGEABLE) - {"filters", "team", "name"}:
        setattr(row, name, bool(changes[name]))
    errors: dict[str, str] = {}
    if "name" in changes:
        row.name = str(changes["name"]).strip()
        if not 0 < len(row.name) <= LONGEST_NAME or not row.name.isprintable():
            errors["name"] = f"A name of 1 to {LONGEST_NAME} characters, on one line."
    if "filters" in changes:
        row.filters = changes["filters"].to_plain()
    if "team" in changes:
        row.team_id = changes["team"]
        row.shared = row.shared or row.team_id is not None
    errors |= _scope_errors(row, changes, by)
    if errors:
        raise invalid(**errors)
    _room(row)
    if row.default:  # one at a time: the one before steps back
        _of_team(row).filter(default=True).exclude(pk=row.pk).update(default=False)


def _scope_errors(row: SavedView, changes: dict[str, Any], by: Actor) -> dict[str, str]:
    administers = by.may(Needs.ADMINISTER)
    if row.team_id is not None and "team" in changes:
        team = Team.objects.filter(pk=row.team_id, removed_at=None).first()
        if team is None:
            return {"team": "There is no such team."}
        if not administers and not (by.user and Membership.objects.filter(team=team, user=by.user).exists()):
            return {"team": "You can share with your own teams only."}
    if row.shared and not by.may(Needs.RESPOND, safe=False):
        return {"shared": "Only responders share views."}
    if not row.shared and row.owner_id is None:
        return {"shared": "This view has no owner; it can only be shared."}
    if row.default and not row.shared:
        return {"default": "Only a shared view can be what the list opens with."}
    if row.default and row.team_id is None and not administers and ("default" in changes or "team" in changes):
        return {"default": "Only an administrator decides what the list opens with for everybody."}
    return {}


def _room(row: SavedView) -> None:
    """Refuse a second view of that name for the same people, and more than anybody can read."""
    same = _of_team(row).filter(shared=row.shared).exclude(pk=row.pk)
    if not row.shared:
        same = same.filter(owner_id=row.owner_id)
    if same.filter(name__iexact=row.name).exists():
        raise invalid(name="There is a view of that name already.")
    most = MOST_SHARED if row.shared else MOST_OWN
    others = SavedView.objects.filter(shared=True).exclude(pk=row.pk) if row.shared else same
    if others.count() >= most:
        raise Refused(f"There are {most} such views already; delete one that nobody needs.", status=409, code="too_many_views")


def _of_team(row: SavedView) -> QuerySet[SavedView]:
    """The views of the same team, or those of none."""
    return SavedView.objects.filter(team_id=row.team_id) if row.team_id is not None else SavedView.objects.filter(team=None)


def _for(row: SavedView) -> str:
    return "for its owner" if not row.shared else f"for the team {row.team}" if row.team_id else "for everybody"


def opens_with(views: list[SavedView], by: Actor) -> SavedView | None:
    """What the list opens with for that person, of the views they see: their team's (the first by its name), else everybody's."""
    defaults = [row for row in views if row.default]
    if not defaults or by.user is None:
        return None
    mine = set(Membership.objects.filter(user=by.user).values_list("team_id", flat=True))
    of_teams = sorted((row for row in defaults if row.team_id in mine), key=lambda row: str(row.team))
    return next(iter([*of_teams, *(row for row in defaults if row.team_id is None)]), None)
