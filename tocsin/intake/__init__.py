"""How does an event get in, durably and fast? Plain ASGI, no Django."""
