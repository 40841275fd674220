"""How do events get in? Plain ASGI, without Django: receive, batch, write, answer."""
