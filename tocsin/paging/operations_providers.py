"""How are accounts at providers stored, chosen and judged? Writes providers; their secrets are encrypted and never shown again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from procrastinate.contrib.django import app

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import User
from tocsin.domain import providers as rules
from tocsin.domain.ports import Account, Connecting, Gateway, Listening, Outcome, Receipt
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib import sealing
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.paging import messages, operations_services
from tocsin.paging import operations_notifications as notifications
from tocsin.paging.models import Notification, Provider, ProviderHour
from tocsin.paging.people import usable_methods

MOST_PROVIDERS = 50
MOST_PREFIXES = 100
LONGEST_VALUE = 4000
MOST_TOLD = 50  # administrators
MOST_TROUBLES = 20
HOURS_KEPT = timedelta(days=400)
BUDGET_SPAN = timedelta(days=31)
BUDGET_SHARES = (80, 100)  # per cent, of which administrators hear
PREFIX = re.compile(r"^\+[1-9][0-9]{0,14}$")
PURPOSE = "provider"


@transaction.atomic
def create_provider(*, kind: str, by: Actor, now: datetime, **fields: Any) -> Provider:
    """A new account. Fields: name, values ({field: text}), prefixes, position, enabled. Raises Refused naming each field that cannot be."""
    if kind not in GATEWAYS:
        raise invalid(kind=f"Choose one of {', '.join(GATEWAYS)}.")
    if Provider.objects.filter(removed_at=None).exclude(kind=operations_services.KIND).count() >= MOST_PROVIDERS:
        raise Refused(f"There are {MOST_PROVIDERS} accounts already; remove one first.", status=409, code="too_many")
    row = Provider(kind=kind, channel=GATEWAYS[kind].channel, created_at=now)
    return _save(row, {"values": {}, "name": GATEWAYS[kind].label, **fields}, by, now)


@transaction.atomic
def change_provider(provider: Provider, *, by: Actor, now: datetime, **fields: Any) -> Provider:
    """Change an account. A secret that is not given stays, unless another plain value of the account changes: then the new place must be
    proved with the secret again, so that nobody sends it to a stranger."""
    return _save(Provider.objects.select_for_update().get(pk=provider.pk), fields, by, now)


def _save(row: Provider, fields: Mapping[str, Any], by: Actor, now: datetime) -> Provider:
    gateway, errors = GATEWAYS[row.kind], {}
    if "name" in fields:
        row.name = str(fields["name"] or "").strip()
        if not 0 < len(row.name) <= 120:
            errors["name"] = "An account needs a name of at most 120 characters."
    if "prefixes" in fields:
        row.prefixes = list(fields["prefixes"] or [])
        if len(row.prefixes) > MOST_PREFIXES or not all(isinstance(one, str) and PREFIX.match(one) for one in row.prefixes):
            errors["prefixes"] = f"At most {MOST_PREFIXES} beginnings of numbers such as +49 or +1415."
    if "position" in fields:
        row.position = int(fields["position"])
    if "budget" in fields:
        row.budget = fields["budget"]
    if "enabled" in fields:
        row.enabled = bool(fields["enabled"])
    if "values" in fields:
        errors |= _take_values(row, gateway, fields["values"] or {})
    if errors:
        raise invalid(**errors)
    row.save()
    if isinstance(gateway, Connecting) and row.enabled:
        app.configure_task("tocsin.paging.connect").defer(provider=row.pk)  # by name: paging/jobs.py stands on this room
    audit("save", "provider", row.pk, f"Account {row.name} ({gateway.label}) saved", by=by, now=now)
    return row


def _take_values(row: Provider, gateway: Gateway, given: Mapping[str, Any]) -> dict[str, str]:
    known, kept, errors = {field.name: field for field in gateway.fields}, secrets_of(row), {}
    for name, value in given.items():
        if name not in known:
            errors[f"values.{name}"] = f"{gateway.label} knows: {', '.join(known)}."
        elif not isinstance(value, str) or len(value) > LONGEST_VALUE:
            errors[f"values.{name}"] = f"It is a text of at most {LONGEST_VALUE:,} characters."
    if errors:
        return errors
    plain = {name: str(given.get(name, row.settings.get(name, field.default))).strip() for name, field in known.items() if not field.secret}
    moved = bool(row.pk) and plain != row.settings
    secret = {name: given.get(name, "").strip() or ("" if moved else kept.get(name, "")) for name, field in known.items() if field.secret}
    for name, field in known.items():
        lost = moved and kept.get(name) and not secret.get(name)
        if {**plain, **secret}[name] or not (field.required or (lost and name not in given)):
            continue
        errors[f"values.{name}"] = f"{field.label} is needed." + (" Give it again, because the account changed." if lost else "")
    if not errors:
        errors = {f"values.{name}": sentence for name, sentence in gateway.check({**plain, **secret}).items()}
    row.settings, row.sealed = plain, sealing.box(PURPOSE).encrypt(json.dumps(secret).encode()).decode() if any(secret.values()) else ""
    return errors


def secrets_of(row: Provider) -> dict[str, str]:
    """The account's secrets; empty where there are none. They go to its gateway and nowhere else."""
    return json.loads(sealing.box(PURPOSE).decrypt(row.sealed.encode())) if row.sealed else {}


@transaction.atomic
def remove_provider(provider: Provider, *, by: Actor, now: datetime) -> None:
    """Take an account out of use; its secrets go at once."""
    Provider.objects.filter(pk=provider.pk).update(removed_at=now, enabled=False, sealed="")
    audit("remove", "provider", provider.pk, f"Account {provider.name} removed", by=by, now=now)


def provider_of(id: int) -> Provider:
    """The account of that id. Raises a refusal with 404."""
    found = Provider.objects.filter(pk=id, removed_at=None).first()
    if found is None:
        raise missing("account")
    return found


# -- sending --------------------------------------------------------------------------------------------------------------


def usable(channel: str, address: str, now: datetime) -> list[Provider]:
    """The accounts to try for that address, best first."""
    rows = {row.pk: row for row in Provider.objects.filter(channel=channel, enabled=True, removed_at=None)}
    standings = [_standing(row) for row in rows.values()]
    return [rows[one.id] for one in rules.order(standings, address, now)]


def account(row: Provider, *, callback: str = "") -> Account:
    """The account as its gateway uses it. `callback` is a path of ours."""
    return Account(row.pk, row.name, {**row.settings, **secrets_of(row)}, f"{settings.TOCSIN_URL}{callback}" if callback else "")


def inbound(row: Provider) -> str | None:
    """Where the provider posts what people send, to be set up there; None where it does not listen."""
    return messages.inbound(row) if isinstance(GATEWAYS[row.kind], Listening) else None


def judge(row: Provider, receipt: Receipt, now: datetime) -> None:
    """Remember how an attempt went: the circuit opens after failures in a row and closes with a success."""
    with transaction.atomic():
        locked = Provider.objects.select_for_update().get(pk=row.pk)
        before = _standing(locked)
        after = rules.after(before, receipt.outcome, now)
        if took := receipt.outcome in ("delivered", "accepted"):
            locked.last_ok_at = now
        else:
            if receipt.outcome is Outcome.REFUSED:
                # the account is of no use until somebody mends it
                text = f"Pages by {row.channel} do not go out through {row.name}: {receipt.reason}. People are paged by their other ways meanwhile."
                since = f"{locked.last_ok_at or locked.created_at:%Y%m%d%H%M%S}"
                _tell_administrators(locked, f"Account {row.name} cannot send pages", text, f"refused:{row.pk}:{since}", now)
            locked.last_failure_at, locked.last_reason = now, receipt.reason[:500]
            locked.troubles = _with(receipt.reason, locked, now)
        locked.failures, locked.rests_until = after.failures, after.rests_until
        locked.save(update_fields=["failures", "rests_until", "last_ok_at", "last_failure_at", "last_reason", "troubles"])
        count(locked, "taken" if took else "refused", now)
        if took and locked.budget:
            _tell_of_budget(locked, now)


def trouble(row: Provider, reason: str, now: datetime) -> None:
    """A message was taken and did not arrive: that says something of a number, and is counted and listed. Call it in a transaction."""
    locked = Provider.objects.select_for_update().get(pk=row.pk)
    locked.troubles = _with(reason, locked, now)
    locked.save(update_fields=["troubles"])
    count(locked, "undelivered", now)


def _with(reason: str, row: Provider, now: datetime) -> list[dict[str, str]]:
    return [{"at": now.isoformat(), "reason": reason[:300]}, *row.troubles][:MOST_TROUBLES]


def count(row: Provider, column: str, now: datetime) -> None:
    """One more in this hour: taken, refused, delivered, undelivered. Call it in a transaction."""
    hour, made = ProviderHour.objects.get_or_create(provider=row, hour=now.replace(minute=0, second=0, microsecond=0))
    ProviderHour.objects.filter(pk=hour.pk).update(**{column: F(column) + 1})
    if made:
        ProviderHour.objects.filter(provider=row, hour__lt=now - HOURS_KEPT).delete()


def used(row: Provider, now: datetime) -> int:
    """How much the account has sent in the last 31 days, as its budget counts it."""
    return row.hours.filter(hour__gt=now - BUDGET_SPAN).aggregate(taken=Sum("taken"))["taken"] or 0


def _tell_of_budget(row: Provider, now: datetime) -> None:
    count = used(row, now)
    for share in BUDGET_SHARES:
        if row.budget and count - 1 < row.budget * share / 100 <= count:
            text = f"{row.name} has sent {count:,} messages in 31 days, of {row.budget:,}. Beyond that only pages go out: no codes, tests or notices."
            _tell_administrators(row, f"{share} % of the budget of {row.name} is used", text, f"budget{share}:{row.pk}:{now:%Y%m}", now)


def _tell_administrators(row: Provider, title: str, text: str, identity: str, now: datetime) -> None:
    """Every administrator hears it, once for an identity, by another way than the account's channel."""
    rows = []
    for user in User.objects.filter(role="administrator", is_active=True, removed_at=None).order_by("id")[:MOST_TOLD]:
        ways = sorted((one for one in usable_methods(user) if one.kind != row.channel), key=lambda one: one.kind != "email")
        rows += [
            Notification(
                identity=f"{identity}:u{user.pk}", kind="notice", user=user, contact_method=way, method_kind=way.kind, title=title, text=text[:4000],
                created_at=now, due_at=now, history=[notifications.line("pending", "planned", now)],
            )
            for way in ways[:1]
        ]  # fmt: skip
    notifications.insert(rows)


def _standing(row: Provider) -> rules.Standing:
    return rules.Standing(row.pk, row.position, tuple(row.prefixes), row.failures, row.rests_until)
