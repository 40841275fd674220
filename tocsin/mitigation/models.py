"""What was tried to stop the harm?"""

from __future__ import annotations

from django.db import models


class Mitigation(models.Model):
    """One mitigation in one incident: offered by the procedure or proposed by a person, decided by the commander, recorded with its outcome."""

    class State(models.TextChoices):
        OFFERED = "offered"
        PROPOSED = "proposed"
        APPROVED = "approved"
        DECLINED = "declined"
        DONE = "done"
        FAILED = "failed"

    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="mitigations")
    position = models.PositiveSmallIntegerField()
    item = models.CharField(max_length=80, blank=True, default="")  # the procedure's item id; empty for one that a person added
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OFFERED)
    effect = models.CharField(max_length=1000, blank=True, default="")  # what it will do, in one sentence, before the commander decides
    note = models.CharField(max_length=2000, blank=True, default="")
    outcome = models.CharField(max_length=24, blank=True, default="")  # service_restored, partially_restored, no_effect, made_worse
    output = models.TextField(max_length=20_000, blank=True, default="")
    proposed_at = models.DateTimeField(null=True, blank=True)
    proposed_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    decision_reason = models.CharField(max_length=1000, blank=True, default="")
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["incident", "position"], name="mitigation_position_unique")]
