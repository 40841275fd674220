"""What would a silence for these alerts hold back, said before it is made?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.accounts.actor import Actor
from tocsin.alerts import listing
from tocsin.alerts.models import Alert, Service
from tocsin.domain.alert_filters import AlertFilter
from tocsin.lib.refusal import invalid
from tocsin.response import frame, silenced_now

MOST_MATCHERS = 20  # of a silence
_NARROWING = {
    "severity": "severity", "team": "team", "integration": "integration", "ack": "acknowledgement", "held": "silences", "flapping": "flapping",
    "incident": "incident", "q": "words", "older": "age", "newer": "age",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SilencePlan:
    """The labels (name, value) and the service that a silence would go by, and what it would do in sentences."""

    labels: tuple[tuple[str, str], ...]
    service: int | None
    service_name: str
    sentences: tuple[str, ...]


def plan(
    *, alert_ids: Sequence[int] = (), wanted: AlertFilter | None = None, kept: Sequence[tuple[str, str]] | None = None, by: Actor,
    now: datetime, stop_paging: bool = True,
) -> SilencePlan:  # fmt: skip
    """From chosen alerts what all of them share, from filters their labels and service. `kept`: only these of the labels.

    Raises Refused where nothing is left to go by.
    """
    frame.require_responder(by)
    said: list[str] = []
    if wanted is not None:
        labels, services = list(wanted.label), set(wanted.service)
        if left := [word for name, word in _NARROWING.items() if getattr(wanted, name) != getattr(AlertFilter(), name)]:
            said.append(
                f"A silence goes by labels and service: it is wider than the filter, which also narrows by {', '.join(dict.fromkeys(left))}."
            )
    else:
        labels, services = _shared(alert_ids)
    labels = [pair for pair in labels if kept is None or pair in kept][:MOST_MATCHERS]
    service = Service.objects.filter(pk__in=services, removed_at=None).first() if len(services) == 1 else None
    if not labels and service is None:
        raise invalid(
            alerts="There is no label or single service that a silence could go by; filter by a label or a service, or choose fewer alerts."
        )
    number = listing.count(AlertFilter(label=tuple(labels), service=(service.pk,) if service else ()), now)
    about = [f"{name}={value}" for name, value in labels] + ([f"the service {service.name}"] if service else [])
    said.insert(0, f"New pages of alerts with {', '.join(about)} are held back until it ends.")
    said.append(f"{number} firing alert{'' if str(number) == '1' else 's'} match{'es' if str(number) == '1' else ''} it now.")
    matchers = [{"name": name, "value": value} for name, value in labels]
    said += silenced_now.look(matchers, [service.pk] if service else None, now, by).sentences(stop=stop_paging)
    return SilencePlan(tuple(labels), service.pk if service else None, service.name if service else "", tuple(said))


def _shared(alert_ids: Sequence[int]) -> tuple[list[tuple[str, str]], set[int]]:
    """The labels that every one of the alerts has with the same value, and their services (none where one has none)."""
    rows = list(Alert.objects.filter(pk__in=alert_ids).values_list("labels", "service_id"))
    if not rows:
        raise invalid(alerts="Select at least one alert.")
    common = set.intersection(*({(str(name), str(value)) for name, value in labels.items()} for labels, _ in rows))
    services = {service for _, service in rows}
    return sorted(common), set() if None in services else {service for service in services if service is not None}
