"""How each person is reached, over HTTP: contact methods, notification rules, test pages, and what became of pages."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Literal, NotRequired

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting, own_or_administer
from tocsin.api.paging import Page, Paging, page
from tocsin.api.rehearsal_shapes import NotificationShape, notification
from tocsin.api.schedules import FeedShape
from tocsin.api.shapes import Body, one_of
from tocsin.domain.ports import Abilities
from tocsin.integrations.registry import NOTIFIERS
from tocsin.integrations.webhook.notifier import secret
from tocsin.lib.refusal import Refused, missing
from tocsin.oncall import operations as oncall
from tocsin.oncall.models import Readiness
from tocsin.paging import operations
from tocsin.paging.models import ContactMethod, Notification, NotificationRule, Quiet
from tocsin.response import ahead, ready

router = Router(tags=["Contact methods"])


class MethodBody(Body):
    """A way to reach a person."""

    kind: str = Field(max_length=30)
    address: str = Field("", max_length=4000, description="For webpush the subscription as JSON, made with the key of /push-key.")
    label: str = Field("", max_length=120)
    verified: bool = False


class MethodChange(Body):
    """What is to be different; what is left out stays."""

    label: str | None = Field(None, max_length=120)
    enabled: bool | None = None


class CodeBody(Body):
    """The code that was sent to the address."""

    code: str = Field(max_length=20)


class ExcuseBody(Body):
    """Why somebody need not have acknowledged a test page before a first shift."""

    reason: str = Field(max_length=500)


class RuleBody(Body):
    """One line of a person's own order: by this method, so many seconds after the page starts."""

    contact_method: int
    after_seconds: int = 0
    urgency: Literal["high", "low"] = "high"
    repeats: int = Field(0, description="So many times more, while nobody has it.")
    repeat_seconds: int = 300


class QuietBody(Body):
    """Times of day in the person's own zone, past midnight where `ends` is the earlier; both empty: no quiet hours."""

    starts: time | None = None
    ends: time | None = None


class ContactMethodKindShape(TypedDict):
    """A way to reach people, and what it honestly can do."""

    kind: str
    label: str
    wakes: bool
    two_way: bool
    receipts: bool
    note: str
    words: str


class ProofShape(TypedDict):
    """How a contact method is proved whose person sends the code."""

    link: str
    words: str


class ContactMethodShape(TypedDict):
    """A way to reach a person."""

    id: int
    kind: Annotated[str, Field(description="As in /contact-method-kinds.")]
    address: str
    label: str
    enabled: bool
    verified: bool
    lost_reason: Annotated[str | None, Field(description="Why it had to be proved again.")]
    proof: ProofShape | None
    signing_secret: NotRequired[Annotated[str, Field(description="Of a webhook: its calls are signed with it.")]]


class NotificationRuleShape(TypedDict):
    """One line of a person's own order."""

    id: int
    contact_method: int
    after_seconds: int
    urgency: Annotated[str, one_of(["high", "low"])]
    repeats: int
    repeat_seconds: int


class CodeSentShape(TypedDict):
    """A code is on its way."""

    sent: bool


class ReadinessShape(TypedDict):
    """Whether a person may start a first shift."""

    ready: bool
    acknowledged_at: datetime | None
    excused_at: datetime | None
    reason: str


class TestPagesShape(TypedDict):
    """Test pages that go out."""

    sent: list[NotificationShape]


class QuietHoursShape(TypedDict):
    """Times of day in the person's own zone: 22:00; null: no quiet hours."""

    starts: str | None
    ends: str | None


@router.get("/contact-method-kinds")
@needs(Needs.READ)
def list_kinds(request: HttpRequest) -> Page[ContactMethodKindShape]:
    """By which ways people can be reached, and what each honestly can do."""
    return {"items": [_kind(kind, one.label, one.abilities) for kind, one in NOTIFIERS.items()], "next": None}


def _kind(kind: str, label: str, can: Abilities) -> ContactMethodKindShape:
    return {
        "kind": kind, "label": label, "wakes": can.wakes, "two_way": can.two_way, "receipts": can.receipts, "note": can.note, "words": can.words,
    }  # fmt: skip


def shape(method: ContactMethod) -> ContactMethodShape:
    """A contact method; a webhook with the secret that its calls are signed with. `proof` says how one is proved whose person sends the code."""
    invited = operations.invitation(method, clock.now())
    plain: ContactMethodShape = {
        "id": method.id, "kind": method.kind, "address": method.address, "label": method.label, "enabled": method.enabled,
        "verified": method.verified_at is not None, "lost_reason": method.lost_reason or None,
        "proof": {"link": invited[0], "words": invited[1]} if invited else None,
    }  # fmt: skip
    if method.kind == "webhook":
        plain["signing_secret"] = secret(method.address)
    return plain


def rule_shape(rule: NotificationRule) -> NotificationRuleShape:
    """A notification rule."""
    return {"id": rule.id, "contact_method": rule.contact_method_id, "after_seconds": rule.after_seconds, "urgency": rule.urgency,
            "repeats": rule.repeats, "repeat_seconds": rule.repeat_seconds}  # fmt: skip


def _person(user: int) -> User:
    found = User.objects.filter(pk=user, removed_at=None).first()
    if found is None:
        raise missing("person")
    return found


def _method(user: int, id: int) -> ContactMethod:
    found = ContactMethod.objects.filter(pk=id, user_id=user, removed_at=None).select_related("user").first()
    if found is None:
        raise missing("contact method")
    return found


@router.get("/users/{int:user}/contact-methods")
@needs(Needs.SELF)
def list_methods(request: HttpRequest, user: int, paging: Query[Paging]) -> Page[ContactMethodShape]:
    """The person's contact methods."""
    own_or_administer(request, user)
    return page(ContactMethod.objects.filter(user=_person(user), removed_at=None), paging, shape)


@router.post("/users/{int:user}/contact-methods", response={201: dict})
@needs(Needs.SELF)
def add_method(request: HttpRequest, user: int, body: MethodBody) -> Status[ContactMethodShape]:
    """A new way to reach them. Only an administrator may vouch for it (`verified`); else a code is sent by it."""
    actor = own_or_administer(request, user)
    if body.verified and not actor.may(Needs.ADMINISTER, safe=False):
        raise Refused("Only an administrator may vouch for an address.", status=403, errors={"verified": "Leave it out."}, code="forbidden")
    return Status(201, shape(operations.add_method(_person(user), **body.model_dump(), by=actor, now=clock.now())))


@router.patch("/users/{int:user}/contact-methods/{int:id}")
@needs(Needs.SELF)
def change_method(request: HttpRequest, user: int, id: int, body: MethodChange) -> ContactMethodShape:
    """Rename it, or switch it on or off."""
    actor = own_or_administer(request, user)
    return shape(operations.change_method(_method(user, id), **body.model_dump(), by=actor, now=clock.now()))


@router.delete("/users/{int:user}/contact-methods/{int:id}", response={204: None})
@needs(Needs.SELF)
def remove_method(request: HttpRequest, user: int, id: int) -> Status[None]:
    """Take it out of use, with the rules that name it."""
    actor = own_or_administer(request, user)
    operations.remove_method(_method(user, id), by=actor, now=clock.now())
    return Status(204, None)


@router.post("/users/{int:user}/contact-methods/{int:id}/code", response={202: dict})
@needs(Needs.SELF)
def send_code(request: HttpRequest, user: int, id: int) -> Status[CodeSentShape]:
    """Send a new verification code by it."""
    actor = own_or_administer(request, user)
    operations.send_code(_method(user, id), by=actor, now=clock.now())
    return Status(202, {"sent": True})


@router.post("/users/{int:user}/contact-methods/{int:id}/verify")
@needs(Needs.SELF)
def verify(request: HttpRequest, user: int, id: int, body: CodeBody) -> ContactMethodShape:
    """Prove it by the code that was sent."""
    actor = own_or_administer(request, user)
    return shape(operations.verify(_method(user, id), body.code, by=actor, now=clock.now()))


@router.post("/users/{int:user}/contact-methods/{int:id}/test", response={202: dict})
@needs(Needs.SELF)
def send_test(request: HttpRequest, user: int, id: int) -> Status[NotificationShape]:
    """Send a test page by it; the answer's `id` is the notification that shows what becomes of it."""
    actor = own_or_administer(request, user)
    return Status(202, notification(operations.send_test(_method(user, id), by=actor, now=clock.now())))


@router.get("/users/{int:user}/notification-rules")
@needs(Needs.SELF)
def list_rules(request: HttpRequest, user: int, paging: Query[Paging]) -> Page[NotificationRuleShape]:
    """The person's own order and delays."""
    own_or_administer(request, user)
    return page(NotificationRule.objects.filter(user=_person(user)), paging, rule_shape, order=("urgency", "after_seconds", "id"))


@router.post("/users/{int:user}/notification-rules", response={201: dict})
@needs(Needs.SELF)
def add_rule(request: HttpRequest, user: int, body: RuleBody) -> Status[NotificationRuleShape]:
    """By this method, so many seconds after a page starts."""
    actor = own_or_administer(request, user)
    return Status(201, rule_shape(operations.add_rule(_person(user), **body.model_dump(), by=actor, now=clock.now())))


@router.delete("/users/{int:user}/notification-rules/{int:id}", response={204: None})
@needs(Needs.SELF)
def remove_rule(request: HttpRequest, user: int, id: int) -> Status[None]:
    """Take one line out."""
    actor = own_or_administer(request, user)
    rule = NotificationRule.objects.filter(pk=id, user_id=user).first()
    if rule is None:
        raise missing("notification rule")
    operations.remove_rule(rule, by=actor, now=clock.now())
    return Status(204, None)


@router.get("/users/{int:user}/readiness")
@needs(Needs.READ)
def readiness(request: HttpRequest, user: int) -> ReadinessShape:
    """Whether this person may start a first shift: they acknowledged a test page or any page, or an administrator let them off."""
    person = _person(user)
    row = Readiness.objects.filter(user=person).first()
    return {
        "ready": not ahead.unready({person.pk}), "acknowledged_at": row.acknowledged_at if row else None,
        "excused_at": row.excused_at if row else None, "reason": row.reason if row else "",
    }  # fmt: skip


@router.post("/users/{int:user}/readiness/test-page", response={201: dict})
@needs(Needs.SELF)
def rehearse(request: HttpRequest, user: int) -> Status[TestPagesShape]:
    """Send a test page by each verified way, to be acknowledged as a real one."""
    actor = own_or_administer(request, user)
    sent = ready.rehearse(_person(user), by=actor, now=clock.now())
    return Status(201, {"sent": [notification(row) for row in sent]})


@router.post("/users/{int:user}/readiness/excuse")
@needs(Needs.ADMINISTER)
def excuse(request: HttpRequest, user: int, body: ExcuseBody) -> ReadinessShape:
    """Let this person start without a test page, for a reason that is kept."""
    ready.excuse(_person(user), reason=body.reason, by=acting(request), now=clock.now())
    return readiness(request, user)


@router.get("/users/{int:user}/quiet-hours")
@needs(Needs.SELF)
def get_quiet(request: HttpRequest, user: int) -> QuietHoursShape:
    """When what can wait does not reach the person."""
    own_or_administer(request, user)
    return _quiet(Quiet.objects.filter(user=_person(user)).first())


@router.put("/users/{int:user}/quiet-hours")
@needs(Needs.SELF)
def set_quiet(request: HttpRequest, user: int, body: QuietBody) -> QuietHoursShape:
    """Set or end them. What cannot wait always reaches the person."""
    actor = own_or_administer(request, user)
    return _quiet(operations.set_quiet(_person(user), **body.model_dump(), by=actor, now=clock.now()))


def _quiet(row: Quiet | None) -> QuietHoursShape:
    return {"starts": row.starts.isoformat("minutes") if row else None, "ends": row.ends.isoformat("minutes") if row else None}


@router.post("/users/{int:user}/calendar-feed", response={201: dict})
@needs(Needs.SELF)
def issue_feed(request: HttpRequest, user: int) -> Status[FeedShape]:
    """A new address for the calendar feed of this person's shifts; the one before stops working. It is shown once."""
    actor = own_or_administer(request, user)
    token = oncall.issue_feed(user=_person(user), by=actor, now=clock.now())
    return Status(201, {"url": f"{settings.TOCSIN_URL}/oncall/{token}.ics"})


@router.get("/users/{int:user}/notifications")
@needs(Needs.SELF)
def list_notifications(request: HttpRequest, user: int, paging: Query[Paging]) -> Page[NotificationShape]:
    """What this person was sent, newest first, and what became of each."""
    own_or_administer(request, user)
    rows = Notification.objects.filter(user=_person(user)).exclude(kind="canary").select_related("user")
    return page(rows, paging, notification, order=("-id",))


@router.get("/users/{int:user}/notifications/{int:id}")
@needs(Needs.SELF)
def get_notification(request: HttpRequest, user: int, id: int) -> NotificationShape:
    """One of them."""
    own_or_administer(request, user)
    return notification(_notification(user, id))


@router.post("/users/{int:user}/notifications/{int:id}/shown", response={204: None})
@needs(Needs.SELF)
def shown(request: HttpRequest, user: int, id: int) -> Status[None]:
    """The person's open page has shown it: an on-screen page is delivered by that."""
    own_or_administer(request, user)
    operations.shown(_notification(user, id), clock.now())
    return Status(204, None)


def _notification(user: int, id: int) -> Notification:
    found = Notification.objects.filter(pk=id, user_id=user).exclude(kind="canary").select_related("user").first()
    if found is None:
        raise missing("notification")
    return found
