"""Who holds the pager, when?"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from tocsin.oncall.models_calendars import ExternalCalendar
from tocsin.oncall.models_people import Readiness, RoleSchedule, ScheduleVersion, ShiftRequest, TimeOff
from tocsin.oncall.models_watch import NextShift, ShiftNotice

__all__ = [
    "ExternalCalendar", "FeedToken", "NextShift", "Override", "Readiness", "RoleSchedule", "Rotation", "RotationParticipant", "Schedule", "ScheduleVersion",
    "ShiftNotice", "ShiftRequest", "TimeOff",
]  # fmt: skip


class Schedule(models.Model):
    """Who is on call for something: rotations, higher ones win, and overrides above them all."""

    name = models.CharField(max_length=120)
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.RESTRICT, related_name="schedules")
    time_zone = models.CharField(max_length=64, default="UTC")
    description = models.CharField(max_length=1000, blank=True, default="")
    hand_over_time_off = models.BooleanField(default=False)  # turns of people who are away go to the next one who is there
    hand_over_holidays = models.BooleanField(default=False)  # the same on public holidays where the person lives
    gaps_meant = models.BooleanField(default=False, db_default=False)  # it covers certain hours only: gaps are nobody's trouble
    watch_at = models.DateTimeField(db_default=Now())  # when it is next looked at for what is to be said ahead
    watched = models.BooleanField(default=False, db_default=False)
    troubles = models.JSONField(default=dict, db_default={})  # {"gap": 2}: what lay ahead at the last look
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["watch_at"], condition=models.Q(removed_at=None), name="schedule_watch")]

    def __str__(self) -> str:
        return self.name


class Rotation(models.Model):
    """Participants taking turns, from a wall-clock start in `time_zone`, or in the schedule's zone where that is empty. A shift lasts
    `shift_days` days (7 = weekly), `shift_hours` hours, or `shift_months` months: by weekday of the month, or by its day (`month_day`).

    With `calendar` an outside calendar says whose turn it is, and there are no participants.
    `restrictions`: [] for always, else [{"weekdays": [0..6], "from": "09:00", "until": "17:00"}] in the same zone.
    """

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="rotations")
    name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=0)
    starts_at = models.DateTimeField()  # stored as UTC of the wall-clock start; `starts_local` is what people wrote
    starts_local = models.CharField(max_length=19)  # "2026-01-05T09:00:00"
    ends_at = models.DateTimeField(null=True, blank=True)
    shift_days = models.PositiveSmallIntegerField(default=7)
    shift_hours = models.PositiveSmallIntegerField(default=0)
    shift_months = models.PositiveSmallIntegerField(default=0)
    month_day = models.BooleanField(default=False)
    time_zone = models.CharField(max_length=64, blank=True, default="")
    restrictions = models.JSONField(default=list)
    calendar = models.ForeignKey(ExternalCalendar, null=True, blank=True, on_delete=models.RESTRICT, related_name="rotations")
    participants = models.ManyToManyField("accounts.User", through="RotationParticipant", related_name="rotations")

    class Meta:
        ordering = ["position", "id"]


class RotationParticipant(models.Model):
    """One place in the order of a rotation; the same person may have several."""

    rotation = models.ForeignKey(Rotation, on_delete=models.CASCADE, related_name="places")
    user = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["rotation", "position"], name="rotation_position_unique")]


class Override(models.Model):
    """One person stands in for a span of time, over whatever the rotations say."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="overrides")
    user = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, related_name="overrides")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True, default="")
    created_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("starts_at")), name="override_ends_after_start")]


class FeedToken(models.Model):
    """The secret in the address of a calendar feed, of one schedule or of one person; rotatable. Stored as SHA-256 with a short prefix."""

    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.CASCADE, related_name="feeds")
    user = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.CASCADE, related_name="feeds")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
