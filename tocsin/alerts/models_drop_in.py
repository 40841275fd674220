"""What do protocols of senders need remembered beside their events: which deliveries came already?"""

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
