"""How do open pages learn what changed? Plain ASGI: server-sent events from NOTIFY."""
