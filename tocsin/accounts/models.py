"""Who are the people, what may they do, and who did what to the settings?"""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower


class Organisation(models.Model):
    """The one organisation of this installation (a single row, id 1, made by the first migration)."""

    name = models.CharField(max_length=200, default="My organisation")
    time_zone = models.CharField(max_length=64, default="UTC")
    country = models.CharField(max_length=2, blank=True, default="")  # ISO 3166-1 alpha-2, for public holidays
    subdivision = models.CharField(max_length=10, blank=True, default="")
    day_starts = models.TimeField(default="09:00")
    day_ends = models.TimeField(default="17:00")
    fallback_user = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    leadership_policy = models.ForeignKey("paging.EscalationPolicy", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    require_mfa = models.BooleanField(default=False)
    group_minutes = models.PositiveSmallIntegerField(default=5, db_default=5)  # alerts of a service within it are one cause; 0: none
    event_days = models.PositiveSmallIntegerField(default=30, db_default=30)  # raw events that were read are kept so long
    refused_event_days = models.PositiveSmallIntegerField(default=180, db_default=180)  # and those that could not be read
    event_gigabytes = models.PositiveIntegerField(default=10, db_default=10)  # above it the oldest go sooner

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a person may do: administrators change the set-up, responders work incidents, observers read."""

    ADMINISTRATOR = "administrator"
    RESPONDER = "responder"
    OBSERVER = "observer"


class UserManager(BaseUserManager["User"]):
    """Makes users; allauth and Django's own commands come through here."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields) -> User:
        """A user with a normalised address; without a password nobody can sign in with one."""
        user = self.model(email=self.normalize_email(email).strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person. Signs in by e-mail address; `role` is what they may do everywhere."""

    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.RESPONDER)
    time_zone = models.CharField(max_length=64, default="UTC")
    country = models.CharField(max_length=2, blank=True, default="")  # where they live, for public holidays; empty: as the organisation
    subdivision = models.CharField(max_length=10, blank=True, default="")
    phone = models.CharField(max_length=20, blank=True, default="")
    theme = models.CharField(max_length=5, default="auto", choices=[("auto", "Auto"), ("light", "Light"), ("dark", "Dark")])
    single_keys = models.BooleanField(default=True)  # single-letter shortcuts can be switched off (WCAG 2.1.4)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email

    @property
    def initials(self) -> str:
        """Two letters for the avatar."""
        words = [word for word in self.name.split() if word] or [self.email]
        return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()

    @property
    def is_administrator(self) -> bool:
        return self.role == Role.ADMINISTRATOR

    @property
    def may_respond(self) -> bool:
        return self.role in (Role.ADMINISTRATOR, Role.RESPONDER)

    # Django's permission checks (admin, ninja) ask these; there is no group or per-object permission.
    @property
    def is_staff(self) -> bool:
        return self.is_administrator

    @property
    def is_superuser(self) -> bool:
        return self.is_administrator

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_administrator

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_administrator


class Team(models.Model):
    """People who own services together. Country and zone (empty: the organisation's) decide its business days."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=140, unique=True)
    time_zone = models.CharField(max_length=64, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    subdivision = models.CharField(max_length=10, blank=True, default="")
    fallback_user = models.ForeignKey(User, null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    members = models.ManyToManyField(User, through="Membership", related_name="teams")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), condition=models.Q(removed_at=None), name="team_name_unique")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person in a team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    lead = models.BooleanField(default=False, db_default=False)  # hears of what is wrong with the team's schedules
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="membership_unique")]


class ApiToken(models.Model):
    """A token for the API: shown once, stored as SHA-256, with scopes and an optional person it acts for."""

    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="tokens")
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)


class OneTimeToken(models.Model):
    """A secret that works once: first-run set-up, an invitation, the verification code of an address. Stored as SHA-256."""

    purpose = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=500, blank=True, default="", db_default="")  # why the mail that brings it did not arrive
    tries = models.PositiveSmallIntegerField(default=0)


class AuditEntry(models.Model):
    """Who changed which setting, when, from where. Append-only: the database refuses changes and deletions."""

    at = models.DateTimeField()
    actor = models.ForeignKey(User, null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    actor_label = models.CharField(max_length=200)
    via = models.CharField(max_length=20)
    verb = models.CharField(max_length=80)
    object_kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64, blank=True, default="")
    text = models.CharField(max_length=1000, blank=True, default="")
    data = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["-at"])]


class IdempotencyKey(models.Model):
    """The answer to a write that carried `Idempotency-Key`, kept for a day so that a repeated request gets the same one."""

    owner = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="idempotency_key_unique")]
