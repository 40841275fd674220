"""Which alerts does a request mean? The filters of the list, of exports, of work on many and of stored views."""

from __future__ import annotations

from ninja import Field, Schema

from tocsin.domain import alert_filters
from tocsin.domain.alert_filters import AlertFilter, WrongFilterError
from tocsin.lib.refusal import invalid


class AlertFilters(Schema):
    """The same words as in the address of the page. Lists are written with commas, `label` may be repeated."""

    status: str = Field("", max_length=20, description="firing, resolved or all; all where it is left out.")
    severity: str = Field("", max_length=400, description="SEV1,SEV2")
    service: str = Field("", max_length=400, description="Ids of services.")
    team: str = Field("", max_length=400, description="Ids of teams.")
    integration: str = Field("", max_length=400, description="Ids of integrations.")
    ack: str = Field("", max_length=3, description="yes: somebody has it; no: nobody.")
    held: str = Field("", max_length=3, description="yes: a silence or a maintenance window holds its pages back.")
    flapping: str = Field("", max_length=3, description="yes or no.")
    incident: str = Field("", max_length=3, description="yes or no.")
    label: list[str] = Field(default_factory=list, description="name=value")
    q: str = Field("", description="Beginnings of words of the title or the dedup key.")
    older: str = Field("", max_length=10, description="First seen longer ago than: 30m, 2h, 7d.")
    newer: str = Field("", max_length=10, description="First seen since: 30m, 2h, 7d.")
    sort: str = Field("", max_length=20, description="newest, severity, last_seen or count.")

    def read(self, *, status: str = "all") -> AlertFilter:
        """As the list takes them. Raises Refused naming each that cannot be read."""
        try:
            return alert_filters.read(self.model_dump(), status=status)
        except WrongFilterError as wrong:
            raise invalid(**wrong.errors) from wrong
