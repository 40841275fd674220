"""What has been said about the shifts of a schedule, what is still to be said, and which next shift does each person know of?"""

from __future__ import annotations

from django.db import models


class ShiftNotice(models.Model):
    """One word to one person about one shift, or to those who lead about one trouble. `due_at` set means still to be said: the truth.

    `identity`: "3:day:5:1793610000" (schedule, word, person, begin) or "3:warn:gap:0:1793610000::7"; a second row with it cannot exist.
    """

    identity = models.CharField(max_length=200, unique=True)
    schedule = models.ForeignKey("oncall.Schedule", on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    word = models.CharField(max_length=10)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, blank=True, default="")  # told, overtaken, nobody (no way leads to them)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="shift_notice_due"),
            models.Index(fields=["ends_at"], name="shift_notice_old"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(due_at__isnull=False, done_at=None) | models.Q(due_at=None, done_at__isnull=False),
                name="shift_notice_due_or_done",
            )
        ]


class NextShift(models.Model):
    """The next shift of a person in a schedule, as they were last told or could see it."""

    schedule = models.ForeignKey("oncall.Schedule", on_delete=models.CASCADE, related_name="next_shifts")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    moves = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schedule", "user"], name="next_shift_unique")]
