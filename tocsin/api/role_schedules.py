"""Which schedule fills which role of an incident, over HTTP."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.models import Team
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting
from tocsin.api.paging import Page
from tocsin.api.shapes import Body, NamedShape, named
from tocsin.lib.refusal import invalid
from tocsin.oncall import operations_roles
from tocsin.oncall.models import RoleSchedule
from tocsin.procedures import operations as procedures

router = Router(tags=["Schedules"])


class RolesBody(Body):
    """From which schedules roles of incidents are filled."""

    team: int | None = Field(None, description="Whose incidents; left out: those of every team that says nothing else.")
    roles: dict[str, int | None] = Field(
        max_length=50, description='The schedule of each role: {"incident_commander": 3}; null: people take it.'
    )


class RoleScheduleShape(TypedDict):
    """From which schedule a role of incidents is filled."""

    role: str
    team: Annotated[int | None, Field(description="Null: of every team that says nothing else.")]
    schedule: NamedShape


def _all() -> Page[RoleScheduleShape]:
    rows = RoleSchedule.objects.filter(schedule__removed_at=None).select_related("schedule").order_by("id")[:500]
    return {"items": [{"role": row.role, "team": row.team_id, "schedule": named(row.schedule)} for row in rows], "next": None}


@router.get("/role-schedules")
@needs(Needs.READ)
def list_roles(request: HttpRequest) -> Page[RoleScheduleShape]:
    """Which roles are filled from schedules (the first 500)."""
    return _all()


@router.put("/role-schedules")
@needs(Needs.ADMINISTER)
def put_roles(request: HttpRequest, body: RolesBody) -> Page[RoleScheduleShape]:
    """Say by which schedule roles are filled; roles that are not named stay as they are."""
    team = Team.objects.filter(pk=body.team, removed_at=None).first() if body.team is not None else None
    if body.team is not None and team is None:
        raise invalid(team="There is no such team.")
    known = {role.id: role.title for role in procedures.document(procedures.current()).roles}
    operations_roles.fill_from(body.roles, known=known, team=team, by=acting(request), now=clock.now())
    return _all()
