"""What does a job of Rundeck say? A run that fails fires, the next one that succeeds ends it.

Wire format: docs.rundeck.com "Webhook notification", JSON.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj, state, unknown_state, words

STATES = words(
    firing="failed failure aborted timedout timeout failed-with-retry retryablefailure", resolved="succeeded success", none="running start"
)


class Rundeck(JsonSource):
    """A job's webhook notification."""

    kind = "rundeck"
    label = "Rundeck"
    category = "Automation"
    about = "In Rundeck, edit the job, Notifications: send a webhook on success and on failure, payload JSON, method POST, to\n{address}"
    docs = "https://docs.rundeck.com/docs/manual/notifications/webhooks.html"
    sample = {
        "trigger": "failure",
        "status": "failed",
        "execution": {"id": 7, "project": "shop", "job": {"id": "a0296d93", "name": "Nightly import"}},
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One execution."""
        run = obj(item, "execution") or item
        trigger, number, name = first(item, "trigger").lower(), first(run, "job.id"), first(run, "job.name")
        slow = trigger == "avgduration"
        word = first(run, "status") if first(item, "status") == "" else first(item, "status")
        status = "firing" if slow else state(word or trigger, STATES)
        job = f"job:{number or name}"
        return event(
            status, f"{job}:duration" if slow else job, item, received,
            title=[f"{name} takes longer than usual" if slow else name, run.get("description"), "Job of Rundeck"],
            severity="warning" if slow else "error" if status == "firing" else None, service=first(run, "project", "job.project"),
            started=[at(run, "date-started.unixtime"), at(run, "date-started.date"), run.get("dateStarted")], link=[run.get("permalink"), run.get("href")],
            labels={"by": first(run, "user"), "group": first(run, "job.group")}, error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = Rundeck()
