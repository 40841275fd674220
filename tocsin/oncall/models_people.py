"""Who is away, who asks whom to take a shift, and what did a schedule say before?"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class TimeOff(models.Model):
    """A person is away: their shifts in it are flagged, or handed over where the schedule says so."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="time_off")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True, default="")
    created_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "ends_at"], condition=models.Q(removed_at=None), name="time_off_person")]
        constraints = [models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("starts_at")), name="time_off_ends_after_start")]


class ShiftRequest(models.Model):
    """Somebody asks that a span of their shift be taken: by one person, or (cover) by whoever of the schedule's people says yes first.

    With `return_starts_at` it is a swap: who takes it gives that span of their own in return. Accepting makes the overrides.
    """

    class State(models.TextChoices):
        ASKED = "asked"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"  # the span began before anybody said yes

    schedule = models.ForeignKey("oncall.Schedule", on_delete=models.CASCADE, related_name="requests")
    asked_by = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, related_name="+")
    asked_of = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")  # empty: the team
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    return_starts_at = models.DateTimeField(null=True, blank=True)
    return_ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True, default="")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    answered_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    answer = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["starts_at"], condition=models.Q(state="asked"), name="shift_request_open")]
        constraints = [
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("starts_at")), name="shift_request_ends_after_start"),
            models.CheckConstraint(
                condition=models.Q(return_starts_at=None, return_ends_at=None)
                | models.Q(return_ends_at__gt=models.F("return_starts_at"), asked_of__isnull=False),
                name="shift_request_returns_a_span_of_one_person",
            ),
        ]


class ScheduleVersion(models.Model):
    """What a schedule said from `at` on, as the document that would make it again; for history and undo."""

    schedule = models.ForeignKey("oncall.Schedule", on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    note = models.CharField(max_length=300, blank=True, default="")
    saved_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    saved_label = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["schedule", "number"], name="schedule_version_unique")]


class Readiness(models.Model):
    """A person has acknowledged a test page, or an administrator lets them start without, with a reason."""

    user = models.OneToOneField("accounts.User", on_delete=models.CASCADE, related_name="readiness")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    excused_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    excused_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True, default="")


class RoleSchedule(models.Model):
    """A role of incidents (of a team's; without `team` of all others) that whoever is on call in a schedule takes by themselves."""

    role = models.CharField(max_length=60)
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    schedule = models.ForeignKey("oncall.Schedule", on_delete=models.CASCADE, related_name="roles")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["role", "team"], nulls_distinct=False, name="role_schedule_unique")]
