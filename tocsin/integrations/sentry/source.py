"""What does Sentry say: an event alert, an issue, a metric alert, or the old webhook plugin's message?

Wire format: docs.sentry.io/organization/integrations/integration-platform/webhooks. The number of the issue is the identity of an event
alert and of the issue, so that the issue's resolution closes what an event opened.
"""

from __future__ import annotations

import re
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj, state, tags, unknown_state, words

ISSUE = words(firing="created unresolved triggered reopened regressed escalating", resolved="resolved archived ignored")
METRIC = words(firing="critical warning", resolved="resolved")
LEVELS = {"fatal": "critical", "debug": "info", "sample": "info"}
_ISSUE = re.compile(r"/issues/(\d{1,30})")


class Sentry(JsonSource):
    """An internal integration's webhook, or the plugin."""

    kind = "sentry"
    label = "Sentry"
    category = "Errors"
    about = (
        "In Sentry, Settings, Developer settings: make an internal integration with this webhook URL, allow it as an alert rule action,\n"
        "and let it send issue events; then choose it as the action of your alert rules.\n{address}"
    )
    docs = "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/"
    sample = {
        "action": "triggered",
        "data": {"event": {"title": "ValueError: no such cart", "level": "error", "issue_id": "1635244907", "web_url": "https://sentry.io/issues/1/"}},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One message."""
        data, action = obj(item, "data"), first(item, "action")
        if metric := obj(data, "metric_alert"):
            return _metric(item, data, metric, action, received)
        if issue := obj(data, "issue"):
            status = ISSUE.get(action.lower(), "none")
            return _issue(status, first(issue, "id"), issue, item, received, [issue.get("permalink"), issue.get("web_url")])
        if said := obj(data, "event") or obj(data, "error"):
            found = _ISSUE.search(first(said, "issue_url")) or _ISSUE.search(first(said, "web_url"))
            key = first(said, "issue_id") or (found.group(1) if found else "") or first(said, "groupID", "event_id")
            return _issue("firing", key, said, item, received, [said.get("web_url"), said.get("url")])
        if not data and first(item, "project_slug", "project_name", "url"):
            said = obj(item, "event") | {
                "level": first(item, "level", "event.level"),
                "project": {"slug": first(item, "project_slug", "project")},
            }
            return _issue("firing", first(item, "id"), {"message": item.get("message"), **said}, item, received, [item.get("url")])
        what = received.headers.get("sentry-hook-resource", "")
        return event("none", "none", item, received, title=[" ".join(word for word in ("Sentry", what, action) if word)])


def _issue(status: Any, key: str, said: dict[str, Any], item: dict[str, Any], received: Received, link: list[Any]) -> Event:
    level = first(said, "level")
    started = [said.get("firstSeen"), said.get("datetime"), said.get("timestamp"), said.get("received")]
    title = [said.get("title"), said.get("message"), at(said, "metadata.title"), said.get("culprit")]
    return event(
        status, key, item, received, title=title, word=LEVELS.get(level.lower(), level), service=first(said, "project.slug", "project.name"),
        started=started, link=link, details=item,
        labels=tags(said.get("tags")) | {"environment": first(said, "environment"), "short_id": first(said, "shortId"), "level": level},
    )  # fmt: skip


def _metric(item: dict[str, Any], data: dict[str, Any], metric: dict[str, Any], action: str, received: Received) -> Event:
    status = state(action, METRIC)
    return event(
        status, "metric:" + first(metric, "id", "identifier"), item, received,
        title=[data.get("description_title"), metric.get("title"), at(metric, "alert_rule.name")], word=action,
        service=first(metric, "projects.0"), started=[metric.get("date_started"), metric.get("date_detected")], link=[data.get("web_url")],
        error=unknown_state(status, action),
    )  # fmt: skip


SOURCE = Sentry()
