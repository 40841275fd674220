"""Through whose accounts do pages leave the house?"""

from __future__ import annotations

from django.db import models


class Provider(models.Model):
    """An account at a provider of one channel: `kind` names the gateway (twilio_sms), `channel` the kind of contact method (sms).

    `settings` are its plain values, `sealed` its secrets, encrypted with the installation's key. The rest says how it has been doing.
    """

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=40)
    channel = models.CharField(max_length=30)
    settings = models.JSONField(default=dict)
    sealed = models.TextField(blank=True, default="")
    prefixes = models.JSONField(default=list)  # number prefixes ("+49") that it serves; empty: all
    position = models.PositiveSmallIntegerField(default=0)  # the first one is tried first
    enabled = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    rests_until = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_reason = models.CharField(max_length=500, blank=True, default="")
    listens_due_at = models.DateTimeField(null=True, blank=True)  # then it is asked what people have answered, where nobody calls us
    listens_mark = models.CharField(max_length=500, blank=True, default="")  # up to where it was heard
    troubles = models.JSONField(default=list)  # the last failures, newest first: [{"at", "reason"}]
    budget = models.PositiveIntegerField(null=True, blank=True)  # messages in 31 days; beyond it only pages go out
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["channel", "position", "id"]

    def __str__(self) -> str:
        return self.name


class TeamRoom(models.Model):
    """The room of a chat in which a team is told what the procedure tells it; beside the team's built-in room."""

    team = models.OneToOneField("accounts.Team", on_delete=models.CASCADE, related_name="+")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    address = models.CharField(max_length=500)


class Answered(models.Model):
    """An answer of a person that was carried out, by its provider's name for it: brought again, it does nothing."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="answered")
    event = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "event"], name="answered_once")]


class ProviderHour(models.Model):
    """What became, in one hour, of what an account was asked to send: taken or refused at once; delivered or not by its later reports."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="hours")
    hour = models.DateTimeField()
    taken = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    undelivered = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "hour"], name="provider_hour_unique")]


class TelephoneLimits(models.Model):
    """One row (id 1): what keeps others from spending the organisation's money. Verified numbers are paged whatever it says.

    `countries`: which numbers may be added, as ISO codes ("DE"); empty: of every country. `codes_a_day`: verification codes of everybody.
    """

    countries = models.JSONField(default=list)
    codes_a_day = models.PositiveIntegerField(default=50)
