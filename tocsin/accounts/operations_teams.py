"""How do teams and the organisation's own settings change? Each change is one transaction with its audit entry."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from tocsin.accounts import rules
from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import AuditEntry, Membership, Organisation, Team, User
from tocsin.accounts.operations import organisation
from tocsin.lib.refusal import Refused, invalid

LONGEST_EVENT_DAYS = 3_650
MOST_EVENT_GIGABYTES = 100_000


@transaction.atomic
def add_team(
    *, name: str, time_zone: str = "", country: str = "", subdivision: str = "", members: list[int] | None = None, by: Actor, now: datetime
) -> Team:
    """A team. Empty zone and country: the organisation's."""
    tidy = rules.name(name)
    _free(tidy)
    team = Team.objects.create(
        name=tidy,
        slug=_slug(tidy),
        time_zone=rules.zone(time_zone, empty=True),
        country=rules.country(country),
        subdivision=rules.subdivision(subdivision),
    )
    rules.place(team.country, team.subdivision)
    for user in _people(members or []):
        Membership.objects.create(team=team, user=user)
    audit("team.added", "team", team.pk, f"{by.label} added the team {team.name}.", by=by, now=now)
    return team


@transaction.atomic
def change_team(team_id: int, changes: dict[str, Any], *, by: Actor, now: datetime) -> Team:
    """Change name, time_zone, country, subdivision, fallback_user (id or None), members (ids) or leads (ids of members)."""
    team = _locked(team_id)
    changed: dict[str, Any] = {}
    for field, value in changes.items():
        if field == "members":
            changed |= _change_members(team, value)
            continue
        if field == "leads":
            changed |= _change_leads(team, value)
            continue
        if field in rules.PLACE and value == getattr(team, field):
            continue
        tidy = _tidy(field, value)
        before = getattr(team, field)
        if before != tidy:
            changed[field] = [getattr(before, "pk", before), getattr(tidy, "pk", tidy)]
            setattr(team, field, tidy)
    if "name" in changed:
        _free(team.name, team.pk)
    if changed.keys() & {"country", "subdivision"}:
        rules.place(team.country, team.subdivision)
    if changed:
        team.save()
        audit(
            "team.changed",
            "team",
            team.pk,
            f"{by.label} changed {', '.join(changed)} of the team {team.name}.",
            by=by,
            now=now,
            changes=changed,
        )
    return team


@transaction.atomic
def remove_team(team_id: int, *, by: Actor, now: datetime) -> Team:
    """Take a team away. Its services must belong to another one first."""
    team = _locked(team_id)
    for relation in team._meta.related_objects:
        model = relation.related_model
        if model is Membership or relation.on_delete is None or not hasattr(model, "objects"):
            continue
        rows = model.objects.filter(**{relation.field.name: team})
        if any(field.name == "removed_at" for field in model._meta.get_fields()):
            rows = rows.filter(removed_at=None)
        if rows.exists():
            raise Refused(
                f"{team.name} still owns {model._meta.verbose_name_plural}; give them to another team first.", status=409, code="in_use"
            )
    team.removed_at = now
    team.slug = f"{team.slug[:120]}-removed-{team.pk}"
    team.save(update_fields=["removed_at", "slug"])
    Membership.objects.filter(team=team).delete()
    audit("team.removed", "team", team.pk, f"{by.label} removed the team {team.name}.", by=by, now=now)
    return team


@transaction.atomic
def change_organisation(changes: dict[str, Any], *, by: Actor, now: datetime) -> Organisation:
    """Change its fields; fallback_user is an id, leadership_policy an id or None."""
    row = Organisation.objects.select_for_update().get(pk=organisation().pk)
    changed: dict[str, Any] = {}
    for field, value in changes.items():
        if field in rules.PLACE and value == getattr(row, field):
            continue
        if field == "leadership_policy":
            tidy, field = _policy(value), "leadership_policy_id"
        else:
            tidy = _tidy(field, value)
        before = getattr(row, field)
        if field == "fallback_user" and before is not None and tidy is None:
            raise Refused(
                "Somebody must be the fallback contact; name another person.",
                status=409,
                errors={"fallback_user": "Name a person."},
                code="last_fallback",
            )
        if before != tidy:
            changed[field] = [str(getattr(before, "pk", before)), str(getattr(tidy, "pk", tidy))]
            setattr(row, field, tidy)
    if row.day_starts >= row.day_ends:
        raise invalid(day_ends="The working day ends after it starts.")
    if row.refused_event_days < row.event_days:
        raise invalid(refused_event_days=f"Events that could not be read are kept at least as long as the others, {row.event_days} days.")
    if changed.keys() & {"country", "subdivision"}:
        rules.place(row.country, row.subdivision)
    if changed:
        row.save()
        audit(
            "organisation.changed",
            "organisation",
            row.pk,
            f"{by.label} changed {', '.join(changed)} of the organisation.",
            by=by,
            now=now,
            changes=changed,
        )
    return row


def _tidy(field: str, value: Any) -> Any:
    if field == "name":
        return rules.name(value)
    if field == "time_zone":
        return rules.zone(value, empty=False) if value else ""
    if field == "country":
        return rules.country(value)
    if field == "subdivision":
        return rules.subdivision(value)
    if field == "fallback_user":
        return _people([value], "fallback_user")[0] if value is not None else None
    if field == "require_mfa":
        return bool(value)
    if field in ("event_days", "refused_event_days"):
        return _whole(field, value, LONGEST_EVENT_DAYS)
    if field == "event_gigabytes":
        return _whole(field, value, MOST_EVENT_GIGABYTES)
    if field == "group_minutes":
        if not isinstance(value, int) or not 0 <= value <= 1440:
            raise invalid(group_minutes="From 0 (never) to 1,440 minutes.")
        return value
    if field in ("day_starts", "day_ends"):
        found = value if isinstance(value, time) else _time(field, str(value))
        if found.tzinfo is not None:
            raise invalid(**{field: "A time of the day by the organisation's own clock, without a zone, as in 09:00."})
        return found
    raise invalid(**{field: "There is no such setting."})


def _whole(field: str, value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise invalid(**{field: f"It is a whole number from 1 to {most:,}."})
    return value


def _time(field: str, text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as error:
        raise invalid(**{field: "A time looks like 09:00."}) from error


def _policy(identity: int | None) -> int | None:
    model = Organisation._meta.get_field("leadership_policy").related_model  # paging lies above this room: its rows are only looked up
    if identity is not None and not model._default_manager.filter(pk=identity).exists():
        raise invalid(leadership_policy="There is no such escalation policy.")
    return identity


def _locked(team_id: int) -> Team:
    team = Team.objects.select_for_update().filter(pk=team_id, removed_at=None).first()
    if team is None:
        raise Refused("There is no such team.", status=404, code="not_found")
    return team


def _free(name: str, but: int | None = None) -> None:
    if Team.objects.filter(name__iexact=name, removed_at=None).exclude(pk=but or 0).exists():
        raise Refused(
            "A team of this name exists already.", status=409, errors={"name": "A team of this name exists already."}, code="exists"
        )


def _slug(name: str) -> str:
    base = slugify(name)[:120] or "team"
    slug, number = base, 2
    while Team.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    return slug


def _people(ids: list[int], field: str = "members") -> list[User]:
    wanted = list(dict.fromkeys(ids))
    found = {user.pk: user for user in User.objects.filter(pk__in=wanted, is_active=True, removed_at=None)}
    if len(found) != len(wanted):
        raise invalid(**{field: "There is no such person: " + ", ".join(str(i) for i in wanted if i not in found) + "."})
    return [found[i] for i in wanted]


def _change_members(team: Team, ids: list[int]) -> dict[str, Any]:
    wanted = {user.pk for user in _people(ids)}
    before = set(Membership.objects.filter(team=team).values_list("user_id", flat=True))
    Membership.objects.filter(team=team, user_id__in=before - wanted).delete()
    Membership.objects.bulk_create([Membership(team=team, user_id=pk) for pk in sorted(wanted - before)])
    return {"members": [sorted(before), sorted(wanted)]} if before != wanted else {}


def _change_leads(team: Team, ids: list[int]) -> dict[str, Any]:
    before = set(Membership.objects.filter(team=team, lead=True).values_list("user_id", flat=True))
    members = set(Membership.objects.filter(team=team).values_list("user_id", flat=True))
    if unknown := set(ids) - members:
        raise invalid(leads=f"Who leads is a member of the team; {min(unknown)} is not.")
    Membership.objects.filter(team=team, user_id__in=ids).update(lead=True)
    Membership.objects.filter(team=team).exclude(user_id__in=ids).update(lead=False)
    return {"leads": [sorted(before), sorted(set(ids))]} if before != set(ids) else {}


@transaction.atomic
def adopt_procedure(*, by: Actor, now: datetime) -> None:
    """Note that an administrator has read the procedure and stands by it."""
    if not procedure_adopted():
        audit("procedure.adopted", "procedure", "", f"{by.label} read the incident procedure and adopted it.", by=by, now=now)


def procedure_adopted() -> bool:
    """Whether anybody has."""
    return AuditEntry.objects.filter(verb="procedure.adopted").exists()
