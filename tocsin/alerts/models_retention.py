"""How far is the deletion of old raw events, and how much is kept?"""

from __future__ import annotations

from django.db import models


class EventRetention(models.Model):
    """One row: what the last run of the job found and did. Bytes are estimated from a sample, the files' size is not."""

    ran_at = models.DateTimeField(null=True, blank=True)
    looked_until = models.BigIntegerField(
        default=0
    )  # every event up to this number that was read is gone; what came later is looked at next
    swept_at = models.DateTimeField(null=True, blank=True)  # when all of them were last looked at from the first one
    oldest_at = models.DateTimeField(null=True, blank=True)  # acceptance of the oldest event that was read
    oldest_refused_at = models.DateTimeField(null=True, blank=True)
    held_bytes = models.BigIntegerField(default=0)
    file_bytes = models.BigIntegerField(default=0)  # on disk: what was deleted is used again for what comes, and not given back
    deleted = models.BigIntegerField(default=0)  # since the beginning
    behind = models.BooleanField(default=False)  # the last run ended before its work did
