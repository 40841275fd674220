"""What do Insping's webhooks say? The same as Freshping's, which it became."""

from __future__ import annotations

from tocsin.integrations.freshping.source import Freshping


class Insping(Freshping):
    """A webhook of Insping."""

    kind = "insping"
    label = "Insping"
    about = "In Insping, Integrations: add a Webhook with this callback URL:\n{address}"
    docs = ""


SOURCE = Insping()
