"""Who is being paged about what, by which way, and did it reach them?"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from tocsin.paging.models_asks import Ask
from tocsin.paging.models_providers import Answered, Provider, ProviderHour, TeamRoom, TelephoneLimits
from tocsin.paging.models_state import PagingState

__all__ = [
    "Answered", "Ask", "ContactMethod", "Escalation", "EscalationPolicy", "Notification", "NotificationRule", "PagingState", "PolicyVersion", "Provider", "ProviderHour",
    "Quiet", "TeamRoom", "TelephoneLimits",
]  # fmt: skip


class ContactMethod(models.Model):
    """A person's address on one channel: `kind` is a notifier of the registry (email, webhook, screen).

    Where the address is a secret, `sealed` has it, encrypted, and `address` what people may see of it.
    """

    user = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, related_name="contact_methods")
    kind = models.CharField(max_length=30)
    address = models.CharField(max_length=500)
    sealed = models.TextField(blank=True, default="")
    label = models.CharField(max_length=120, blank=True, default="")
    verified_at = models.DateTimeField(null=True, blank=True)
    verification_nonce = models.CharField(max_length=64, blank=True, default="")  # the code is derived from it and the secret key
    verification_expires_at = models.DateTimeField(null=True, blank=True)
    verification_tries = models.PositiveSmallIntegerField(default=0)
    known_as = models.CharField(max_length=200, blank=True, default="")  # the provider's own name for the person, where they answer by it
    lost_reason = models.CharField(max_length=500, blank=True, default="")  # why a proved address had to be proved again
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)


class NotificationRule(models.Model):
    """A person's own order and delays: by this method, so many seconds after the page starts, and again so many times. `urgency`: high or low."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="notification_rules")
    contact_method = models.ForeignKey(ContactMethod, on_delete=models.CASCADE, related_name="rules")
    urgency = models.CharField(max_length=4, default="high", choices=[("high", "high"), ("low", "low")])
    after_seconds = models.PositiveIntegerField(default=0)
    repeats = models.PositiveSmallIntegerField(default=0)
    repeat_seconds = models.PositiveIntegerField(default=300)

    class Meta:
        ordering = ["after_seconds", "id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "contact_method", "urgency", "after_seconds"], name="notification_rule_unique")
        ]


class Quiet(models.Model):
    """When a person does not want to be reached by what can wait: times of day in their own zone, past midnight where `ends` is the earlier."""

    user = models.OneToOneField("accounts.User", on_delete=models.CASCADE, related_name="quiet")
    starts = models.TimeField()
    ends = models.TimeField()


class EscalationPolicy(models.Model):
    """Ordered targets and waits. `steps`: [{"wait_seconds": 300, "targets": [{"kind": "schedule", "id": 3}], "need": 1, "when": {…}}], as
    domain.escalation_policy reads it; `repeats` extra rounds."""

    name = models.CharField(max_length=120)
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.RESTRICT, related_name="escalation_policies")
    steps = models.JSONField(default=list)
    repeats = models.PositiveSmallIntegerField(default=0)
    tracks = models.JSONField(default=list, db_default=[])  # run beside the steps: [{"name": "Leadership", "steps": […], "repeats": 0}]
    low_severities = models.JSONField(default=list)  # those that can wait
    low_urgency = models.CharField(
        max_length=6, default="hours", choices=[("hours", "hours"), ("record", "record")]
    )  # what becomes of them
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    @property
    def plain(self) -> dict[str, Any]:
        """Its steps and tracks as `domain.escalation_policy.tracks` reads them."""
        return {"steps": self.steps, "repeats": self.repeats, "tracks": self.tracks}


class PolicyVersion(models.Model):
    """What a policy said from `at` on, as `change_policy` takes it; for history and undo."""

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    note = models.CharField(max_length=300, blank=True, default="")
    saved_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    saved_label = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="policy_version_unique")]


class Escalation(models.Model):
    """One run of a policy, on a snapshot of it, for an alert or an incident. `due_at` is when the next step starts (the truth; empty when over).

    `subject`: {"title", "severity", "service", "team_id", "link", "incident_ref"}: what pages say, kept fresh by paging.operations.retitle.
    `episode` counts runs about the same subject on the same track (an acknowledgement that ran out starts the next episode).
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        ACKNOWLEDGED = "acknowledged"
        STOPPED = "stopped"
        EXHAUSTED = "exhausted"

    policy = models.ForeignKey(EscalationPolicy, null=True, on_delete=models.RESTRICT, related_name="escalations")
    policy_snapshot = models.JSONField(default=dict)
    track = models.CharField(max_length=20, default="on_call")  # on_call, leadership, person (paged by hand)
    policy_track = models.CharField(max_length=60, blank=True, default="", db_default="")  # of the policy's own; its first has no name
    alert = models.ForeignKey("alerts.Alert", null=True, blank=True, on_delete=models.RESTRICT, related_name="escalations")
    incident_id = models.BigIntegerField(null=True, blank=True)
    subject = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True, default="")
    urgency = models.CharField(max_length=4, default="high")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.RUNNING)
    episode = models.PositiveIntegerField(default=1)
    step = models.PositiveSmallIntegerField(default=0)
    round = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)  # the step that is due then can wait, and nobody was looked up for it yet
    started_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    acknowledged_via = models.CharField(max_length=20, blank=True, default="")
    ack_expires_at = models.DateTimeField(null=True, blank=True)
    answers = models.JSONField(default=list, db_default=[])  # who has acknowledged where several must: [{"user", "at", "via"}]
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="escalation_due"),
            models.Index(fields=["alert"], name="escalation_alert"),
            models.Index(fields=["alert"], condition=models.Q(status="acknowledged"), name="escalation_acknowledged"),
            models.Index(fields=["incident_id"], condition=models.Q(incident_id__isnull=False), name="escalation_incident"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "track", "policy_track"],
                condition=models.Q(status="running", incident_id__isnull=True),
                name="escalation_one_running_alert",
            ),
        ]


_BY_HAND = models.Q(escalation__isnull=True)  # of a page: somebody was paged without a policy


class Notification(models.Model):
    """One attempt to reach one person by one method (a page), one notice, or one post of a step to a room or web address (`target`).

    The row is the truth: `due_at` set means it is still to be sent.
    `identity` is what R7 counts: "esc:7:e1:s0:r0:u5:m3"; a second row with it cannot exist. States and their fields are checked below.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        SENDING = "sending"
        ACCEPTED = "accepted"
        UNCONFIRMED = "unconfirmed"  # accepted, and nobody has said in time whether it arrived
        DELIVERED = "delivered"
        FAILED = "failed"
        CANCELLED = "cancelled"

    identity = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=12, default="page")  # page, fallback, notice, test, code, post
    escalation = models.ForeignKey(Escalation, null=True, blank=True, on_delete=models.RESTRICT, related_name="notifications")
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.RESTRICT, related_name="notifications")  # empty: a post
    target = models.JSONField(null=True)  # of a post: {"kind": "chat" or "webhook", "id": account, "address", "name"}
    contact_method = models.ForeignKey(ContactMethod, null=True, on_delete=models.RESTRICT, related_name="notifications")
    method_kind = models.CharField(max_length=30)
    incident_id = models.BigIntegerField(null=True, blank=True)
    alert_id = models.BigIntegerField(null=True, blank=True)
    title = models.CharField(max_length=300)
    text = models.TextField(max_length=4000)
    reason = models.CharField(max_length=1000, blank=True, default="")  # why this person is paged: the whole path in one sentence
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    due_at = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=100, blank=True, default="")
    account = models.ForeignKey(Provider, null=True, blank=True, on_delete=models.RESTRICT, related_name="notifications")  # it went through
    provider_id = models.CharField(max_length=200, blank=True, default="")  # the provider's name for it
    awaits_report = models.BooleanField(default=False)  # its provider says afterwards what became of it
    report_due_at = models.DateTimeField(null=True, blank=True)  # then the provider is asked what became of it
    report_sequence = models.PositiveIntegerField(null=True, blank=True)  # of the provider's last report, where it counts them
    lasts_until = models.DateTimeField(null=True, blank=True)  # so long its provider is asked about it
    look_due_at = models.DateTimeField(null=True, blank=True)  # then it is asked about next
    reply_code = models.PositiveSmallIntegerField(null=True, blank=True)  # what a text names this page by
    refresh_due_at = models.DateTimeField(null=True, blank=True)  # then the message in the chat is changed to what is true by then
    outcome = models.CharField(max_length=500, blank=True, default="")  # the provider's reason in plain words
    possible_duplicate = models.BooleanField(default=False)
    late_seconds = models.PositiveIntegerField(default=0, db_default=0)  # later than it should have been, where that is to be told
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged")
    merged_count = models.PositiveIntegerField(default=0)  # how many further pages were held back and merged into this one (R9)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    final_at = models.DateTimeField(null=True, blank=True)
    history = models.JSONField(default=list)  # [{"at", "state", "reason"}]: every state change

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="notification_due"),
            models.Index(fields=["escalation"], name="notification_escalation"),
            models.Index(fields=["report_due_at"], condition=models.Q(report_due_at__isnull=False), name="notification_report_due"),
            models.Index(fields=["look_due_at"], condition=models.Q(look_due_at__isnull=False), name="notification_look_due"),
            models.Index(fields=["account", "provider_id"], condition=~models.Q(provider_id=""), name="notification_at_provider"),
            models.Index(fields=["refresh_due_at"], condition=models.Q(refresh_due_at__isnull=False), name="notification_refresh_due"),
            models.Index(fields=["user", "-id"], name="notification_user"),
            models.Index(fields=["alert_id"], condition=_BY_HAND & models.Q(alert_id__isnull=False), name="notification_by_hand_alert"),
            models.Index(
                fields=["incident_id"], condition=_BY_HAND & models.Q(incident_id__isnull=False), name="notification_by_hand_incident"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "sending"], due_at__isnull=False)
                | models.Q(state__in=["accepted", "unconfirmed", "delivered", "failed", "cancelled"], due_at__isnull=True),
                name="notification_due_while_open",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="sending") | models.Q(lease_until__isnull=False), name="notification_sending_has_lease"
            ),
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, target__isnull=True)
                | models.Q(user__isnull=True, target__isnull=False, kind="post"),
                name="notification_to_a_person_or_a_place",
            ),
        ]

    OUT = (State.ACCEPTED, State.UNCONFIRMED, State.DELIVERED)  # it has left the house and may be with its person

    @property
    def whom(self) -> str:
        """Whom or what it is for, as people say it."""
        return (self.user.name or self.user.email) if self.user else str((self.target or {}).get("name", ""))
