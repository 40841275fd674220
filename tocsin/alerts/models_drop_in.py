"""What do protocols of senders need remembered beside their events: which deliveries came already, what is to be fetched from Amazon SNS?"""

from __future__ import annotations

from django.db import models


class Delivery(models.Model):
    """One event of a sender that gives each a name of its own (source and id), so that a delivery which is repeated counts once."""

    integration = models.ForeignKey("alerts.Integration", on_delete=models.CASCADE, related_name="+", db_index=False)  # the constraint
    digest = models.CharField(max_length=64)  # SHA-256 of the name and of the key of the event
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "digest"], name="delivery_unique")]
        indexes = [models.Index(fields=["at"], name="delivery_at")]


class SnsFetch(models.Model):
    """Something to be fetched from Amazon SNS for an integration, outside of any transaction: a certificate, or a subscription's confirmation."""

    class Purpose(models.TextChoices):
        CERTIFICATE = "certificate"
        SUBSCRIPTION = "subscription"

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"  # a subscription is confirmed, a certificate can be used
        FAILED = "failed"
        ENDED = "ended"  # unsubscribed

    integration = models.ForeignKey("alerts.Integration", on_delete=models.CASCADE, related_name="sns_fetches", db_index=False)
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    url = models.CharField(max_length=1000)
    topic = models.CharField(max_length=500, blank=True, default="")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    error = models.CharField(max_length=300, blank=True, default="")
    pem = models.TextField(blank=True, default="")
    asked_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "url"], name="sns_fetch_unique")]
        indexes = [models.Index(fields=["next_try_at"], condition=models.Q(state="waiting"), name="sns_fetch_due")]
