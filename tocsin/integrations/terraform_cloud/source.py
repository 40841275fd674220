"""What does a run of HCP Terraform (Terraform Cloud) or Terraform Enterprise say?

Wire format: developer.hashicorp.com/terraform/cloud-docs "Notification configurations", payload versions 1 and 2.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus, SourceSeverity
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_body import body_of
from tocsin.integrations.reading_item import JsonSource, event, first, rows


class TerraformCloud(JsonSource):
    """A workspace's notification of type webhook; its verification is answered by any 2xx."""

    kind = "terraform_cloud"
    label = "HCP Terraform (Terraform Cloud)"
    category = "Changes"
    about = (
        "In HCP Terraform, workspace settings, Notifications: add a Webhook with this URL for runs that need attention, complete and fail, and for\n"
        "drift. Its verification message is answered. The key in the address authenticates it; X-TFE-Notification-Signature is not needed.\n{address}"
    )
    docs = "https://developer.hashicorp.com/terraform/cloud-docs/workspaces/settings/notifications"
    sample = {
        "payload_version": 1, "run_id": "run-FwnENkvDnrpyFC7M", "run_url": "https://app.terraform.io/app/shop/prod/runs/run-FwnENkvDnrpyFC7M",
        "workspace_name": "prod", "organization_name": "shop",
        "notifications": [{"trigger": "run:errored", "run_status": "errored", "message": "Run Errored"}],
    }  # fmt: skip

    def parse(self, received: Received) -> list[Event]:
        """What each notification of the body says."""
        body = body_of(received)
        if not isinstance(body, dict):
            raise UnreadableError("a JSON object was expected, as HCP Terraform sends it")
        said = [row for row in rows(body, "notifications") if isinstance(row, dict)] or [{"trigger": first(body, "trigger")}]
        return [found for row in said[: reading.MOST_LABELS] for found in self._read(row, body, received)]

    def _read(self, row: dict[str, Any], body: dict[str, Any], received: Received) -> list[Event]:
        trigger, run = first(row, "trigger") or first(body, "trigger"), first(body, "run_id")
        workspace = "/".join(part for part in (first(body, "organization_name"), first(body, "workspace_name")) if part)

        def of(status: EventStatus, key: str, severity: SourceSeverity | None = None) -> Event:
            return event(
                status, key, body, received, title=[f"{workspace}: {first(row, 'message') or trigger}" if workspace else first(row, "message"), trigger],
                severity=severity, service=first(body, "workspace_name"), started=[row.get("run_updated_at"), body.get("run_created_at")],
                link=[body.get("run_url")],
                labels={"workspace": workspace, "by": first(row, "run_updated_by") or first(body, "run_created_by"), "run": run, "trigger": trigger},
            )  # fmt: skip

        if trigger == "verification":
            return [of("handshake", "verification")]
        if trigger == "run:errored":
            return [of("firing", f"{workspace}:run", "error")]
        if trigger == "run:completed":
            return [of("change", f"run:{run}"), of("resolved", f"{workspace}:run")]
        if trigger in ("assessment:drifted", "assessment:check_failure", "assessment:failed"):
            return [of("firing", f"{workspace}:{trigger}", "warning")]
        return [of("none", f"run:{run}" if run else "none")]


SOURCE = TerraformCloud()
