"""Web Push: pages to a browser that somebody subscribed, sleeping phones included."""
