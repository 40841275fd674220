"""What was learned, and what was promised?"""

from __future__ import annotations

from django.db import models


class Postmortem(models.Model):
    """The blameless written review of one incident: draft, in review, published. Sections are Markdown."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        IN_REVIEW = "in_review"
        PUBLISHED = "published"

    incident = models.OneToOneField("incidents.Incident", on_delete=models.RESTRICT, related_name="postmortem")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    owner = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    title = models.CharField(max_length=300)
    summary = models.TextField(max_length=20_000, blank=True, default="")
    duration_text = models.CharField(max_length=200, blank=True, default="")  # set by a person; empty: computed
    duration_note = models.CharField(max_length=500, blank=True, default="")
    users_affected = models.CharField(max_length=500, blank=True, default="")
    revenue_impact = models.CharField(max_length=500, blank=True, default="")
    timeline = models.TextField(
        max_length=60_000, blank=True, default=""
    )  # lines "- [Time] - [Event]", drafted from the incident, editable
    root_cause = models.TextField(max_length=40_000, blank=True, default="")
    resolution = models.TextField(max_length=40_000, blank=True, default="")
    lessons_learned = models.TextField(max_length=40_000, blank=True, default="")
    version = models.PositiveIntegerField(default=1)  # raised by each save: a later editor gets a conflict, nothing is overwritten silently
    meeting_at = models.DateTimeField(null=True, blank=True)
    meeting_minutes = models.PositiveSmallIntegerField(default=60)
    meeting_uid = models.CharField(max_length=64, blank=True, default="")
    meeting_sequence = models.PositiveIntegerField(default=0)
    invitees = models.ManyToManyField("accounts.User", blank=True, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    review_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
