"""How does one row of the alerts list look? Written out in Python: fifty rows of template tags take longer than everything else of the page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from tocsin.alerts.models import Alert
from tocsin.web import quiet_forms, words
from tocsin.web.templatetags.tocsin import icon, sev

LONGEST_TITLE = 140


def read() -> QuerySet[Alert]:
    """Alerts with the columns that a row shows; without the documents, which take longer to read than the rest."""
    shown = ("title", "status", "severity", "event_count", "first_seen", "last_seen", "resolved_at", "suppressed_by")
    return Alert.objects.select_related("service").only(*shown, "service__name")


class Rows:
    """Draws rows for one reader: their zone, whether they may respond, and the time of the page."""

    def __init__(self, now: datetime, zone: str, *, may: bool) -> None:
        self.now, self.zone, self.may = now, words.zone(zone), may
        self.today = now.astimezone(self.zone)

    def all(self, rows: list[dict[str, Any]]) -> SafeString:
        """The rows of the table's body."""
        return mark_safe("".join(self._row(one["alert"], one["promise"], one["escalation"]) for one in rows))  # noqa: S308 - escaped below

    def _at(self, when: datetime | None) -> str:
        if when is None:
            return ""
        local = when.astimezone(self.zone)
        shown = f"{local:%H:%M}" if local.date() == self.today.date() else f"{words.short_date(local, self.today)} {local:%H:%M}"
        return f'<time datetime="{when.isoformat()}" title="{words.full(when)}">{shown}</time>'

    def _row(self, alert: Alert, promise: Any, escalation: Any) -> str:
        title = escape(alert.title if len(alert.title) <= LONGEST_TITLE else alert.title[: LONGEST_TITLE - 1] + "…")
        parts = [escape(alert.service.name) if alert.service else "No service"]
        if alert.event_count > 1:
            parts.append(f"{alert.event_count:,} events")
        parts.append(f"since {self._at(alert.first_seen)}" if alert.status == "firing" else f"resolved {self._at(alert.resolved_at)}")
        if alert.suppressed_by:
            parts.append(f"held back by {quiet_forms.held_link(alert.suppressed_by)}")
        return (
            f'<tr data-row>{self._pick(alert, title)}<td><a class="strong plain" data-drawer href="/alerts/{alert.pk}/">{title}</a><span class="sub">{" · ".join(parts)}</span></td>'
            f'<td>{sev(alert.severity)}</td><td class="nowrap">{self._at(alert.last_seen)}</td>'
            f"<td>{self._answer(alert, promise, escalation)}</td>"
            f'<td class="right nowrap">{self._buttons(alert, title, promise, escalation)}</td></tr>'
        )

    def _pick(self, alert: Alert, title: str) -> str:
        if not self.may:
            return ""
        return f'<td class="pick"><label class="check"><input type="checkbox" name="alert" value="{alert.pk}"><span class="sr">Select {title}</span></label></td>'

    def _buttons(self, alert: Alert, title: str, promise: Any, escalation: Any) -> str:
        if not self.may or alert.status != "firing":
            return ""
        about = f'<span class="sr"> {title}</span>'
        waits = (escalation and escalation.status in ("running", "exhausted")) or (promise and promise.state == "open")
        taking = (
            f'<button class="btn btn-sm btn-primary" data-key="a" formaction="/alerts/{alert.pk}/do/acknowledge/">Acknowledge{about}</button> '
            if waits
            else ""
        )
        return f'{taking}<a class="btn btn-sm" href="/declare/?alert={alert.pk}">Declare{about}</a>'

    def _answer(self, alert: Alert, promise: Any, escalation: Any) -> str:
        """Who has it, or until when somebody should: as in alerts/_answer.html, which the other pages use."""
        state = escalation.status if escalation else ""
        owed = promise.state if promise else ""
        if state == "acknowledged":
            return _tag("tag-ok", "check", f"{escape(escalation.acknowledged_by or 'Source')}, {self._at(escalation.acknowledged_at)}")
        if state == "exhausted":
            return _tag("tag-bad", "alert", "Nobody answered")
        if alert.status == "resolved":
            return _tag("", "check", "Resolved by itself")
        if owed == "open" and promise.due_at:
            late = promise.due_at < self.now
            left = words.left(promise.due_at - self.now, promise.due_at, self.now)
            due = f'<time data-due="{promise.due_at.isoformat()}">{left}</time>'
            return _tag("tag-bad", "alert", f"late {due}") if late else _tag("tag-line", "clock", f"due in {due}")
        if state == "running":
            return _tag("tag-warn", "bell", "paging")
        if owed in ("met", "late"):
            return _tag("tag-ok", "check", f"Acknowledged, {self._at(promise.stopped_at)}")
        return _tag("", "info", "nobody is paged")


def _tag(css: str, symbol: str, text: str) -> str:
    return f'<span class="tag {css}">{icon(symbol)}{text}</span>'
