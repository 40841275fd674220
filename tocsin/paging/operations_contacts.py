"""How do people say by which ways, and in which order, they are reached? Writes contact methods and notification rules."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, time, timedelta

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import QuerySet

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.domain.ports import Linked, LinkedByCode
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib.refusal import Refused, invalid
from tocsin.oncall.changed import changed_for  # who can be reached is what their schedules are watched for
from tocsin.paging import addresses, people
from tocsin.paging import operations_notifications as notifications
from tocsin.paging import operations_steps as steps
from tocsin.paging import operations_telephones as telephones
from tocsin.paging.messages import REHEARSAL, link_code, verification_code
from tocsin.paging.models import ContactMethod, Notification, NotificationRule, Provider, Quiet

MOST_METHODS = 20
MOST_RULES = 40
LONGEST_ADDRESS = 500
LONGEST_DELAY = 24 * 3600
MOST_REPETITIONS = 10
SHORTEST_REPETITION, LONGEST_REPETITION = 60, 3600
CODE_LIFETIME = timedelta(minutes=10)
CODE_TRIES = 5
CODES_AN_HOUR = 5


@transaction.atomic
def add_method(
    user: User, *, kind: str, address: str = "", label: str = "", verified: bool = False, by: Actor, now: datetime
) -> ContactMethod:
    """A new way to reach somebody. `verified` skips the proof (the caller has checked that this actor may). The person's own account
    address, when proved there, the screen, and the browser that they subscribe themselves need no further proof; for the others a code is
    sent by that way at once."""
    if kind not in NOTIFIERS:
        raise invalid(kind=f"Choose one of {', '.join(NOTIFIERS)}.")
    try:
        whole = NOTIFIERS[kind].check_address(address)
    except ValueError as error:
        raise invalid(address=str(error)) from error
    telephones.refuse_number(kind, whole)
    address, sealed = addresses.kept(kind, whole)
    if isinstance(NOTIFIERS[kind], LinkedByCode) and not address and _account_of(kind) is None:
        raise Refused(f"There is no account for {NOTIFIERS[kind].label} yet; an administrator can add one.", status=409)
    existing = ContactMethod.objects.select_for_update().filter(user=user, removed_at=None)
    if existing.count() >= MOST_METHODS:
        raise Refused(f"A person has at most {MOST_METHODS} contact methods.", status=409)
    if existing.filter(kind=kind, address=address).exists():
        raise Refused("This person has that contact method already.", status=409, errors={"address": "It is there already."})
    if len(address) > LONGEST_ADDRESS:
        raise invalid(address=f"An address has at most {LONGEST_ADDRESS} characters.")
    proved = verified or kind == "screen" or (kind == "email" and _proved(user, address)) or (kind == "webpush" and by.user == user)
    method = ContactMethod.objects.create(
        user=user, kind=kind, address=address, sealed=sealed, label=label[:120], verified_at=now if proved else None
    )
    if not proved:
        send_code(method, by=by, now=now)
    return method


def link(linked: Linked, *, kind: str, now: datetime) -> ContactMethod:
    """Prove the method that waits for that code by the address that it came from. Wrong tries are counted, as with codes that are typed."""
    number = linked.code.partition("-")[0]
    with transaction.atomic():
        waiting = ContactMethod.objects.select_for_update(of=("self",)).select_related("user").filter(kind=kind, removed_at=None)
        method = waiting.filter(pk=int(number)).first() if number.isascii() and number.isdigit() and len(number) < 18 else None
        expired = method is None or not method.verification_expires_at or method.verification_expires_at <= now
        if method is None or expired or method.verification_tries >= CODE_TRIES:
            raise invalid(code="This code is no longer valid; take a new one on your own page.")
        right = hmac.compare_digest(link_code(method).encode(), linked.code.encode())
        method.verification_tries += 1
        if right:
            method.address, method.sealed = addresses.kept(kind, linked.address)
            method.label = method.label or linked.name[:120]
            same = ContactMethod.objects.filter(user=method.user, kind=kind, address=method.address, removed_at=None)
            same.exclude(pk=method.pk).update(removed_at=now, enabled=False)
            _prove(method, now)
        method.save()
    if not right:
        raise invalid(code="This is not the code that you were shown.")
    return method


def invitation(method: ContactMethod, now: datetime) -> tuple[str, str] | None:
    """How its person proves a method by sending a code from there: a link and words. None where a code is sent to it instead, or has expired."""
    notifier = NOTIFIERS[method.kind]
    if not isinstance(notifier, LinkedByCode) or method.verified_at or not method.verification_expires_at:
        return None
    account = _account_of(method.kind)
    if account is None or method.verification_expires_at <= now:
        return None
    return notifier.invitation(account.settings, link_code(method))


def _account_of(kind: str) -> Provider | None:
    return Provider.objects.filter(channel=kind, enabled=True, removed_at=None).order_by("position", "id").first()


def _prove(method: ContactMethod, now: datetime) -> None:
    method.verified_at, method.verification_nonce, method.verification_expires_at, method.lost_reason = now, "", None, ""
    changed_for([method.user_id], now)


def _proved(user: User, address: str) -> bool:
    return EmailAddress.objects.filter(user=user, email__iexact=address, verified=True).exists()


@transaction.atomic
def send_code(method: ContactMethod, *, by: Actor, now: datetime) -> None:
    """Send a new six-digit code by that method, or make the one that is sent from there; it is good for 10 minutes and five tries.
    At most five codes an hour are sent."""
    telephones.refuse_code(method, now)
    recent = Notification.objects.filter(contact_method=method, kind="code", created_at__gt=now - timedelta(hours=1))
    if recent.count() >= CODES_AN_HOUR:
        raise Refused("Too many codes were sent; wait an hour.", status=409, code="too_many")
    notifications.cancel(recent, "a newer code replaces it", now)
    method.verification_nonce = secrets.token_hex(16)
    method.verification_expires_at, method.verification_tries = now + CODE_LIFETIME, 0
    method.save(update_fields=["verification_nonce", "verification_expires_at", "verification_tries"])
    if isinstance(NOTIFIERS[method.kind], LinkedByCode):
        return  # it comes from there
    _send(
        method, "code", "Your verification code", "A code that proves this address.", f"code:{method.id}:{method.verification_nonce}", now
    )


def verify(method: ContactMethod, code: str, *, by: Actor, now: datetime) -> ContactMethod:
    """Prove a method by the code that was sent to it. Wrong tries are counted, the sixth needs a new code."""
    with transaction.atomic():
        method = ContactMethod.objects.select_for_update().get(pk=method.pk)
        if method.verified_at:
            return method
        expired = not method.verification_expires_at or method.verification_expires_at <= now
        if expired or method.verification_tries >= CODE_TRIES:
            raise invalid(code="This code is no longer valid; have a new one sent.")
        right = hmac.compare_digest(verification_code(method).encode(), code.strip().encode())
        method.verification_tries += 1
        if right:
            _prove(method, now)
        method.save()
    if not right:  # after the transaction, so that the try counts
        raise invalid(code="This is not the code that was sent.")
    return method


@transaction.atomic
def change_method(
    method: ContactMethod, *, label: str | None = None, enabled: bool | None = None, by: Actor, now: datetime
) -> ContactMethod:
    """Rename a method, or switch it on or off."""
    if label is not None:
        method.label = label[:120]
    if enabled is not None:
        method.enabled = enabled
        method.lost_reason = "" if enabled and method.verified_at else method.lost_reason
    method.save(update_fields=["label", "enabled", "lost_reason"])
    changed_for([method.user_id], now)
    if enabled is False:
        steps.gone_if_out_of_reach(method.user, now=now)
    return method


@transaction.atomic
def remove_method(method: ContactMethod, *, by: Actor, now: datetime) -> None:
    """Take a method out of use, with the rules that name it."""
    method.rules.all().delete()
    ContactMethod.objects.filter(pk=method.pk).update(removed_at=now, enabled=False)
    changed_for([method.user_id], now)
    steps.gone_if_out_of_reach(method.user, now=now)


@transaction.atomic
def add_rule(
    user: User,
    *,
    contact_method: int,
    after_seconds: int = 0,
    urgency: str = "high",
    repeats: int = 0,
    repeat_seconds: int = 300,
    by: Actor,
    now: datetime,
) -> NotificationRule:
    """One line of a person's own order: by this method, so many seconds after the page starts, and `repeats` times more, each so many seconds
    after the one before, while nobody has it."""
    method = ContactMethod.objects.filter(pk=contact_method, user=user, removed_at=None).first()
    if not method:
        raise invalid(contact_method="This person has no such contact method.")
    if urgency not in ("high", "low"):
        raise invalid(urgency="Choose high or low.")
    if not 0 <= after_seconds <= LONGEST_DELAY:
        raise invalid(after_seconds="Give 0 to 86400 seconds.")
    if not 0 <= repeats <= MOST_REPETITIONS:
        raise invalid(repeats=f"Give 0 to {MOST_REPETITIONS} repetitions.")
    if not SHORTEST_REPETITION <= repeat_seconds <= LONGEST_REPETITION:
        raise invalid(repeat_seconds=f"Give {SHORTEST_REPETITION} to {LONGEST_REPETITION} seconds: a way is used once a minute at most.")
    if NotificationRule.objects.filter(user=user).count() >= MOST_RULES:
        raise Refused(f"A person has at most {MOST_RULES} notification rules.", status=409)
    rule, _ = NotificationRule.objects.update_or_create(
        user=user, contact_method=method, urgency=urgency, after_seconds=after_seconds,
        defaults={"repeats": repeats, "repeat_seconds": repeat_seconds},
    )  # fmt: skip
    return rule


@transaction.atomic
def set_quiet(user: User, *, starts: time | None, ends: time | None, by: Actor, now: datetime) -> Quiet | None:
    """The hours, in the person's own zone, in which what can wait does not reach them; neither: none. What cannot wait always does."""
    if starts is None and ends is None:
        Quiet.objects.filter(user=user).delete()
        return None
    if starts is None or ends is None or starts == ends:
        raise invalid(ends="Give two different times of day, such as 22:00 and 07:00, or neither.")
    if starts.tzinfo or ends.tzinfo:
        raise invalid(starts="Give times of day by the person's own clock, without a zone, such as 22:00.")
    return Quiet.objects.update_or_create(user=user, defaults={"starts": starts, "ends": ends})[0]


@transaction.atomic
def remove_rule(rule: NotificationRule, *, by: Actor, now: datetime) -> None:
    """Take one line out of a person's order."""
    rule.delete()


@transaction.atomic
def send_test(method: ContactMethod, *, by: Actor, now: datetime, account: Provider | None = None) -> Notification:
    """A test page by that method, through that account alone where one is given; its row shows what becomes of it. At most one at a time."""
    if not method.verified_at:
        raise Refused("Verify the contact method first.", status=409)
    if Notification.objects.filter(contact_method=method, kind="test", due_at__isnull=False).exists():
        raise Refused("A test page is on its way already.", status=409)
    telephones.refuse_test(method, now)
    count = Notification.objects.filter(contact_method=method, kind="test").count()
    text = f"This is a test page that {by.label} asked for. Nothing is wrong, and there is nothing to acknowledge."
    return _send(method, "test", "Test page from Tocsin", text, f"test:{method.id}:{count}", now, account)


@transaction.atomic
def send_rehearsal(user: User, *, by: Actor, now: datetime) -> list[Notification]:
    """A test page by each way of a person at once, to be acknowledged. At most one a minute."""
    methods = {way.method.id: way.method for way in people.ways(user)}
    if not methods:
        raise Refused(f"No way leads to {user.name} yet: prove a contact method first.", status=409, code="unreachable")
    if rehearsals(user).filter(created_at__gt=now - timedelta(minutes=1)).exists():
        raise Refused("A test page was sent a moment ago.", status=409, code="too_many")
    for method in methods.values():
        telephones.refuse_test(method, now)
    text = f"This is a test page that {by.label} asked for. Nothing is wrong: acknowledge it, so that you know how."
    number = rehearsals(user).count()
    return [
        _send(method, "test", "Test page: acknowledge it", text, f"{REHEARSAL}{user.id}:{number}:m{method.id}", now)
        for method in methods.values()
    ]


def rehearsals(user: User) -> QuerySet[Notification]:
    """The test pages that a person was to acknowledge."""
    return Notification.objects.filter(user=user, kind="test", identity__startswith=f"{REHEARSAL}{user.id}:")


def _send(
    method: ContactMethod, kind: str, title: str, text: str, identity: str, now: datetime, account: Provider | None = None
) -> Notification:
    row = Notification(
        identity=identity, kind=kind, user=method.user, contact_method=method, method_kind=method.kind, title=title, text=text, account=account, due_at=now,
        created_at=now, history=[{"at": now.isoformat(), "state": "pending", "reason": "planned"}],
    )  # fmt: skip
    notifications.insert([row])
    return Notification.objects.get(identity=identity)
