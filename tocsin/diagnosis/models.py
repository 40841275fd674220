"""What has been checked, and what was found?"""

from __future__ import annotations

from django.db import models


class Check(models.Model):
    """One initial check or one kind of data of the procedure's third step, in one incident. A gap is shown, never blocks."""

    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="checks")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, choices=[("initial", "initial"), ("data", "data")])
    item = models.CharField(max_length=80)  # the procedure's item id: "recent-deployments"
    question = models.CharField(max_length=200)
    state = models.CharField(max_length=8, default="open", choices=[(s, s) for s in ("open", "running", "answered", "gap")])
    answer = models.CharField(max_length=8, blank=True, default="", choices=[(s, s) for s in ("", "yes", "no", "unknown")])
    evidence = models.TextField(max_length=8000, blank=True, default="")
    link = models.CharField(max_length=2000, blank=True, default="")
    data = models.JSONField(default=dict)  # what a collector found, e.g. {"changes": [...]}
    window_start = models.DateTimeField(null=True, blank=True)
    window_end = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    collector = models.CharField(max_length=40, blank=True, default="")  # which collector answers it by itself; empty: people do

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["incident", "position"], name="check_position_unique")]
