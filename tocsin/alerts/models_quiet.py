"""Which maintenance is planned, what people think of alerts, which views of the list they keep, and what they do with many at once?"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class MaintenanceWindow(models.Model):
    """Planned work during which nobody is paged for what matches. Its current or next occurrence stands as silences that name it.

    `starts` is the wall clock of `time_zone`; `rule` an RFC 5545 recurrence with COUNT or UNTIL, empty for once.
    """

    title = models.CharField(max_length=200)
    reason = models.CharField(max_length=1000)
    starts = models.CharField(max_length=16)  # 2026-11-28T02:00
    minutes = models.PositiveIntegerField()
    time_zone = models.CharField(max_length=64)
    rule = models.CharField(max_length=500, blank=True, default="")
    services = ArrayField(models.BigIntegerField(), default=list, blank=True)
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    matchers = models.JSONField(default=list)
    created_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)  # cancelled, or its last occurrence is over


class Feedback(models.Model):
    """Was this alert useful to whom it reached? One answer a person and alert; it can be changed."""

    alert = models.ForeignKey("alerts.Alert", on_delete=models.CASCADE, related_name="feedback", db_index=False)
    user = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, related_name="+")
    useful = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "user"], name="feedback_unique")]


class SavedView(models.Model):
    """Filters and order of the list under a name; for its owner, a team, or (shared without team) everybody."""

    name = models.CharField(max_length=80)
    filters = models.JSONField(default=dict)  # as domain.alert_filters.AlertFilter.to_plain
    owner = models.ForeignKey("accounts.User", null=True, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    shared = models.BooleanField(default=False)
    pinned = models.BooleanField(default=False)  # stands at the head of the list for everybody who sees it
    default = models.BooleanField(default=False)  # what the list opens with for its team, or for everybody whose team has none
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team"], condition=models.Q(default=True), name="saved_view_default", nulls_distinct=False),
            models.CheckConstraint(condition=models.Q(default=False) | models.Q(shared=True), name="saved_view_default_is_shared"),
            models.CheckConstraint(condition=models.Q(team=None) | models.Q(shared=True), name="saved_view_of_a_team_is_shared"),
        ]


class BulkAction(models.Model):
    """One act on many alerts: what was confirmed, how far it is, and what it did. `key` makes a repeated confirmation the same act."""

    key = models.CharField(max_length=64, unique=True)
    action = models.CharField(max_length=20)
    minutes = models.PositiveIntegerField(null=True, blank=True)
    about = models.CharField(max_length=1000, blank=True, default="")
    alert_ids = ArrayField(models.BigIntegerField(), default=list)
    position = models.PositiveIntegerField(default=0)  # so many of them were looked at
    changed_ids = ArrayField(models.BigIntegerField(), default=list)
    by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    by_label = models.CharField(max_length=200)
    via = models.CharField(max_length=20)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["id"], condition=models.Q(finished_at=None), name="bulk_action_waiting")]
