"""What keeps others from spending the organisation's money on calls and texts, for programs."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.shapes import Body
from tocsin.paging import operations_telephones as operations
from tocsin.paging.models import TelephoneLimits

router = Router(tags=["Providers"])


class LimitsChange(Body):
    """What protects against paying for calls to strangers."""

    countries: list[str] | None = Field(
        None, max_length=250, description="ISO codes of the countries whose numbers may be added; empty: all."
    )
    codes_a_day: int | None = Field(None, description="Verification codes to telephones in a day, of everybody together.")


class TelephoneLimitsShape(TypedDict):
    """What protects against paying for calls to strangers."""

    countries: Annotated[list[str], Field(description="ISO codes of the countries whose numbers may be added; empty: all.")]
    codes_a_day: int


def shape(row: TelephoneLimits) -> TelephoneLimitsShape:
    """The limits as the API shows them."""
    return {"countries": row.countries, "codes_a_day": row.codes_a_day}


@router.get("/telephone-limits")
@needs(Needs.ADMINISTER)
def get_limits(request: HttpRequest) -> TelephoneLimitsShape:
    """Which numbers may be added, and how many codes a day are sent. Pages to verified numbers go on whatever it says."""
    return shape(operations.limits())


@router.patch("/telephone-limits")
@needs(Needs.ADMINISTER)
def change_limits(request: HttpRequest, body: LimitsChange) -> TelephoneLimitsShape:
    """Change what is given."""
    return shape(operations.change_limits(**body.model_dump(), by=request.actor, now=clock.now()))  # type: ignore[attr-defined]
