"""What is promised until when, by whom, and what became of it?"""

from __future__ import annotations

from django.db import models


class Obligation(models.Model):
    """One promise. `next_at` is when the engine must look at it again (warning, then breach); empty when nothing is due any more.

    `kind`: acknowledge, roles, verification, first_public_update, next_public_update, first_internal_update, next_internal_update, watch,
    postmortem, action_item, ticket. The room lies below incidents and alerts, so subjects are plain ids.
    """

    class State(models.TextChoices):
        OPEN = "open"
        MET = "met"
        LATE = "late"  # met, but after it was due
        MISSED = "missed"  # due passed and it can no longer be met (the incident closed, the subject ended)
        WAIVED = "waived"
        NOT_APPLICABLE = "not_applicable"

    kind = models.CharField(max_length=40)
    clause = models.CharField(max_length=80)  # where in the procedure it comes from: "SEV1.response", "step-6.1"
    text = models.CharField(max_length=500)  # the clause's own words
    incident_id = models.BigIntegerField(null=True, blank=True)
    alert_id = models.BigIntegerField(null=True, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)  # e.g. the action item
    severity = models.CharField(max_length=20, blank=True, default="")
    state = models.CharField(max_length=20, choices=State.choices, default=State.OPEN)
    started_at = models.DateTimeField()
    warn_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)
    next_level_at = models.DateTimeField(null=True, blank=True)  # when the next level was paged, the owner having stayed silent
    stopped_at = models.DateTimeField(null=True, blank=True)
    owner_role = models.CharField(max_length=40, blank=True, default="")
    owner = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    reason = models.CharField(max_length=1000, blank=True, default="")  # why it stands as it does: waiver, re-classification
    late_by_reclassification = models.BooleanField(default=False)
    waived_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    evidence = models.JSONField(default=dict)  # {"entry": 123, "text": "...", "at": "..."}: the row that proves it
    history = models.JSONField(default=list)  # earlier due times with the reason they changed

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="obligation_due"),
            models.Index(fields=["incident_id"], condition=models.Q(incident_id__isnull=False), name="obligation_incident"),
            models.Index(fields=["alert_id"], condition=models.Q(alert_id__isnull=False), name="obligation_alert"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(next_at__isnull=True) | models.Q(state="open"), name="obligation_settled_is_not_due"),
        ]
