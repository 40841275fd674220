"""A procedure short enough to read in a test: four severities, three roles, the six steps' lines."""

from tocsin.domain.procedure.model import Block, Communication, Example, Item, Procedure, Reach, Response, Role, Severity, Step


def _items(*texts: str) -> tuple[Item, ...]:
    return tuple(Item(text.lower().replace(" ", "-"), text) for text in texts)


SMALL = Procedure(
    title="Small",
    scope="",
    severities=(
        Severity(
            "SEV1", "Critical", "Down", Response("Within 5 minutes", 5), Reach("Page on-call + leadership", ("on_call", "leadership")),
            Communication("Status page update within 15 minutes", "public", 15, 15), (Example("Security breach detected", private=True),),
            1, postmortem_required=True, watch_minutes=30,
        ),
        Severity(
            "SEV2", "High", "Degraded", Response("Within 15 minutes", 15), Reach("Page on-call engineer", ("on_call",)),
            Communication("Status page update within 30 minutes", "public", 30, 30), (), 2, postmortem_required=True, watch_minutes=30,
        ),
        Severity(
            "SEV3", "Medium", "Minor", Response("Within 1 hour", 60), Reach("Slack notification to team", team_channel=True),
            Communication("Internal update", "internal", 60, 180), (), 3,
        ),
        Severity("SEV4", "Low", "Workaround", Response("Next business day", business_days=1), Reach("Create ticket", ticket=True),
            rank=4, channel=False),
    ),
    steps=(
        Step("assess", 1, "Acknowledge and Assess", (Block(items=_items("**Acknowledge the alert** within SLA",
            "**Verify the incident** is real", "**Assess severity**", "**Create incident channel**")),)),
        Step("communicate", 2, "Communicate", (Block(template="declaration"),)),
        Step("diagnose", 3, "Diagnose", (Block("Initial Checks:", True, _items("Recent deployments?", "Traffic spike?")),
            Block("Data Gathering:", items=_items("Error rates")))),
        Step("mitigate", 4, "Mitigate", (Block("Priority Order:", True, _items("Restore service (even partially)",
            "Contain the blast radius", "Then investigate root cause")), Block("Common Mitigations:", items=_items("Redirect traffic")))),
        Step("resolve", 5, "Resolve and Verify", (Block(items=_items("Implement fix or mitigation", "Verify fix is working",
            "Monitor for recurrence", "Update status page", "Close incident")),)),
        Step("learn", 6, "Post-Incident", (Block(items=_items("Schedule post-mortem (within 48 hours)", "Document timeline",
            "Identify action items", "Share learnings")),)),
    ),
    roles=(Role("incident_commander", "Incident Commander"), Role("technical_lead", "Technical Lead"), Role("communications_lead",
        "Communications Lead")),
    templates=(),
)  # fmt: skip
