"""Which heartbeats are there, and which pings came?"""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower


class Heartbeat(models.Model):
    """A dead man's switch of an integration: when its ping is missing, an alert opens with the dedup key `heartbeat_<name>`.

    `token` is the address of one heartbeat for those who know nothing else (/ping/{token}); like an integration's key it has little power.
    """

    class State(models.TextChoices):
        NEVER = "never"
        OK = "ok"
        LATE = "late"
        PAUSED = "paused"
        FAILED = "failed"

    integration = models.ForeignKey("alerts.Integration", on_delete=models.RESTRICT, related_name="heartbeats")
    name = models.CharField(max_length=100)
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    description = models.CharField(max_length=2000, blank=True, default="")
    period = models.DurationField()
    unit = models.CharField(max_length=10, default="minutes")  # minutes, hours, days: how its period is told
    grace = models.DurationField()
    cron = models.CharField(max_length=100, blank=True, default="")  # instead of the period
    time_zone = models.CharField(max_length=60, blank=True, default="")  # of cron; empty: the organisation's
    business_hours = models.BooleanField(default=False)  # the period and the grace pass in the owner team's hours only
    severity = models.CharField(max_length=10, blank=True, default="")  # empty: the integration's default
    message = models.CharField(max_length=500, blank=True, default="")
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    watchdog = models.CharField(max_length=200, blank=True, default="")  # the alertname whose firing events are its pings
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEVER)
    last_ping_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)  # a run that has begun and not ended
    expected_at = models.DateTimeField(null=True, blank=True)
    missing_at = models.DateTimeField(null=True, blank=True)  # due: unless something comes, it is late then
    changed_at = models.DateTimeField(null=True, blank=True)  # when it came into its state
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("integration", Lower("name"), condition=models.Q(removed_at=None), name="heartbeat_name_unique")
        ]
        indexes = [models.Index(fields=["missing_at"], condition=models.Q(missing_at__isnull=False), name="heartbeat_missing")]

    def __str__(self) -> str:
        return self.name


class Ping(models.Model):
    """One sign of life, as the intake stored it. `heartbeat` is empty while one of that name is still to be made."""

    class Kind(models.TextChoices):
        PING = "ping"
        START = "start"
        FAIL = "fail"
        LOG = "log"

    integration = models.ForeignKey("alerts.Integration", on_delete=models.CASCADE, related_name="+")
    heartbeat = models.ForeignKey(Heartbeat, null=True, on_delete=models.CASCADE, related_name="pings")
    name = models.CharField(max_length=100, blank=True, default="")
    wanted = models.JSONField(default=dict)  # {"period": seconds, "grace": seconds} for one that is still to be made
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PING)
    exit_code = models.PositiveSmallIntegerField(null=True, blank=True)
    run = models.CharField(max_length=64, blank=True, default="")  # joins a start to its end (?rid=)
    took = models.DurationField(null=True, blank=True)  # since the start of the same run
    method = models.CharField(max_length=10, blank=True, default="")
    agent = models.CharField(max_length=200, blank=True, default="")
    body = models.BinaryField(default=bytes)
    at = models.DateTimeField()
    taken = models.BooleanField(default=False)  # it has had its effect

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(taken=False), name="ping_waiting"),
            models.Index(fields=["heartbeat", "-id"], name="ping_of_heartbeat"),
        ]


class Hearing(models.Model):
    """One row: since when the intake has been there to hear pings without a long gap, in real time (the worker's is alerts.Attendance)."""

    at = models.DateTimeField()
    since = models.DateTimeField()


class Adoption(models.Model):
    """An integration that makes a heartbeat of every unknown name that is pinged."""

    integration = models.OneToOneField("alerts.Integration", on_delete=models.CASCADE, related_name="+")
