"""Which outside calendars are rotations of a schedule, what did they say when they were last read, and who is meant by which name?"""

from __future__ import annotations

from django.db import models


class ExternalCalendar(models.Model):
    """A calendar at an address (ICS) that a rotation of the schedule takes its shifts from. `due_at` is when it is read next (the truth).

    `events`: [[["ana@example.com", "ana alder"], start, end, priority]] of the last good copy, times as ISO texts. `people`: {"ana": 3}.
    """

    schedule = models.ForeignKey("oncall.Schedule", on_delete=models.CASCADE, related_name="calendars")
    name = models.CharField(max_length=120)
    sealed_address = models.BinaryField()  # such addresses are secrets
    host = models.CharField(max_length=255)  # what is shown of it
    events = models.JSONField(default=list)
    people = models.JSONField(default=dict)
    etag = models.CharField(max_length=200, blank=True, default="")
    digest = models.CharField(max_length=64, blank=True, default="")  # of the last good copy
    copied_at = models.DateTimeField(null=True, blank=True)  # when its repetitions were last written out, a year and a month ahead
    read_at = models.DateTimeField(null=True, blank=True)  # the last good reading
    failing_since = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True, default="")  # why the last reading failed, in plain words
    notes = models.CharField(max_length=500, blank=True, default="")  # what of the last good copy was left out
    due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="external_calendar_due")]
