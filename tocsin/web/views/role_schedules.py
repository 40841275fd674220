"""The page that says which schedule fills which role of an incident, for everybody and for single teams."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.models import Team
from tocsin.accounts.permissions import Needs, needs
from tocsin.lib.refusal import Refused, missing
from tocsin.oncall import operations_roles, queries
from tocsin.oncall.models import RoleSchedule
from tocsin.procedures import operations as procedures
from tocsin.web import pages


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def role_schedules(request: HttpRequest) -> HttpResponse:
    """Each role of the procedure in force, and by which schedule it is filled; administrators choose."""
    known = {role.id: role.title for role in procedures.document(procedures.current()).roles}
    team = _team(request.GET.get("team", ""))
    if request.method == "POST":
        if not pages.actor(request).is_administrator:
            raise Refused("Only administrators say how roles are filled.", status=403)
        chosen = {role: pages.number(request, f"role-{role}") for role in known}
        by, now = pages.actor(request), pages.now(request)
        here = reverse("role_schedules") + (f"?team={team.pk}" if team else "")
        return pages.act(request, lambda: operations_roles.fill_from(chosen, known=known, team=team, by=by, now=now), here, "Saved.")
    filled = dict(RoleSchedule.objects.filter(team=team).values_list("role", "schedule_id"))
    context = {
        "roles": [(role, title, filled.get(role)) for role, title in known.items()], "schedules": list(queries.active()), "team": team,
        "teams": Team.objects.filter(removed_at=None).order_by("name")[:500],
    }  # fmt: skip
    return pages.page(request, "schedules/roles.html", context)


def _team(text: str) -> Team | None:
    if not text:
        return None
    found = Team.objects.filter(pk=int(text), removed_at=None).first() if text.isascii() and text.isdigit() and len(text) < 18 else None
    if found is None:
        raise missing("team")
    return found
