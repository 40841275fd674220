"""What do monitors report, about which service?"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower

from tocsin.alerts.models_drop_in import Delivery, SnsFetch
from tocsin.alerts.models_replay import EventReplay
from tocsin.alerts.models_retention import EventRetention
from tocsin.alerts.models_routing import RoutingTrial, RoutingVersion

__all__ = [
    "Alert", "Attendance", "ChangeEvent", "Delivery", "EarlyResolution", "EventReplay", "EventRetention", "Integration", "RawEvent", "RoutingTrial",
    "RoutingVersion", "Service", "Silence", "SnsFetch",
]  # fmt: skip

EVENT_RATE = 5_000  # as many as are folded a second
EVENT_BURST = 1_000_000  # the storm of a whole data centre; fair turns protect the others from it


class Service(models.Model):
    """A thing that breaks; has an owner team and an escalation policy."""

    name = models.CharField(max_length=120)
    description = models.CharField(max_length=2000, blank=True, default="")
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.RESTRICT, related_name="services")
    escalation_policy = models.ForeignKey("paging.EscalationPolicy", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    leadership_policy = models.ForeignKey("paging.EscalationPolicy", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    components = models.ManyToManyField("statuspage.Component", blank=True, related_name="services")
    critical = models.BooleanField(default=False)  # one severity step up
    tier = models.PositiveSmallIntegerField(default=3, db_default=3)  # how much it matters, 1 the most, to 4: conditions of steps
    severity_map = models.JSONField(default=dict)  # {"critical": "SEV1"}: overrides the procedure's table for this service
    runbook = models.URLField(max_length=1000, blank=True, default="")
    depends_on = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="used_by")
    group_minutes = models.PositiveSmallIntegerField(null=True, blank=True)  # alerts within it are one cause; 0: never; empty: the default
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), condition=models.Q(removed_at=None), name="service_name_unique")]

    def __str__(self) -> str:
        return self.name


class Integration(models.Model):
    """A configured connection to an outside product that sends events. `kind` names its format; `key` is in the address people copy.

    The key is a bearer secret of low power (it can only bring events in), needed to show the copyable address again, so it is stored readable.
    """

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=64, unique=True)
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.RESTRICT, related_name="integrations")
    default_severity = models.CharField(max_length=10, default="warning")
    identity_labels = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    ignored_labels = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    mapping = models.JSONField(
        default=dict, db_default={}, blank=True
    )  # {"title": "item.what"}: the owner's expressions, see integrations/mapping.py
    severity_words = models.JSONField(
        default=dict, db_default={}, blank=True
    )  # {"purple": "critical"}: overrides what the source's words mean
    enabled = models.BooleanField(default=True)
    event_rate = models.PositiveIntegerField(default=EVENT_RATE, db_default=EVENT_RATE)  # events a second that it may send
    event_burst = models.PositiveIntegerField(default=EVENT_BURST, db_default=EVENT_BURST)  # events that may come at once
    signed_only = models.BooleanField(default=True, db_default=True)  # Amazon SNS: what it did not sign is refused
    topics = ArrayField(
        models.CharField(max_length=256), default=list, db_default=[], blank=True
    )  # Amazon SNS: only these (ARNs); none: any
    signing_secret = models.TextField(
        blank=True, default="", db_default=""
    )  # sealed; the product signs with it, empty: the key alone proves
    stale_hours = models.PositiveSmallIntegerField(
        null=True, blank=True
    )  # ask about what was not renewed for so long; 0 never, empty: a day
    auto_resolve_hours = models.PositiveSmallIntegerField(null=True, blank=True)  # end it then without asking; empty: never
    last_event_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class RawEvent(models.Model):
    """One accepted intake request, its bytes as they came. Written by `intake`, before the sender is answered.

    `outcomes`: one dict per event in it: {"alert": 12, "change": "opened|reopened|folded|worsened|resolved|acknowledged|change|ignored|refused", "reason": "..."}.
    """

    class State(models.TextChoices):
        NEW = "new"
        DONE = "done"
        REFUSED = "refused"  # accepted, but it cannot be read: shown to people, replayable

    integration = models.ForeignKey(Integration, on_delete=models.RESTRICT, related_name="raw_events", db_index=False)
    protocol = models.CharField(max_length=30)  # in, pagerduty, pagerduty_change, alertmanager_api: which address it came by
    content_type = models.CharField(max_length=200, default="")
    headers = models.JSONField(
        default=dict, db_default={}
    )  # the few that say what the body means, by lower-case name; ":query" is the query
    body = models.BinaryField()
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    outcomes = models.JSONField(default=list)
    error = models.CharField(max_length=1000, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    processed_at = models.DateTimeField(null=True, blank=True)
    dedup_key = models.CharField(max_length=255, blank=True, default="")  # a key made by the server for the sender (Events API v2)
    replay_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False)

    class Meta:
        indexes = [
            models.Index(fields=["integration", "id"], condition=models.Q(state="new"), name="raw_event_waiting"),
            models.Index(fields=["integration", "-id"], name="raw_event_integration"),
            models.Index(fields=["dedup_key"], condition=models.Q(protocol__in=("opsgenie", "opsgenie_action")), name="raw_event_request"),
            models.Index(fields=["replay_of"], condition=models.Q(replay_of__isnull=False), name="raw_event_replay"),
            models.Index(fields=["id"], condition=models.Q(state="refused"), name="raw_event_refused"),
        ]


class Alert(models.Model):
    """An open condition that a monitor reports. `status` is what the monitor says; acknowledging lives in the escalation alone."""

    class Status(models.TextChoices):
        FIRING = "firing"
        RESOLVED = "resolved"

    class Verdict(models.TextChoices):
        REAL = "real"
        FALSE_ALARM = "false_alarm"
        UNSURE = "unsure"

    integration = models.ForeignKey(
        Integration, on_delete=models.RESTRICT, related_name="alerts", db_index=False
    )  # alert_key begins with it
    dedup_key = models.CharField(max_length=512)
    service = models.ForeignKey(
        Service, null=True, blank=True, on_delete=models.RESTRICT, related_name="alerts", db_index=False
    )  # alert_service begins with it
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.FIRING)
    title = models.CharField(max_length=1024)
    source_severity = models.CharField(max_length=10)
    severity = models.CharField(max_length=20)  # proposed
    severity_reason = models.CharField(max_length=500, blank=True, default="")  # the rule or sentence it came from
    link = models.CharField(max_length=2000, blank=True, default="")
    runbook = models.CharField(max_length=2000, blank=True, default="")
    labels = models.JSONField(default=dict)
    details = models.JSONField(default=dict)
    trace = models.JSONField(default=list)  # why it was routed as it was, sentence by sentence
    suppressed_by = models.CharField(max_length=200, blank=True, default="")
    started_at = models.DateTimeField()  # what the source says
    first_seen = models.DateTimeField()  # acceptance of its first event
    last_seen = models.DateTimeField()
    last_event_at = models.DateTimeField()  # the source's own time of the newest event, to judge late ones
    ends_at = models.DateTimeField(null=True, blank=True)  # it resolves by itself when not renewed until then
    resolved_at = models.DateTimeField(null=True, blank=True)
    event_count = models.PositiveBigIntegerField(default=1)
    # Without constraints: they would be asked for each of the thousands of events that are deleted a second. Deleting takes the links away itself.
    first_raw_event = models.ForeignKey(RawEvent, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False)
    last_raw_event = models.ForeignKey(RawEvent, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False)
    verdict = models.CharField(max_length=12, choices=Verdict.choices, blank=True, default="")
    verdict_note = models.CharField(max_length=2000, blank=True, default="")
    # Each index of this table is paid for by each alert of a storm: nobody asks for alerts by these.
    verdict_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+", db_index=False)
    verdict_at = models.DateTimeField(null=True, blank=True)
    # what routing rules decided (empty: the defaults) and added; `route`: the rules that it met (see domain.rule_words.told)
    route = models.JSONField(default=dict)
    rule_id = models.BigIntegerField(null=True, blank=True)
    policy = models.ForeignKey(
        "paging.EscalationPolicy", null=True, blank=True, on_delete=models.RESTRICT, related_name="+", db_index=False
    )
    links = models.JSONField(default=list)  # [{"text", "url"}]
    added_labels = models.JSONField(default=dict)  # part of `labels`, kept when the source sends others
    # the cause it belongs to: `lead` is the alert that is paged for all of them; empty: this one
    lead = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="members", db_index=False)
    member_count = models.PositiveIntegerField(default=0)  # of a lead: how many alerts joined it
    cause_at = models.DateTimeField(null=True, blank=True)  # of a lead: when it began or an alert last joined it
    cause_severity = models.CharField(max_length=20, blank=True, default="")  # of a lead: the worst of its alerts
    group_key = models.CharField(max_length=500, blank=True, default="")  # only alerts of the same key may join
    group_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    group_reason = models.CharField(max_length=300, blank=True, default="")
    # flapping: its openings of the last minutes, how often the same alert opened again, and until when it must be calm
    openings = ArrayField(models.DateTimeField(), default=list)
    reopened = models.PositiveIntegerField(default=0)
    calm_at = models.DateTimeField(null=True, blank=True)
    # stale: when somebody is asked whether it is still real, and since when the question stands
    stale_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "dedup_key"], condition=models.Q(status="firing"), name="alert_open_key_unique")
        ]
        indexes = [
            models.Index(fields=["status", "-id"], name="alert_status"),
            models.Index(fields=["service", "-id"], name="alert_service"),
            models.Index(fields=["integration", "dedup_key", "-id"], name="alert_key"),
            models.Index(fields=["ends_at"], condition=models.Q(status="firing", ends_at__isnull=False), name="alert_expiry"),
            models.Index(fields=["service", "cause_at"], condition=models.Q(lead=None, cause_at__isnull=False), name="alert_cause"),
            models.Index(fields=["lead", "-id"], condition=models.Q(lead__isnull=False), name="alert_member"),
            models.Index(fields=["rule_id", "-id"], condition=models.Q(rule_id__isnull=False), name="alert_rule"),
            models.Index(fields=["calm_at"], condition=models.Q(calm_at__isnull=False), name="alert_calm"),
            models.Index(fields=["stale_at"], condition=models.Q(status="firing", stale_at__isnull=False), name="alert_stale"),
            # No index holds last_seen or event_count: what every event changes must not touch an index (docs/explanation/performance.md).
            models.Index(fields=["severity", "-id"], condition=models.Q(status="firing"), name="alert_severity"),
            models.Index(fields=["-id"], condition=models.Q(status="firing") & ~models.Q(suppressed_by=""), name="alert_held"),
            models.Index(fields=["first_seen"], name="alert_first_seen"),
            GinIndex(fields=["labels"], opclasses=["jsonb_path_ops"], condition=models.Q(status="firing"), name="alert_labels"),
            # and `alert_words`, an index of an expression, made by the migration (alerts/listing.py)
        ]

    def __str__(self) -> str:
        return self.title


class EarlyResolution(models.Model):
    """The end of a condition that nobody had heard of yet: remembered for minutes, in case its beginning is still on its way."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="early_resolutions")
    dedup_key = models.CharField(max_length=512)
    at = models.DateTimeField()  # what the source says, else its acceptance
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "dedup_key"], name="early_resolution_unique")]


class Attendance(models.Model):
    """One row: since when events have been taken without a long gap, in real time. After a gap nothing expires at once."""

    at = models.DateTimeField()  # last seen at work
    since = models.DateTimeField()


class ChangeEvent(models.Model):
    """A deployment, a change of infrastructure or another change that somebody's pipeline reported. Never pages."""

    integration = models.ForeignKey(Integration, on_delete=models.RESTRICT, related_name="change_events")
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.RESTRICT, related_name="change_events")
    kind = models.CharField(max_length=20, default="deployment")  # deployment, infrastructure, other
    summary = models.CharField(max_length=1024)
    source = models.CharField(max_length=255, blank=True, default="")
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    link = models.CharField(max_length=2000, blank=True, default="")
    details = models.JSONField(default=dict)
    raw_event = models.ForeignKey(RawEvent, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False)

    class Meta:
        indexes = [models.Index(fields=["-at"], name="change_event_at")]


class Silence(models.Model):
    """No paging for what matches, until a time; by somebody, for a reason. Matchers: [{"name", "value", "is_regex", "is_equal"}]."""

    matchers = models.JSONField(default=list)
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.CASCADE, related_name="silences")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=1000)
    created_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    author = models.CharField(max_length=200, blank=True, default="", db_default="")  # who it was, in the words of a token without a person
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)  # after its end: the alerts it held back have been looked at again
    window = models.ForeignKey("alerts.MaintenanceWindow", null=True, blank=True, on_delete=models.CASCADE, related_name="silences")
    stop_paging = models.BooleanField(default=False, db_default=False)  # what is open as it begins is held back as well
    stopped = models.PositiveIntegerField(null=True, blank=True)  # pages for so many causes it stopped; empty: it has not looked yet


from tocsin.alerts.models_quiet import BulkAction, Feedback, MaintenanceWindow, SavedView  # noqa: E402, F401 - Django looks for models here
