"""How is a telephone reached by text or by call? Through accounts at providers; here is what a number and the two ways are."""

from __future__ import annotations

from tocsin.domain.ports import Abilities
from tocsin.integrations.channel import Channel
from tocsin.integrations.phone.numbers import e164

# A text rings like any other text: whoever mutes those is not woken.
SMS = Channel("sms", "Text message", Abilities(wakes=False, two_way=True, receipts=True), e164)
VOICE = Channel("voice", "Phone call", Abilities(wakes=True, two_way=True, receipts=True), e164)
