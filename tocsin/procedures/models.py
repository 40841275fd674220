"""Which versions of the written procedure does the organisation have?"""

from __future__ import annotations

from django.db import models


class ProcedureVersion(models.Model):
    """One version of the document. Drafts have no number; publishing gives the next one; a published version never changes."""

    number = models.PositiveIntegerField(null=True, blank=True, unique=True)
    document = models.JSONField()  # the plain form of domain.procedure: dicts, lists, strings, numbers
    note = models.CharField(max_length=2000, blank=True, default="")
    author = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    based_on = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    discarded_at = models.DateTimeField(null=True, blank=True)
