"""How are routing rules kept? The whole list as one new version, never changed afterwards; trials of a list beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.alerts import queries_routing as queries
from tocsin.alerts.models_routing import RoutingTrial, RoutingVersion
from tocsin.domain.rule_plain import RulesError, read, to_plain
from tocsin.lib.refusal import Refused

LOCK = 7_201_003  # advisory lock: one new version at a time
LONGEST_NOTE = 500
TRIAL_DAYS = 7
MOST_AT_ONCE = 3  # trials that wait or run
MOST_TRIALS = 50  # that are kept


def checked(plain: Any, severities: Sequence[str]) -> list[dict[str, Any]]:
    """A list of rules that somebody wrote, in the form in which it is kept. Refuses (422), naming every mistake."""
    try:
        return [to_plain(rule) for rule in read(plain, queries.facts(tuple(severities)))]
    except RulesError as error:
        first = next(iter(error.errors.items()))
        raise Refused(
            f"The rules cannot be kept. {place_in_words(plain, first[0])}: {first[1]}", errors=error.errors, code="invalid"
        ) from None


def place_in_words(plain: Any, place: str) -> str:
    """Rule 3 “Database”, value"""
    number, _, field = place.partition(".")
    if not number.isdecimal():
        return place
    rule = plain[int(number)] if isinstance(plain, list) and int(number) < len(plain) else None
    name = rule.get("name") if isinstance(rule, dict) else None
    called = f" “{str(name)[:80]}”" if name else ""
    return f"Rule {int(number) + 1}{called}, {field.rpartition('.')[2] or 'the rule'}"


@transaction.atomic
def save(
    plain: Any, *, severities: Sequence[str], note: str = "", by: Actor, now: datetime, expected: int | None = None,
    restored_from: int | None = None,
) -> RoutingVersion:  # fmt: skip
    """Bring a list of rules into force as the next version. `expected`: the number of the version that the author saw.

    Refuses a list with mistakes (422), and (409) where another version came into force meanwhile. A list that changes nothing makes no version.
    """
    if len(note) > LONGEST_NOTE:
        raise Refused("The note is too long.", errors={"note": f"At most {LONGEST_NOTE} characters."})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    before = queries.current()
    if expected is not None and expected != before.number:
        raise Refused(
            f"Version {before.number} of the routing rules came into force meanwhile; you saw version {expected}. Look at it and change it again.",
            status=409, code="version_conflict",
        )  # fmt: skip
    rules = checked(plain, severities)
    highest = before.highest_id
    if strange := [rule["id"] for rule in rules if rule["id"] > highest]:
        raise Refused(
            f"There never was a rule {strange[0]}.", errors={"id": "Leave the id of a new rule out; it gets one."}, code="invalid"
        )
    for rule in rules:
        if not rule["id"]:
            highest += 1
            rule["id"] = highest
    if before.pk and rules == before.rules:
        return before
    row = RoutingVersion.objects.create(
        number=before.number + 1, rules=rules, highest_id=highest, note=note.strip(), author=by.user, author_label=by.label[:200],
        restored_from=restored_from, created_at=now,
    )  # fmt: skip
    what = f", version {restored_from} again" if restored_from is not None else ""
    audit(
        "save",
        "routing_rules",
        row.number,
        f"Routing rules saved as version {row.number}{what}: {_difference(before.rules, rules)}",
        by=by,
        now=now,
    )
    return row


def restore(number: int, *, severities: Sequence[str], by: Actor, now: datetime, expected: int | None = None) -> RoutingVersion:
    """Bring an older version back, as a new one."""
    row = queries.version(number)
    return save(row.rules, severities=severities, note=f"Version {number} again", by=by, now=now, expected=expected, restored_from=number)


def _difference(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> str:
    """added “A”; changed “B”; removed “C”"""
    before, after = {rule["id"]: rule for rule in old}, {rule["id"]: rule for rule in new}
    parts = [f"added “{rule['name']}”" for id, rule in after.items() if id not in before]
    parts += [f"changed “{rule['name']}”" for id, rule in after.items() if id in before and before[id] != rule]
    parts += [f"removed “{rule['name']}”" for id, rule in before.items() if id not in after]
    if not parts:
        return "other order"
    return "; ".join(parts[:8]) + (f"; and {len(parts) - 8} more" if len(parts) > 8 else "")


# -- trials -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def begin_trial(plain: Any, *, severities: Sequence[str], by: Actor, now: datetime) -> RoutingTrial:
    """Try a list of rules on the alerts of the last seven days, in a job; new rules get numbers of their own in it.

    Refuses a list with mistakes (422), and (409) where too many trials wait or run already. Only the newest trials are kept.
    """
    rules, before = checked(plain, severities), queries.current()
    busy = RoutingTrial.objects.filter(state__in=("waiting", "running"), created_at__gt=now - timedelta(hours=1)).count()
    if busy >= MOST_AT_ONCE:
        raise Refused("Several trials are running already; wait until one of them is done.", status=409, code="busy")
    new = before.highest_id
    for rule in rules:
        if not rule["id"]:
            new += 1
            rule["id"] = new
    trial = RoutingTrial.objects.create(
        rules=rules, base=before.number, since=now - timedelta(days=TRIAL_DAYS), author=by.user, created_at=now
    )
    old = RoutingTrial.objects.order_by("-id").values_list("id", flat=True)[MOST_TRIALS:]
    RoutingTrial.objects.filter(pk__in=list(old)).delete()
    return trial


def update_trial(trial: RoutingTrial, **fields: Any) -> None:
    """Keep how far a trial is."""
    for name, value in fields.items():
        setattr(trial, name, value)
    trial.save(update_fields=list(fields))


def save_trial(trial: RoutingTrial, *, severities: Sequence[str], note: str = "", by: Actor, now: datetime) -> RoutingVersion:
    """Bring the rules of a trial into force, where no other version came meanwhile."""
    highest = queries.current().highest_id
    rules = [{**rule, "id": rule["id"] if rule["id"] <= highest else None} for rule in trial.rules]
    return save(rules, severities=severities, note=note, by=by, now=now, expected=trial.base)
