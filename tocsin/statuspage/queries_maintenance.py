"""What is the public told of a maintenance window now?"""

from __future__ import annotations

from tocsin.alerts.models import MaintenanceWindow
from tocsin.statuspage.models import Maintenance


def open_notice(window: MaintenanceWindow) -> Maintenance | None:
    """The announcement that is not over, or none."""
    return Maintenance.objects.filter(window=window, withdrawn_at=None).exclude(status="completed").first()
