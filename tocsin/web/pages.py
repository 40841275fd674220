"""How does a view answer? A page or one fragment of it; a form that did something; a form that was refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from tocsin.accounts.actor import Actor
from tocsin.lib.refusal import Refused
from tocsin.web import house

MOST_TICKED = 1_000  # as many as a form has fields: of fewer, those beyond would count as unticked


def now(request: HttpRequest):
    """The time of this request, read once."""
    return house.of(request).now


def actor(request: HttpRequest) -> Actor:
    """Who acts through this page."""
    known = getattr(request, "actor", None)
    return known if isinstance(known, Actor) else Actor.of(request.user, "web", request.META.get("REMOTE_ADDR"))  # type: ignore[arg-type]


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, fragments: Mapping[str, str] | None = None, status: int = 200
) -> HttpResponse:
    """The page; or with `?fragment=name` the one named part of it, as live pages fetch it."""
    name = request.GET.get("fragment")
    if name is not None:
        if name not in (fragments or {}):
            raise Http404
        template = (fragments or {})[name]
    return render(request, template, dict(context), status=status)


def act(request: HttpRequest, verb: Callable[[], object], to: str, said: str = "") -> HttpResponse:
    """Do it and go to `to` (see other), with a sentence; a refusal is shown there instead, a thing that is not there is a 404."""
    try:
        verb()
    except Refused as refused:
        if refused.status == 404:
            raise Http404(refused.detail) from refused
        messages.error(request, sentence(refused))
    else:
        if said:
            messages.success(request, said)
    return go(to)


def sentence(refused: Refused) -> str:
    """The refusal for people: the sentences alone, without the names of fields."""
    return " ".join(refused.errors.values()) or refused.detail


def go(to: str) -> HttpResponse:
    """See other: the answer to a form that worked."""
    response = HttpResponseRedirect(to)
    response.status_code = 303
    return response


def back(request: HttpRequest, default: str) -> str:
    """Where the form said it wants to return to, if that is a page of ours."""
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/") else default


def text(request: HttpRequest, name: str, limit: int = 4000) -> str:
    """A posted text, trimmed; line ends as \\n. Longer than `limit` is refused with a sentence at that field."""
    value = request.POST.get(name, "").replace("\r\n", "\n").strip()
    if len(value) > limit:
        raise Refused(f"At most {limit:,} characters.", errors={name: f"At most {limit:,} characters; this has {len(value):,}."})
    return value


def number(request: HttpRequest, name: str) -> int | None:
    """A posted whole number; None where the field is empty."""
    value = request.POST.get(name, "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise Refused("A whole number is needed here.", errors={name: "A whole number is needed here."})
    return int(value)


def numbers(request: HttpRequest, name: str) -> list[int]:
    """What is ticked of a list: ids."""
    return [int(value) for value in request.POST.getlist(name)[:MOST_TICKED] if _is_id(value)]


def were(request: HttpRequest, name: str) -> set[int]:
    """What was ticked of a list when its form was shown, by its field `was-NAME`: ids in one text, because a form has at most 1,000 fields."""
    return {int(value) for value in request.POST.get(f"was-{name}", "").split(",") if _is_id(value)}


def ticked(request: HttpRequest, name: str, now: set[int]) -> list[int]:
    """What holds after a form of which only a part may have been shown: `now`, with what it ticked and without what it unticked. The form says
    by `was-NAME` what was ticked when it was shown; where it does not, what is not ticked is out."""
    chosen = set(numbers(request, name))
    shown = were(request, name) if f"was-{name}" in request.POST else now
    return sorted((now | chosen) - (shown - chosen))


def kept(request: HttpRequest, stored: dict[str, Any]) -> dict[str, Any]:
    """What a form shows again that was refused: what was entered instead of what is stored, ids as numbers."""
    found: dict[str, Any] = {}
    for name, value in stored.items():
        typed = request.POST.get(name)
        if isinstance(value, bool):
            found[name] = typed == "on"
        elif typed is None:
            found[name] = value
        else:
            found[name] = int(typed) if _is_id(typed) and not isinstance(value, str) else typed
    return found


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 18
