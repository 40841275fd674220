"""What is the organisation responding to, and how far is it?"""

from __future__ import annotations

from django.db import models


class Incident(models.Model):
    """A coordinated response with a commander. `status` is what the organisation says about it; `number` makes the reference INC-42."""

    class Status(models.TextChoices):
        INVESTIGATING = "investigating"
        IDENTIFIED = "identified"
        MONITORING = "monitoring"
        RESOLVED = "resolved"
        CLOSED = "closed"

    number = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=300)
    severity = models.CharField(max_length=20)
    severity_reason = models.CharField(max_length=1000, blank=True, default="")
    status = models.CharField(max_length=15, choices=Status.choices, default=Status.INVESTIGATING)
    impact = models.CharField(max_length=2000, blank=True, default="")
    private = models.BooleanField(default=False)
    drill = models.BooleanField(default=False)
    service = models.ForeignKey("alerts.Service", null=True, blank=True, on_delete=models.RESTRICT, related_name="incidents")
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.RESTRICT, related_name="incidents")
    procedure_version = models.ForeignKey("procedures.ProcedureVersion", on_delete=models.RESTRICT, related_name="incidents")
    channel = models.CharField(max_length=81, blank=True, default="")  # "#incident-20261123-checkout-payments-failing"
    declared_at = models.DateTimeField()
    declared_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    restored_at = models.DateTimeField(null=True, blank=True)  # service restored, even partially (S58)
    restored_partially = models.BooleanField(default=False)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=4000, blank=True, default="")
    verified_at = models.DateTimeField(null=True, blank=True)
    verification = models.CharField(max_length=4000, blank=True, default="")
    watch_until = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    reopened = models.PositiveSmallIntegerField(default=0)
    # the situation panel: what the last internal update or edit said
    cause = models.CharField(max_length=2000, blank=True, default="")
    actions = models.CharField(max_length=2000, blank=True, default="")
    next_steps = models.CharField(max_length=2000, blank=True, default="")
    eta = models.CharField(max_length=300, blank=True, default="")
    situation_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    situation_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["status", "-id"], name="incident_status"),
            models.Index(fields=["-declared_at"], name="incident_declared"),
            models.Index(fields=["watch_until"], condition=models.Q(status__in=["resolved", "closed"]), name="incident_watched"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["channel"], condition=~models.Q(channel=""), name="incident_channel_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"

    @property
    def ref(self) -> str:
        return f"INC-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.status != self.Status.CLOSED


class IncidentAlert(models.Model):
    """An alert that belongs to an incident; `cause` marks the one it was declared from."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="alert_links")
    alert = models.ForeignKey("alerts.Alert", on_delete=models.RESTRICT, related_name="incident_links")
    cause = models.BooleanField(default=False)
    linked_at = models.DateTimeField()
    linked_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "alert"], name="incident_alert_unique")]


class RoleAssignment(models.Model):
    """Who holds which role of the procedure, from when to when; at most one holder of a role at a time."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="role_assignments")
    role = models.CharField(max_length=40)
    user = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, related_name="role_assignments")
    assigned_at = models.DateTimeField()
    assigned_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    handover = models.CharField(max_length=2000, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "role"], condition=models.Q(ended_at__isnull=True), name="role_one_holder")
        ]


class Responder(models.Model):
    """Anyone working an incident, and what they are doing."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="responders")
    user = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, related_name="+")
    joined_at = models.DateTimeField()
    task = models.CharField(max_length=500, blank=True, default="")
    task_state = models.CharField(max_length=12, blank=True, default="")  # "", open, done
    task_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "user"], name="responder_unique")]


class SeverityChange(models.Model):
    """A severity given to an incident, with the reason; the first row is the declaration's."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="severity_changes")
    before = models.CharField(max_length=20, blank=True, default="")
    after = models.CharField(max_length=20)
    reason = models.CharField(max_length=1000)
    at = models.DateTimeField()
    by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")


class ChecklistTick(models.Model):
    """A line of the procedure's checklist, done (or set aside by a waiver with its reason) in this incident."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="ticks")
    step = models.CharField(max_length=60)
    item = models.CharField(max_length=80)
    at = models.DateTimeField()
    by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    by_label = models.CharField(max_length=200)
    note = models.CharField(max_length=1000, blank=True, default="")
    waived = models.BooleanField(default=False)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "step", "item"], condition=models.Q(undone_at__isnull=True), name="tick_unique")
        ]


class Update(models.Model):
    """A status update (public) or an internal update, as it went out."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="updates")
    audience = models.CharField(max_length=8, choices=[("public", "public"), ("internal", "internal")])
    status = models.CharField(max_length=15)
    fields = models.JSONField(default=dict)  # verb, description, impact, next_update_minutes | impact, cause, actions, next_steps, eta
    text = models.TextField(max_length=8000)  # rendered from the procedure's template, to the letter
    components = models.JSONField(default=dict)  # {"3": "major_outage"}: statuses set with it
    next_update_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField()
    by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["incident", "-id"], name="update_incident")]


class Ticket(models.Model):
    """A built-in ticket: what SEV4 makes instead of a page. Due at the end of the owning team's next business day."""

    number = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=300)
    alert = models.ForeignKey("alerts.Alert", null=True, blank=True, on_delete=models.RESTRICT, related_name="tickets")
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.RESTRICT, related_name="tickets")
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.RESTRICT, related_name="tickets")
    status = models.CharField(max_length=6, default="open", choices=[("open", "open"), ("done", "done")])
    due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")


class ActionItem(models.Model):
    """A promised improvement: owner, due date."""

    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.RESTRICT, related_name="action_items")
    title = models.CharField(max_length=500)
    owner = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="action_items")
    due_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=6, default="open", choices=[("open", "open"), ("done", "done")])
    created_at = models.DateTimeField()
    created_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")


class Subscriber(models.Model):
    """Somebody told by mail: the support group, a stakeholder, or a colleague who follows. Public ones belong to the status page."""

    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=120, blank=True, default="")
    group = models.CharField(max_length=12, default="stakeholder", choices=[("support", "support"), ("stakeholder", "stakeholder")])
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.CASCADE, related_name="subscribers"
    )  # empty: every incident
    undeliverable_at = models.DateTimeField(null=True, blank=True)  # since then nothing is mailed: the address does not take it
    undeliverable_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)
