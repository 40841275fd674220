"""What happened, in order, for good? The append-only record of incidents, alerts and team rooms."""

from __future__ import annotations

from django.db import models


class Entry(models.Model):
    """One thing that happened. Rows are never changed or deleted (the database refuses); a correction is a further entry.

    The record lies below the rooms it tells about, so subjects are plain ids: an entry belongs to an incident, an alert, a team's room, or
    an incident and an alert at once.
    """

    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    incident_id = models.BigIntegerField(null=True, blank=True)
    alert_id = models.BigIntegerField(null=True, blank=True)
    team_id = models.BigIntegerField(null=True, blank=True)
    actor = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    actor_label = models.CharField(max_length=200)
    via = models.CharField(max_length=20, default="system")
    text = models.TextField(max_length=20_000)
    data = models.JSONField(default=dict)
    key = models.BooleanField(default=False)  # a key moment: shown shaded, offered to the post-mortem

    class Meta:
        indexes = [
            models.Index(fields=["incident_id", "id"], condition=models.Q(incident_id__isnull=False), name="entry_incident"),
            models.Index(fields=["alert_id", "id"], condition=models.Q(alert_id__isnull=False), name="entry_alert"),
            models.Index(fields=["team_id", "id"], condition=models.Q(team_id__isnull=False), name="entry_team"),
        ]
