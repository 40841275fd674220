"""Somebody who was asked to come, or to take over, answers from a page; who asked takes it back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from tocsin.accounts.permissions import Needs, needs
from tocsin.response.answer_ask import answer_ask, withdraw_ask
from tocsin.web import pages


@needs(Needs.SELF)
@require_POST
def answer(request: HttpRequest, ask_id: int) -> HttpResponse:
    """Coming, or not."""
    given, note = request.POST.get("answer", ""), request.POST.get("note", "").strip()
    said = {"ask_id": ask_id, "answer": given, "note": note, "by": pages.actor(request), "now": pages.now(request)}
    return pages.act(request, lambda: answer_ask(**said), pages.back(request, "/"), "Noted; whoever asked sees it.")


@needs(Needs.RESPOND)
@require_POST
def withdraw(request: HttpRequest, ask_id: int) -> HttpResponse:
    """Not needed any more."""
    said = {"ask_id": ask_id, "by": pages.actor(request), "now": pages.now(request)}
    return pages.act(request, lambda: withdraw_ask(**said), pages.back(request, "/"), "Taken back.")
