"""The public page as a whole over HTTP: its name, and publishing it anew."""

from __future__ import annotations

from typing import Annotated, Literal

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from ninja import Field, Router, Status
from typing_extensions import TypedDict

from tocsin.accounts.permissions import Needs, needs
from tocsin.api.components import ComponentShape
from tocsin.api.components import shape as component
from tocsin.api.shapes import At, Body
from tocsin.api.shapes import rfc3339 as stamp
from tocsin.statuspage import operations
from tocsin.statuspage.jobs import publish
from tocsin.statuspage.models import StatusPage

router = Router(tags=["Status page"])


class PageBody(Body):
    """How the status page calls itself."""

    name: str | None = None
    support_url: str | None = None


class StatusPageShape(TypedDict):
    """The public page, with its components."""

    code: Annotated[str, Field(description="Its id in Statuspage's form.")]
    name: str
    url: str
    time_zone: str
    support_url: str
    published_at: At | None
    components: list[ComponentShape]


class AcceptedShape(TypedDict):
    """It will be done."""

    status: Literal["accepted"]


def _shape(page: StatusPage) -> StatusPageShape:
    return {
        "code": page.code, "name": page.name, "url": f"{settings.TOCSIN_URL}/status/", "time_zone": page.time_zone, "support_url": page.support_url,
        "published_at": stamp(page.published_at), "components": [component(row) for row in page.components.filter(removed_at=None)],
    }  # fmt: skip


@router.get("/status-page")
@needs(Needs.READ)
def read(request: HttpRequest) -> StatusPageShape:
    """The page with its components."""
    return _shape(operations.default_page())


@router.patch("/status-page")
@needs(Needs.ADMINISTER)
def change(request: HttpRequest, body: PageBody) -> StatusPageShape:
    """Rename it, or give it another address for support; it is published at once."""
    with transaction.atomic():
        page = operations.default_page()
        name = page.name if body.name is None else body.name
        operations.change_page(name=name, support_url=page.support_url if body.support_url is None else body.support_url)
        publish.defer()
    return _shape(operations.default_page())


@router.post("/status-page/publish", response={202: dict})
@needs(Needs.RESPOND)
def publish_again(request: HttpRequest) -> Status[AcceptedShape]:
    """Write the files again from what the database says."""
    with transaction.atomic():
        publish.defer()
    return Status(202, {"status": "accepted"})
