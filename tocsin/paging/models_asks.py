"""Who was asked to come or to take over, and what did they answer?"""

from __future__ import annotations

from django.db import models

from tocsin.domain.asks import Answer, Kind


class Ask(models.Model):
    """One person is asked to come to an incident or alert, or to take it over from who has it. `due_at`: until then an answer is waited for
    (the truth; empty when there is one).

    `via`: how they were found ("by name", "schedule Payments primary", "team Payments"). Its pages have the identity "ask:<id>:…".
    """

    kind = models.CharField(max_length=4, choices=[(one.value, one.value) for one in Kind])
    incident_id = models.BigIntegerField(null=True, blank=True)
    alert = models.ForeignKey("alerts.Alert", null=True, blank=True, on_delete=models.RESTRICT, related_name="asks")
    user = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, related_name="asks")
    via = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True, default="")
    asked_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    asked_label = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=10, choices=[(one.value, one.value) for one in Answer], default=Answer.WAITING)
    note = models.CharField(max_length=500, blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="ask_due"),
            models.Index(fields=["incident_id"], condition=models.Q(incident_id__isnull=False), name="ask_incident"),
            models.Index(fields=["user"], condition=models.Q(answer="waiting"), name="ask_waiting"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(answer="waiting", due_at__isnull=False) | (~models.Q(answer="waiting") & models.Q(due_at__isnull=True)),
                name="ask_due_while_waiting",
            ),
            models.CheckConstraint(
                condition=models.Q(incident_id__isnull=False) | models.Q(alert__isnull=False), name="ask_about_something"
            ),
        ]

    @property
    def waits(self) -> bool:
        """Is there no answer yet?"""
        return self.answer == Answer.WAITING
