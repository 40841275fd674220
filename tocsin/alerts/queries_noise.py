"""How many alerts were there, what did they cause and what came of them, by service, integration, rule or title?"""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from tocsin.domain.noise import Noise

MOST_ROWS = 100
BY = {
    "service": ("coalesce(a.service_id::text, '')", "coalesce((SELECT s.name FROM alerts_service s WHERE s.id = nullif(g.key, '')::bigint), 'No service')"),
    "integration": ("a.integration_id::text", "(SELECT i.name FROM alerts_integration i WHERE i.id = g.key::bigint)"),
    "rule": ("coalesce(a.rule_id::text, '')", "CASE g.key WHEN '' THEN 'No rule' ELSE 'Rule ' || g.key END"),
    "title": ("a.title", "g.key"),
}  # fmt: skip
_REPORT = """
WITH a AS (SELECT a.id, {key} AS key, a.verdict, a.status, a.resolved_at - a.first_seen AS lasted FROM alerts_alert a
           WHERE a.first_seen >= %(since)s AND a.first_seen < %(until)s),
e AS (SELECT e.alert_id, bool_or(e.acknowledged_at IS NOT NULL) AS answered FROM paging_escalation e JOIN a ON a.id = e.alert_id GROUP BY 1),
n AS (SELECT n.alert_id, count(*) AS pages, count(*) FILTER (WHERE extract(hour FROM n.sent_at AT TIME ZONE u.time_zone) NOT BETWEEN 7 AND 21) AS at_night
      FROM paging_notification n JOIN a ON a.id = n.alert_id JOIN accounts_user u ON u.id = n.user_id
      WHERE n.kind IN ('page', 'fallback') AND n.sent_at IS NOT NULL GROUP BY 1),
f AS (SELECT f.alert_id, count(*) FILTER (WHERE f.useful) AS useful, count(*) FILTER (WHERE NOT f.useful) AS noise
      FROM alerts_feedback f JOIN a ON a.id = f.alert_id GROUP BY 1),
g AS (SELECT a.key, count(*) AS alerts, count(n.alert_id) AS paged, coalesce(sum(n.pages), 0)::int AS pages, coalesce(sum(n.at_night), 0)::int AS at_night,
        count(*) FILTER (WHERE e.answered) AS acknowledged, count(*) FILTER (WHERE a.verdict = 'false_alarm') AS false_alarms,
        coalesce(sum(f.useful), 0)::int AS useful, coalesce(sum(f.noise), 0)::int AS noise,
        count(*) FILTER (WHERE a.status = 'resolved' AND a.lasted <= interval '5 minutes' AND e.answered IS NOT TRUE) AS passing
      FROM a LEFT JOIN e ON e.alert_id = a.id LEFT JOIN n ON n.alert_id = a.id LEFT JOIN f ON f.alert_id = a.id GROUP BY a.key)
SELECT g.key, {name}, g.alerts, g.paged, g.pages, g.at_night, g.acknowledged, g.false_alarms, g.useful, g.noise, g.passing
FROM g ORDER BY g.pages DESC, g.alerts DESC, g.key LIMIT {most}
"""
_DAYS = """
SELECT d::date, (SELECT count(*) FROM alerts_alert a WHERE a.first_seen >= d AND a.first_seen < d + interval '1 day') FROM
  generate_series(date_trunc('day', %s::timestamptz AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', %s::timestamptz, interval '1 day') d
"""


def report(by: str, since: datetime, until: datetime) -> list[Noise]:
    """What paged most, first; at most MOST_ROWS."""
    key, name = BY[by]
    with connection.cursor() as cursor:
        cursor.execute(_REPORT.format(key=key, name=name, most=MOST_ROWS), {"since": since, "until": until})
        return [Noise(*row) for row in cursor.fetchall()]


def by_day(since: datetime, until: datetime) -> list[tuple[str, int]]:
    """How many alerts began on each day (UTC)."""
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, [since, until])
        return [(day.isoformat(), number) for day, number in cursor.fetchall()]
