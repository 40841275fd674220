"""How do components come, change and go? The only file that writes the room's tables."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.db.models import Max

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Organisation
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.statuspage.models import STATUSES, Component, ComponentChange, StatusPage
from tocsin.timeline.operations import announce

ALPHABET = string.ascii_lowercase + string.digits
MOST = 200  # components
UNNAMED = f"{Organisation._meta.get_field('name').default} status"
LENGTHS = {"name": 120, "group": 120, "description": 500}


def new_code() -> str:
    """12 characters of [a-z0-9], as ids are on a Statuspage."""
    return "".join(secrets.choice(ALPHABET) for _ in range(12))


def default_page() -> StatusPage:
    """The page at /status/, made on first use with the organisation's name and zone; made before the organisation had a name, it takes
    that later, and is published again."""
    page = StatusPage.objects.filter(slug="").first()
    if page is not None and page.name != UNNAMED:
        return page
    organisation = Organisation.objects.filter(pk=1).first()
    name = f"{organisation.name} status"[:120] if organisation else "Status"
    zone = organisation.time_zone if organisation else "UTC"
    if page is None:
        return StatusPage.objects.get_or_create(slug="", defaults={"code": new_code(), "name": name, "time_zone": zone})[0]
    if name != UNNAMED:
        page.name, page.time_zone, page.published_at = name, zone, None
        page.save(update_fields=["name", "time_zone", "published_at"])
    return page


def change_page(*, name: str, support_url: str) -> StatusPage:
    """Rename the page, or give it another address for support."""
    name, support_url = name.strip(), support_url.strip()
    if not name or len(name) > 120:
        raise invalid(name="The page needs a name of at most 120 characters.")
    if support_url:
        try:
            URLValidator(schemes=["http", "https"])(support_url)
        except ValidationError as error:
            raise invalid(support_url="It is an address that begins with http:// or https://.") from error
    page = default_page()
    page.name, page.support_url = name, support_url[:500]
    page.save(update_fields=["name", "support_url"])
    return page


def add_component(*, name: str, group: str = "", description: str = "", status: str = "operational", by: Actor, now: datetime) -> Component:
    """Put a line on the page, below the others. Refuses a name that is there already."""
    page = default_page()
    values = _read(page, {"name": name, "group": group, "description": description, "status": status})
    if page.components.filter(removed_at=None).count() >= MOST:
        raise Refused(f"A page has at most {MOST} components.", status=409, code="too_many")
    last = page.components.filter(removed_at=None).aggregate(last=Max("position"))["last"]
    return Component.objects.create(
        page=page, code=new_code(), position=1 if last is None else min(last + 1, 32767), created_at=now, updated_at=now, **values
    )


def change_component(component: Component, *, by: Actor, now: datetime, **given: Any) -> Component:
    """Set the given fields: name, group, description, position, status. A change of status goes into its history."""
    with transaction.atomic():
        component = Component.objects.select_for_update(of=("self",)).select_related("page").get(pk=component.pk)
        if component.removed_at:
            raise missing("component")
        values = _read(component.page, given, component)
        status = values.pop("status", component.status)
        for name, value in values.items():
            setattr(component, name, value)
        component.updated_at = now
        component.save()
        if status != component.status:
            _set(component, status, None, by, now)
    return component


def remove_component(component: Component, *, by: Actor, now: datetime) -> None:
    """Take the line off the page; its history stays."""
    component.removed_at = component.updated_at = now
    component.save(update_fields=["removed_at", "updated_at"])


def set_statuses(changes: Mapping[str, str], *, incident: Incident | None, by: Actor, now: datetime) -> list[ComponentChange]:
    """Set the status of components, by their id; what really changed is kept. Call it inside the caller's transaction."""
    rows = {str(row.pk): row for row in Component.objects.filter(removed_at=None).select_for_update()}
    by_code = {row.code: row for row in rows.values()}
    wanted: list[tuple[Component, str]] = []
    for key, status in changes.items():
        row = rows.get(str(key)) or by_code.get(str(key))
        if row is None:
            raise invalid(components=f"There is no component {str(key)[:40]!r}.")
        if status not in STATUSES:
            raise invalid(components=f"{row.name}: the status is one of {', '.join(STATUSES)}.")
        wanted.append((row, status))
    return [_set(row, status, incident, by, now) for row, status in wanted if row.status != status]


def mark_published(page: StatusPage, now: datetime) -> None:
    """The files of this page are as new as this instant."""
    StatusPage.objects.filter(pk=page.pk).update(published_at=now)


def _set(row: Component, status: str, incident: Incident | None, by: Actor, now: datetime) -> ComponentChange:
    change = ComponentChange.objects.create(component=row, before=row.status, after=status, at=now, incident=incident, by=by.user)
    row.status, row.updated_at = status, now
    row.save(update_fields=["status", "updated_at"])
    announce("components")
    return change


def _read(page: StatusPage, given: dict[str, Any], component: Component | None = None) -> dict[str, Any]:
    """The given fields, without blank ends; refuses what cannot be, field by field."""
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in LENGTHS:
            values[name] = " ".join(str(value or "").split())
            if len(values[name]) > LENGTHS[name]:
                errors[name] = f"At most {LENGTHS[name]} characters."
        elif name == "status":
            values[name] = value
            if value not in STATUSES:
                errors[name] = f"It is one of {', '.join(STATUSES)}."
        elif name == "position":
            values[name] = value
            if not isinstance(value, int) or not 0 <= value <= 32767:
                errors[name] = "It is a whole number from 0 to 32767."
    if "name" in values and "name" not in errors:
        if not values["name"]:
            errors["name"] = "A component needs a name."
        elif page.components.filter(removed_at=None, name__iexact=values["name"]).exclude(pk=component.pk if component else 0).exists():
            errors["name"] = "There is already a component of that name."
    if errors:
        raise invalid(**errors)
    return values
