"""What does the public see?"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower

STATUSES = ("operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance")


class StatusPage(models.Model):
    """The public page (the first one, slug "", lies at /status/). `code` is its 12-character id in Statuspage's form."""

    name = models.CharField(max_length=120, default="Status")
    slug = models.SlugField(max_length=60, blank=True, default="", unique=True)
    code = models.CharField(max_length=12, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    support_url = models.URLField(max_length=500, blank=True, default="")
    published_at = models.DateTimeField(null=True, blank=True)


class Component(models.Model):
    """A line on the status page."""

    page = models.ForeignKey(StatusPage, on_delete=models.RESTRICT, related_name="components")
    name = models.CharField(max_length=120)
    group = models.CharField(max_length=120, blank=True, default="")
    description = models.CharField(max_length=500, blank=True, default="")
    code = models.CharField(max_length=12, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(max_length=24, default="operational", choices=[(s, s) for s in STATUSES])
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint("page", Lower("name"), condition=models.Q(removed_at=None), name="component_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class ComponentChange(models.Model):
    """A change of a component's status: what the 90-day bars are computed from."""

    component = models.ForeignKey(Component, on_delete=models.CASCADE, related_name="changes")
    before = models.CharField(max_length=24)
    after = models.CharField(max_length=24)
    at = models.DateTimeField()
    incident = models.ForeignKey("incidents.Incident", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["component", "at"], name="component_change_at")]
