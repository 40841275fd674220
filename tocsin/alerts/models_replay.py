"""Which earlier events are being taken in once more, and how far is that?"""

from __future__ import annotations

from django.db import models


class EventReplay(models.Model):
    """Many raw events taken in again, in the order of acceptance, while nothing fresh has to wait for it."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"

    filters = models.JSONField(default=dict)  # see queries_events.EventFilter
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    position = models.BigIntegerField(default=0)  # number of the last event that was taken
    until_event = models.BigIntegerField()  # the newest event at the beginning: what comes later, also by this, is no part of it
    by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
