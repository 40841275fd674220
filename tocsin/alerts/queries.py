"""Which alerts, events and silences are there?"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from time import perf_counter, thread_time
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, Q, QuerySet

from tocsin.alerts import queries_routing
from tocsin.alerts.models import Alert, Integration, RawEvent, Service, Silence
from tocsin.domain.grouping import Topology
from tocsin.domain.routing import Directory, Matcher, ServiceFacts, SilenceRule, Subject
from tocsin.lib.statements import Read
from tocsin.lib.together import Question

LOCK_CLASS = 0x70C51  # advisory locks of this room: one worker at a time folds the events of an integration
# One step into the index for each integration; asked with EXISTS, all that waits was read at each wake-up, and the more the longer it waited.
WAITING = """
SELECT i.id FROM alerts_integration i
CROSS JOIN LATERAL (SELECT 1 FROM alerts_rawevent r WHERE r.integration_id = i.id AND r.state = 'new' ORDER BY r.id LIMIT 1) waiting
"""


def waiting_integrations() -> list[int]:
    """Integrations with events that nobody has folded yet."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return [row[0] for row in cursor.fetchall()]


def newest_event() -> int:
    """The number of the newest event of all; 0 where there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM alerts_rawevent")
        return cursor.fetchone()[0]


# The shared lock keeps silences from being looked at as over while a batch is still judged by them (see hold_folding).
CLAIM = Read(
    "SELECT {i}, {s}, tocsin_now(), EXISTS (SELECT 1 FROM alerts_earlyresolution r WHERE r.integration_id = i.id),"
    " pg_try_advisory_xact_lock(%s, i.id::int), pg_advisory_xact_lock_shared(%s, 0)::text"
    " FROM alerts_integration i LEFT JOIN alerts_service s ON s.id = i.service_id WHERE i.id = %s",
    i=Integration, s=Service,
)  # fmt: skip


def claim(integration_id: int) -> tuple[Integration, datetime] | None:
    """Become the only one who folds this integration's events until the transaction ends; None when somebody else is. The integration, with
    its service and `has_early` (whether ends of unknown conditions are remembered for it), and the transaction's time."""
    integration, service, now, early, mine, _ = CLAIM.all(LOCK_CLASS, LOCK_CLASS, integration_id)[0]
    integration.service, integration.has_early = service, early
    return (integration, now) if mine else None


def hold_folding() -> None:
    """Wait until no batch is being folded, and let none begin until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK_CLASS])


class Overdue(NamedTuple):
    """Has an alert run out; has a silence begun or ended that nobody looked at; is a flapping alert calm; was one not renewed for long; is it
    time to say again that somebody is at work?"""

    expired: bool
    silences: bool
    calm: bool
    stale: bool
    unattended: bool


# After a gap of ours sources have had no chance to renew their alerts: they get one before anything expires.
GAP, ATTEND_EVERY = "2 minutes", "5 seconds"
IN_GRACE = (
    "EXISTS (SELECT 1 FROM alerts_attendance w"
    " WHERE w.at < clock_timestamp() - interval '2 minutes' OR w.since > clock_timestamp() - interval '5 minutes')"
)


# Materialised: else the clock is asked again for each row that is compared with it. The earliest of a column is one step into its index; "is there
# one before now?" reads the whole table, since PostgreSQL takes it that a third of the rows would answer.
SILENCE_DUE = "least(s.ends_at, s.ended_at, CASE WHEN s.stop_paging AND s.stopped IS NULL THEN s.starts_at END)"
OVERDUE = (
    "WITH clock AS MATERIALIZED (SELECT tocsin_now() AS at) "  # noqa: S608
    f"SELECT (SELECT min(a.ends_at) FROM alerts_alert a WHERE a.status = 'firing') <= clock.at AND NOT {IN_GRACE},"
    f" EXISTS (SELECT 1 FROM alerts_silence s WHERE s.released_at IS NULL AND {SILENCE_DUE} <= clock.at),"
    " (SELECT min(a.calm_at) FROM alerts_alert a) <= clock.at,"
    f" (SELECT min(a.stale_at) FROM alerts_alert a WHERE a.status = 'firing') <= clock.at AND NOT {IN_GRACE},"
    f" NOT EXISTS (SELECT 1 FROM alerts_attendance w WHERE w.at > clock_timestamp() - interval '{ATTEND_EVERY}')"
    " FROM clock"
)


def overdue() -> Overdue:
    """One question, asked after every batch."""
    with connection.cursor() as cursor:
        cursor.execute(OVERDUE)
        return Overdue(*(bool(one) for one in cursor.fetchone()))


NEXT_DUE = (
    f"SELECT least(CASE WHEN NOT {IN_GRACE} THEN (SELECT min(a.ends_at) FROM alerts_alert a WHERE a.status = 'firing') END,"  # noqa: S608
    f" (SELECT min({SILENCE_DUE}) FROM alerts_silence s WHERE s.released_at IS NULL), (SELECT min(a.calm_at) FROM alerts_alert a)) - tocsin_now()"
)


def next_due() -> timedelta | None:
    """How long until the next alert runs out (none does after a gap of ours), silence begins or ends, or flapping alert has been calm for long
    enough."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_DUE)
        return cursor.fetchone()[0]


WAITING_EVENTS = Read(
    "SELECT {r} FROM (SELECT o.id, row_number() OVER w AS place, sum(octet_length(o.body)) OVER w AS bytes FROM"
    " (SELECT id, body FROM alerts_rawevent WHERE integration_id = %s AND state = 'new' ORDER BY id LIMIT %s) o WINDOW w AS (ORDER BY o.id)) t"
    " JOIN alerts_rawevent r ON r.id = t.id WHERE t.place = 1 OR t.bytes <= %s ORDER BY r.id",
    r=RawEvent,
)


def waiting_events(integration_id: int, limit: int, most_bytes: int) -> list[RawEvent]:
    """The oldest events of an integration that are not folded yet, in the order of acceptance: at most so many, and so many bytes of bodies
    (one event at least). The claim keeps others away."""
    return [row for (row,) in WAITING_EVENTS.all(integration_id, limit, most_bytes)]


class GroupingFacts(NamedTuple):
    """What grouping needs to know: which service depends on which, for how many minutes alerts are one cause, and who is paged for each."""

    topology: Topology
    minutes: int  # where the service says nothing else
    of_service: dict[int, tuple[int | None, int | None]]  # minutes, policy


def hold_grouping(regions: Collection[int]) -> Question:
    """Makes the transaction that asks it the only one that decides about causes of these regions of services, until it ends."""
    return Question("SELECT pg_advisory_xact_lock(%s, one)::text FROM unnest(%s::int[]) AS one", (LOCK_CLASS + 1, sorted(regions)))


FACTS = """
SELECT {also} coalesce((SELECT group_minutes FROM accounts_organisation WHERE id = 1), 5),
    (SELECT json_agg(json_build_array(s.id, s.name, s.critical, s.severity_map, s.group_minutes, s.escalation_policy_id) ORDER BY s.id)
     FROM alerts_service s WHERE s.removed_at IS NULL)::text,
    (SELECT json_agg(json_build_array(d.from_service_id, d.to_service_id)) FROM alerts_service_depends_on d)::text,
    EXISTS (SELECT 1 FROM alerts_silence WHERE starts_at <= %s AND ends_at > %s AND ended_at IS NULL AND released_at IS NULL),
    (SELECT v.id FROM alerts_routingversion v ORDER BY v.number DESC LIMIT 1)
"""


class KnownFacts(NamedTuple):
    """What routing looks things up in, and what grouping needs to know. `also`: the answers to what was asked besides."""

    directory: Directory
    grouping: GroupingFacts
    also: tuple[Any, ...] = ()


def facts(now: datetime, *also: Question) -> KnownFacts:
    """One question for all of it, and for what other rooms know (`also`)."""
    with connection.cursor() as cursor:
        asked = FACTS.format(also="".join(f"({one.sql}), " for one in also))
        cursor.execute(asked, [*(value for one in also for value in one.values), now, now])
        *answers, minutes, stored, edges, silenced, version = cursor.fetchone()
    services: list[list[Any]] = json.loads(stored or "[]")
    rules = queries_routing.compiled(version, now.year) if version else None
    silences = silences_in_force(now) if silenced else ()
    directory = Directory({one[0]: ServiceFacts(*one[:4]) for one in services}, silences, rules, thread_time, perf_counter)
    names = {one[0]: str(one[1]) for one in services}
    depends: dict[int, list[int]] = {}
    for user, used in json.loads(edges or "[]"):
        if user in names and used in names:
            depends.setdefault(user, []).append(used)
    grouping = GroupingFacts(Topology(depends, names), minutes, {one[0]: (one[4], one[5]) for one in services})
    return KnownFacts(directory, grouping, tuple(answers))


def directory(now: datetime) -> Directory:
    """What routing looks things up in."""
    return facts(now).directory


def service_facts() -> dict[int, ServiceFacts]:
    """Every service in use, as routing sees it."""
    rows = Service.objects.filter(removed_at=None).values_list("id", "name", "critical", "severity_map")
    return {row[0]: ServiceFacts(*row) for row in rows}


def silences_in_force(now: datetime) -> tuple[SilenceRule, ...]:
    """The silences that hold pages back now."""
    rows = Silence.objects.filter(starts_at__lte=now, ends_at__gt=now, ended_at=None, released_at=None).select_related("window")
    return tuple(as_rule(row) for row in rows.order_by("id"))


def as_rule(row: Silence) -> SilenceRule:
    """A stored silence as the rules see it."""
    label = f"maintenance window {row.window_id}" if row.window_id else f"silence {row.pk}"
    services = None
    if (
        row.service_id is None and row.window and row.window.team_id
    ):  # the services that the team has now, whatever it had when it was planned
        services = frozenset(Service.objects.filter(team_id=row.window.team_id, removed_at=None).values_list("pk", flat=True))
    return SilenceRule(row.pk, matchers(row.matchers), row.starts_at, row.ends_at, row.reason, row.service_id, services, label)


def matchers(stored: list[dict[str, object]]) -> tuple[Matcher, ...]:
    """Stored matchers as the rules see them."""
    return tuple(
        Matcher(str(one["name"]), str(one["value"]), bool(one.get("is_regex", False)), bool(one.get("is_equal", True))) for one in stored
    )


def subject(alert: Alert, integration: Integration, *, details: bool = True) -> Subject:
    """An alert as routing sees it: as its source told it, without what rules added. Not `details`: as silences see it, which do not ask for them."""
    named = alert.route.get("service") if alert.route else None
    return Subject(
        alert.title, alert.source_severity, service=named if named is not None else alert.service.name if alert.service else "",
        labels={name: value for name, value in alert.labels.items() if name not in alert.added_labels},
        integration=integration.name, integration_service=integration.service_id, integration_id=integration.pk, status=alert.status,
        dedup_key=alert.dedup_key, details=alert.details if details else {},
    )  # fmt: skip


def alerts(*, service: int | None = None, status: str = "", q: str = "", integration: int | None = None) -> QuerySet[Alert]:
    """Alerts by service, status and words of the title, dedup key or service; newest first."""
    rows = Alert.objects.select_related("service", "integration")
    if service:
        rows = rows.filter(service_id=service)
    if integration:
        rows = rows.filter(integration_id=integration)
    if status:
        rows = rows.filter(status=status)
    if words := q.strip()[:200]:
        rows = rows.filter(Q(title__icontains=words) | Q(dedup_key__icontains=words) | Q(service__name__icontains=words))
    return rows.order_by("-id")


def ended_silences(now: datetime) -> list[Silence]:
    """Silences that ended and whose alerts nobody has looked at since."""
    return list(Silence.objects.filter(Q(ends_at__lte=now) | Q(ended_at__lte=now), released_at=None).order_by("id")[:50])


def begun_silences(now: datetime) -> list[Silence]:
    """Silences in force that are to hold back what was open as they began, and have not looked at it yet."""
    rows = Silence.objects.filter(stop_paging=True, stopped=None, starts_at__lte=now, ends_at__gt=now, ended_at=None, released_at=None)
    return list(rows.select_related("window", "created_by").order_by("id")[:50])


def event_states(integration: Integration | None = None) -> dict[str, int]:
    """How many raw events wait, are done, are refused."""
    rows = RawEvent.objects.filter(integration=integration) if integration else RawEvent.objects.all()
    return dict(rows.values_list("state").annotate(Count("id")))


OUTSIDE_ID = "00000000-0000-4000-8000-"  # clients of other products expect ids in the form of a UUID


def outside_id(pk: int) -> str:
    """A row's id in the form of a UUID, the same for ever."""
    return f"{OUTSIDE_ID}{pk:012x}"


def inside_id(outside: str) -> int | None:
    """The row's id in such a UUID; None where it is none of ours."""
    rest = outside.lower().removeprefix(OUTSIDE_ID)
    return int(rest, 16) if len(rest) == 12 and all(c in "0123456789abcdef" for c in rest) else None


def by_identifier(integration_id: int, identifier: str, kind: str) -> Alert | None:
    """An alert of an integration as Opsgenie's clients name it: by id, by tiny (our own id) or by alias, where the newest one counts.

    The id may also be that of the request which created it: apprise knows no other.
    """
    rows = Alert.objects.select_related("integration", "service").filter(integration_id=integration_id)
    if kind == "alias":
        return rows.filter(dedup_key=identifier).order_by("-id").first()
    if kind == "tiny":
        return rows.filter(pk=int(identifier)).first() if identifier.isdigit() and len(identifier) < 15 else None
    pk = inside_id(identifier)
    if pk is None:
        created = (
            RawEvent.objects.filter(dedup_key=identifier, protocol="opsgenie", integration_id=integration_id).exclude(dedup_key="").first()
        )
        pk = next((line["alert"] for line in created.outcomes if line.get("alert")), None) if created else None
    return rows.filter(pk=pk).first() if pk is not None else None
