"""The pages of people: everybody, one person with how they are reached, adding, inviting, removing, and one's own settings."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts import operations, operations_tokens, rules
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import ApiToken, Role, Team, User
from tocsin.accounts.permissions import Needs, needs
from tocsin.domain.ports import LinkedByCode
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib.refusal import Refused, missing
from tocsin.oncall.models import Readiness
from tocsin.paging import operations_contacts as contacts
from tocsin.paging import operations_push
from tocsin.paging.models import ContactMethod, NotificationRule
from tocsin.response import ahead, ready
from tocsin.response.remove_person import remove_person, restore_person
from tocsin.web import named, pages
from tocsin.web.views import people_reach

SHOWN = 500


@needs(Needs.READ)
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with their role, teams and whether a page can reach them; every team."""
    crew = named.listed(request, User.objects.filter(removed_at=None).prefetch_related("teams").order_by("name", "id"), "name", "email")
    ways = ContactMethod.objects.filter(user__in=list(crew), removed_at=None, enabled=True, verified_at__isnull=False)
    reached = set(ways.values_list("user_id", flat=True))
    teams = Team.objects.filter(removed_at=None, name__icontains=crew.q).prefetch_related("members").order_by("name")[:SHOWN]
    gone = User.objects.exclude(removed_at=None).order_by("-removed_at")[:20] if pages.actor(request).is_administrator else []
    return pages.page(request, "people/list.html", {"people": crew, "reached": reached, "teams": teams, "gone": gone})


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Add a person; they get a link by which they choose a password."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        by, now = pages.actor(request), pages.now(request)
        try:
            user = operations.add_user(
                name=pages.text(request, "name", 120),
                email=pages.text(request, "email", 254),
                role=pages.text(request, "role", 20) or Role.RESPONDER,
                time_zone=pages.text(request, "time_zone", 64),
                teams=pages.numbers(request, "teams"),
                by=by,
                now=now,
            )
            link = operations_tokens.invite(user.pk, by=by, now=now)
        except Refused as refused:
            errors = refused.errors or {"": refused.detail}
        else:
            return pages.page(request, "people/invited.html", {"person": user, "link": link})
    return pages.page(request, "people/new.html", {**_choices(), "errors": errors, "form": request.POST}, status=422 if errors else 200)


@needs(Needs.SELF)
def me(request: HttpRequest) -> HttpResponse:
    """The way to one's own page."""
    return pages.go(reverse("person", args=[request.user.pk]))


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    """One person; they themselves and administrators change things here."""
    somebody = User.objects.filter(pk=user_id, removed_at=None).first()
    if somebody is None:
        raise Http404
    by = pages.actor(request)
    own = by.user is not None and by.user.pk == somebody.pk
    if request.method == "POST":
        if not own and not by.is_administrator:
            raise Refused("You can change only your own page.", status=403)
        deed = DEEDS.get(request.POST.get("deed", ""))
        if deed is None:
            raise Http404
        return deed(request, somebody, by)
    return _show(request, somebody, by)


def _show(request: HttpRequest, somebody: User, by: Actor, errors: dict[str, str] | None = None, link: str = "") -> HttpResponse:
    own = by.user is not None and by.user.pk == somebody.pk
    may_edit = own or by.is_administrator
    methods = ContactMethod.objects.filter(user=somebody, removed_at=None).order_by("id")
    context = {
        "person": somebody,
        "own": own,
        "may_edit": may_edit,
        "methods": methods,
        "readiness": Readiness.objects.filter(user=somebody).first(),
        "unready": bool(ahead.unready({somebody.pk})),
        "rules": NotificationRule.objects.filter(user=somebody, contact_method__removed_at=None)
        .select_related("contact_method")
        .order_by("urgency", "after_seconds"),
        "kinds": [(kind, NOTIFIERS[kind].label) for kind in NOTIFIERS if kind != operations_push.KIND],  # a browser subscribes itself
        "abilities": [(one.label, one.abilities.words) for one in NOTIFIERS.values()],
        "by_link": [kind for kind in NOTIFIERS if isinstance(NOTIFIERS[kind], LinkedByCode)],
        "invitations": {one.pk: found for one in methods if may_edit and (found := contacts.invitation(one, pages.now(request)))},
        "push_key": operations_push.public_key(pages.now(request)) if own else "",
        "tokens": ApiToken.objects.filter(user=somebody, revoked_at=None).order_by("-id") if may_edit else [],
        "errors": errors or {},
        "form": request.POST,
        **_about(request, somebody, bool(errors) and request.POST.get("deed") == "save"),
        "link": link,
        "open_invitation": operations_tokens.open_invitation(somebody, pages.now(request)) if by.is_administrator else None,
        **(people_reach.context(somebody) if may_edit else {}),
        **_choices(),
    }
    return pages.page(request, "people/person.html", context, status=422 if errors else 200)


def _about(request: HttpRequest, somebody: User, refused: bool) -> dict[str, object]:
    """What stands in the form about somebody: what is stored, or what a refused one held."""
    fields = ("name", "email", "role", "phone", "time_zone", "country", "subdivision", "theme", "single_keys")
    stored, teams = {field: getattr(somebody, field) for field in fields}, set(somebody.teams.values_list("pk", flat=True))
    if not refused:
        return {"about": stored, "in_teams": teams, "was_teams": teams}
    return {
        "about": pages.kept(request, stored), "in_teams": set(pages.numbers(request, "teams")),
        "was_teams": pages.were(request, "teams"),
    }  # fmt: skip


def _tried(request: HttpRequest, somebody: User, by: Actor, verb: Callable[[], object], said: str) -> HttpResponse:
    try:
        verb()
    except Refused as refused:
        if refused.status in (403, 404):
            raise
        return _show(request, somebody, by, refused.errors or {"": refused.detail})
    return pages.act(request, lambda: None, reverse("person", args=[somebody.pk]), said)


def _save(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    def save() -> None:
        fields = ["name", "time_zone", "country", "subdivision", "phone", "theme"] + (["email", "role"] if by.is_administrator else [])
        changes: dict[str, object] = {field: pages.text(request, field, 254) for field in fields if field in request.POST}
        changes["single_keys"] = request.POST.get("single_keys") == "on"
        if by.is_administrator and "teams_shown" in request.POST:
            changes["teams"] = pages.ticked(request, "teams", set(somebody.teams.values_list("pk", flat=True)))
        operations.change_user(somebody.pk, changes, by=by, now=pages.now(request))

    return _tried(request, somebody, by, save, "Saved.")


def _remove(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    if not by.is_administrator:
        raise Refused("Only administrators remove people.", status=403)
    name = somebody.name
    try:
        _, named = remove_person(somebody.pk, by=by, now=pages.now(request))
    except Refused as refused:
        return _show(request, somebody, by, {"": refused.detail})
    left = (
        f" Still named in {', '.join(named[:10])}: turns go to the next in the order, and steps that name nobody else page nobody."
        if named
        else ""
    )
    return pages.act(request, lambda: None, reverse("people"), f"{name} was removed and is signed out everywhere.{left}")


def _restore(request: HttpRequest, user_id: int, by: Actor) -> User:
    return restore_person(user_id, by=by, now=pages.now(request))


@needs(Needs.ADMINISTER)
@require_http_methods(["POST"])
def restore(request: HttpRequest, user_id: int) -> HttpResponse:
    """Take a removed person back in."""
    return pages.act(
        request,
        lambda: _restore(request, user_id, pages.actor(request)),
        reverse("person", args=[user_id]),
        "Back again. Put them into their teams.",
    )


def _invite(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    if not by.is_administrator:
        raise Refused("Only administrators make such links.", status=403)
    link = operations_tokens.invite(somebody.pk, by=by, now=pages.now(request))
    return pages.page(request, "people/invited.html", {"person": somebody, "link": link})


def _add_method(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    kind, address = pages.text(request, "kind", 30), pages.text(request, "address", 1000)
    label, now = pages.text(request, "label", 120), pages.now(request)
    return _tried(
        request, somebody, by, lambda: contacts.add_method(somebody, kind=kind, address=address, label=label, by=by, now=now), "Added."
    )


def _method_of(request: HttpRequest, somebody: User) -> ContactMethod:
    found = (
        ContactMethod.objects.filter(pk=pages.number(request, "method") or 0, user=somebody, removed_at=None).select_related("user").first()
    )
    if found is None:
        raise missing("contact method")
    return found


def _verify(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    method, code = _method_of(request, somebody), pages.text(request, "code", 20)
    return _tried(
        request, somebody, by, lambda: contacts.verify(method, code, by=by, now=pages.now(request)), "Verified: pages can reach you there."
    )


def _code(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    method = _method_of(request, somebody)
    return _tried(request, somebody, by, lambda: contacts.send_code(method, by=by, now=pages.now(request)), "A new code is on its way.")


def _test(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    method = _method_of(request, somebody)
    return _tried(request, somebody, by, lambda: contacts.send_test(method, by=by, now=pages.now(request)), "A test page is on its way.")


def _rehearse(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    said = "A test page is on its way by each proved way. Acknowledge it as you would a real one."
    return _tried(request, somebody, by, lambda: ready.rehearse(somebody, by=by, now=pages.now(request)), said)


def _excuse(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    reason = request.POST.get("reason", "")
    return _tried(request, somebody, by, lambda: ready.excuse(somebody, reason=reason, by=by, now=pages.now(request)), "They may start.")


def _switch(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    method = _method_of(request, somebody)
    said = "Switched off: pages go by the other ways." if method.enabled else "Switched on: it is used from the next page on."
    return _tried(
        request, somebody, by, lambda: contacts.change_method(method, enabled=not method.enabled, by=by, now=pages.now(request)), said
    )


def _drop_method(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    method = _method_of(request, somebody)
    return _tried(request, somebody, by, lambda: contacts.remove_method(method, by=by, now=pages.now(request)), "Removed.")


def _add_rule(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    def add() -> None:
        method, minutes = _method_of(request, somebody), pages.number(request, "minutes") or 0
        urgency = "low" if request.POST.get("urgency") == "low" else "high"
        contacts.add_rule(
            somebody, contact_method=method.pk, after_seconds=min(minutes, 10_000) * 60, urgency=urgency,
            repeats=pages.number(request, "repeats") or 0, repeat_seconds=min(pages.number(request, "every") or 5, 10_000) * 60, by=by,
            now=pages.now(request),
        )  # fmt: skip

    return _tried(request, somebody, by, add, "Added.")


def _quiet(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    def save() -> None:
        starts, ends = people_reach.time_of(request, "quiet_starts"), people_reach.time_of(request, "quiet_ends")
        contacts.set_quiet(somebody, starts=starts, ends=ends, by=by, now=pages.now(request))

    return _tried(request, somebody, by, save, "Saved.")


def _drop_rule(request: HttpRequest, somebody: User, by: Actor) -> HttpResponse:
    rule = NotificationRule.objects.filter(pk=pages.number(request, "rule") or 0, user=somebody).first()
    if rule is None:
        raise missing("rule")
    return _tried(request, somebody, by, lambda: contacts.remove_rule(rule, by=by, now=pages.now(request)), "Removed.")


DEEDS: dict[str, Callable[[HttpRequest, User, Actor], HttpResponse]] = {
    "save": _save,
    "remove": _remove,
    "invite": _invite,
    "add_method": _add_method,
    "verify": _verify,
    "code": _code,
    "test": _test,
    "rehearse": _rehearse,
    "excuse": _excuse,
    "switch": _switch,
    "drop_method": _drop_method,
    "add_rule": _add_rule,
    "drop_rule": _drop_rule,
    "quiet": _quiet,
}


def _choices() -> dict[str, object]:
    return {
        "roles": Role.choices,
        "zones": sorted(rules.zones()),
        "teams": Team.objects.filter(removed_at=None).order_by("name")[:SHOWN],
        "organisation": operations.organisation(),
    }
