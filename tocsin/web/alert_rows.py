"""How does one row of the alerts list look? Written out in Python: fifty rows of template tags take longer than everything else of the page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from tocsin.web import quiet_forms, words
from tocsin.web.templatetags.drawings import icon, sev

LONGEST_TITLE = 140
# One statement, and only what a row shows: building models of the same costs more than reading it. Who is asked is asked for the whole cause.
_READ = """
SELECT a.id, a.title, a.status, a.severity, a.event_count, a.first_seen, a.last_seen, a.resolved_at, a.suppressed_by, s.name,
  o.state, o.due_at, o.stopped_at, e.status, e.acknowledged_at, coalesce(nullif(u.name, ''), u.email), e.held_until
FROM alerts_alert a
LEFT JOIN alerts_service s ON s.id = a.service_id
LEFT JOIN LATERAL (SELECT state, due_at, stopped_at FROM obligations_obligation
  WHERE alert_id = coalesce(a.lead_id, a.id) AND kind = 'acknowledge' ORDER BY id DESC LIMIT 1) o ON true
LEFT JOIN LATERAL (SELECT status, acknowledged_at, acknowledged_by_id, held_until FROM paging_escalation
  WHERE alert_id = coalesce(a.lead_id, a.id) ORDER BY id DESC LIMIT 1) e ON true
LEFT JOIN accounts_user u ON u.id = e.acknowledged_by_id
WHERE a.id = ANY(%s)
"""


class Shown(NamedTuple):
    """An alert as a row shows it: the promise to acknowledge it (`owed` is its state), and its newest escalation (`run` is its status)."""

    pk: int
    title: str
    status: str
    severity: str
    event_count: int
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None
    suppressed_by: str
    service: str | None
    owed: str | None
    due_at: datetime | None
    stopped_at: datetime | None
    run: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    held_until: datetime | None


def read(ids: Iterable[int]) -> dict[int, Shown]:
    """Those alerts, by number."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [list(ids)])
        return {row[0]: Shown(*row) for row in cursor.fetchall()}


class Rows:
    """Draws rows for one reader: their zone, whether they may respond, and the time of the page. `picks`: with boxes to choose rows, and when it was last seen."""

    def __init__(self, now: datetime, zone: str, *, may: bool, picks: bool) -> None:
        self.now, self.zone, self.may, self.picks = now, words.zone(zone), may, picks
        self.today = now.astimezone(self.zone)

    def all(self, rows: Iterable[Shown]) -> SafeString:
        """The rows of the table's body."""
        return mark_safe("".join(self._row(one) for one in rows))  # noqa: S308 - escaped below

    def _at(self, when: datetime | None) -> str:
        if when is None:
            return ""
        local = when.astimezone(self.zone)
        shown = f"{local:%H:%M}" if local.date() == self.today.date() else f"{words.short_date(local, self.today)} {local:%H:%M}"
        return f'<time datetime="{when.isoformat()}" title="{words.full(when)}">{shown}</time>'

    def _row(self, alert: Shown) -> str:
        title = escape(alert.title if len(alert.title) <= LONGEST_TITLE else alert.title[: LONGEST_TITLE - 1] + "…")
        parts = [escape(alert.service) if alert.service else "No service"]
        if alert.event_count > 1:
            parts.append(f"{alert.event_count:,} events")
        parts.append(f"since {self._at(alert.first_seen)}" if alert.status == "firing" else f"resolved {self._at(alert.resolved_at)}")
        if alert.suppressed_by:
            parts.append(f"held back by {quiet_forms.held_link(alert.suppressed_by)}")
        pick = (
            f'<td class="pick"><label class="check"><input type="checkbox" name="alert" value="{alert.pk}"><span class="sr">Select {title}</span></label></td>'
            if self.picks and self.may
            else ""
        )
        seen = f'<td class="nowrap side">{self._at(alert.last_seen)}</td>' if self.picks else ""
        return (
            f'<tr data-row>{pick}<td><a class="strong plain" data-drawer href="/alerts/{alert.pk}/">{title}</a><span class="sub">{" · ".join(parts)}</span></td>'
            f'<td class="side">{sev(alert.severity)}</td>{seen}<td class="side">{self._answer(alert)}</td>'
            f'<td class="right nowrap">{self._buttons(alert, title)}</td></tr>'
        )

    def _buttons(self, alert: Shown, title: str) -> str:
        if not self.may or alert.status != "firing":
            return ""
        about = f'<span class="sr"> {title}</span>'
        taking = (
            f'<button class="btn btn-sm btn-primary" data-key="a" formaction="/alerts/{alert.pk}/do/acknowledge/">Acknowledge{about}</button> '
            if alert.run in ("running", "exhausted") or alert.owed == "open"
            else ""
        )
        return f'{taking}<a class="btn btn-sm" href="/declare/?alert={alert.pk}">Declare{about}</a>'

    def _answer(self, alert: Shown) -> str:
        """Who has it, or until when somebody should: as in alerts/_answer.html, which the page of an alert uses."""
        if alert.run == "acknowledged":
            return _tag("tag-ok", "check", f"{escape(alert.acknowledged_by or 'Source')}, {self._at(alert.acknowledged_at)}")
        if alert.run == "exhausted":
            return _tag("tag-bad", "alert", "Nobody answered")
        if alert.status == "resolved":
            return _tag("", "check", "Resolved by itself")
        if alert.owed == "open" and alert.due_at:
            left = words.left(alert.due_at - self.now, alert.due_at, self.now)
            due = f'<time data-due="{alert.due_at.isoformat()}">{left}</time>'
            return _tag("tag-bad", "alert", f"late {due}") if alert.due_at < self.now else _tag("tag-line", "clock", f"due in {due}")
        if alert.run == "running" and alert.held_until:
            return _tag("tag-line", "clock", f"waits until {self._at(alert.held_until)}")
        if alert.run == "running":
            return _tag("tag-warn", "bell", "paging")
        if alert.owed in ("met", "late"):
            return _tag("tag-ok", "check", f"Acknowledged, {self._at(alert.stopped_at)}")
        return _tag("", "info", "nobody is paged")


def _tag(css: str, symbol: str, text: str) -> str:
    return f'<span class="tag {css}">{icon(symbol)}{text}</span>'
