"""Which routing rules did the organisation have, version by version, and which changes of them were tried?"""

from __future__ import annotations

from django.db import models


class RoutingVersion(models.Model):
    """The whole ordered list of rules, as it was saved at a time. A version never changes; the one of the highest number is in force."""

    number = models.PositiveIntegerField(unique=True)
    rules = models.JSONField(default=list)  # the plain form of domain.rule_plain
    highest_id = models.BigIntegerField(default=0)  # of all rules that there ever were: an id is never given twice
    note = models.CharField(max_length=500, blank=True, default="")
    author = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    author_label = models.CharField(max_length=200, blank=True, default="")
    restored_from = models.PositiveIntegerField(null=True, blank=True)  # the number of the version that this one brings back
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Routing rules, version {self.number}"


class RoutingTrial(models.Model):
    """A list of rules tried on the alerts of the last days before it is saved: what it would have changed."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    rules = models.JSONField(default=list)
    base = models.PositiveIntegerField(default=0)  # the version that it is compared with; 0: no rules at all
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    since = models.DateTimeField()
    total = models.PositiveBigIntegerField(default=0)  # alerts of that time
    every = models.PositiveIntegerField(default=1)  # one of so many is looked at
    looked_at = models.PositiveBigIntegerField(default=0)
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=500, blank=True, default="")
    author = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
