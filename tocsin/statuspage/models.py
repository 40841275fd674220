"""What does the public see?"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
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


class Maintenance(models.Model):
    """One occurrence of a maintenance window as the public is told of it; its times follow the window until it has begun."""

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        IN_PROGRESS = "in_progress"
        VERIFYING = "verifying"
        COMPLETED = "completed"

    page = models.ForeignKey(StatusPage, on_delete=models.RESTRICT, related_name="maintenances")
    window = models.ForeignKey("alerts.MaintenanceWindow", on_delete=models.RESTRICT, related_name="announcements")
    code = models.CharField(max_length=12, unique=True)
    title = models.CharField(max_length=200)
    components = ArrayField(models.BigIntegerField(), default=list, blank=True)  # ids of this page's components
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=12, choices=Status, default=Status.SCHEDULED)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)  # taken off the page before it began

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["window"], condition=~models.Q(status="completed") & models.Q(withdrawn_at=None), name="maintenance_open_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class MaintenanceUpdate(models.Model):
    """What the public was told about maintenance, and when."""

    maintenance = models.ForeignKey(Maintenance, on_delete=models.CASCADE, related_name="updates")
    status = models.CharField(max_length=12, choices=Maintenance.Status)
    text = models.TextField(max_length=5000)
    at = models.DateTimeField()
    by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
