"""The page of a policy's past: what it said before, what each change changed, and the way back."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.lib.refusal import Refused
from tocsin.paging import operations_policies, versions
from tocsin.paging.models import PolicyVersion
from tocsin.web import escalation_names, pages

A_PAGE = 20  # versions on one page


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def history(request: HttpRequest, policy_id: int) -> HttpResponse:
    """Every version of one policy, the newest first."""
    policy = operations_policies.policy_of(policy_id)
    if request.method == "POST":
        if not pages.actor(request).is_administrator:
            raise Refused("Only administrators change escalation policies.", status=403)
        number = pages.number(request, "version") or 0
        by, now = pages.actor(request), pages.now(request)
        here, said = reverse("escalation_history", args=[policy.pk]), f"The policy says again what version {number} said."
        return pages.act(request, lambda: operations_policies.restore_version(policy, number, by=by, now=now), here, said)
    rows = Paginator(PolicyVersion.objects.filter(policy=policy).order_by("-number"), A_PAGE).get_page(request.GET.get("page"))
    shown = list(rows)
    before = PolicyVersion.objects.filter(policy=policy, number=shown[-1].number - 1).first() if shown else None
    names = escalation_names.now()

    def name(target: dict[str, object]) -> str:
        return str(escalation_names.shown(target, names, pages.now(request))["label"])

    lines = [
        {"row": row, "changes": versions.changes(older.content, row.content, name) if older else [row.note or "made"]}
        for row, older in zip(shown, [*shown[1:], before], strict=True)
    ]
    newest = policy.versions.order_by("-number").first()
    return pages.page(request, "escalation/history.html", {"policy": policy, "lines": lines, "page": rows, "newest": newest})
