"""What may programs do over HTTP? Tocsin's own REST API at /api/v1: a router for each resource, one gate (web/gate.py) before all."""

# Prefix and module under tocsin.api whose `router` answers there (mounted by api/mount.py). Several modules may share a prefix.
ROUTERS: list[tuple[str, str]] = [
    ("/users", "users"),
    ("/teams", "teams"),
    ("/tokens", "tokens"),
    ("", "organisation"),
    ("", "procedure"),
    ("/incidents", "incidents"),
    ("/incidents", "incident_work"),
    ("/action-items", "action_items"),
    ("/tickets", "tickets"),
    ("/schedules", "schedules"),
    ("/escalation-policies", "escalation_policies"),
    ("/oncall", "oncall"),
    ("", "contact_methods"),
    ("/alerts", "alerts"),
    ("/services", "services"),
    ("", "integrations"),
    ("/events", "events"),
    ("/change-events", "change_events"),
    ("/silences", "silences"),
    ("/routing-rules", "routing_rules"),
    ("/subscribers", "subscribers"),
    ("", "components"),
    ("", "status_page"),
    ("", "postmortems"),
]
