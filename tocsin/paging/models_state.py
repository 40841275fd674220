"""Is paging at work, catching up, or held back?"""

from __future__ import annotations

from django.db import models

from tocsin.domain.catch_up import Stage


class PagingState(models.Model):
    """One row (id 1). `at`: when a paging loop last looked, by the real clock. `away_from` to `returned_at`: the newest gap, by the moved one.

    `stage` says how far the return from it is. `held_since` set: nothing is sent until an administrator releases it.
    """

    at = models.DateTimeField(null=True, blank=True)
    stage = models.CharField(max_length=10, choices=[(one.value, one.value) for one in Stage], default=Stage.SENDING.value)
    away_from = models.DateTimeField(null=True, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True)
    caught_up_at = models.DateTimeField(null=True, blank=True)
    held_since = models.DateTimeField(null=True, blank=True)
    held_reason = models.CharField(max_length=300, blank=True, default="")
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=200, blank=True, default="")
