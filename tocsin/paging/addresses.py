"""What is stored of an address that is a secret, and what is it when a page goes there?"""

from __future__ import annotations

from tocsin.domain.ports import SecretAddress
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib import sealing
from tocsin.paging.models import ContactMethod

PURPOSE = "contact method"


def kept(kind: str, address: str) -> tuple[str, str]:
    """What is stored of a checked address: what people may see of it, and the whole of it encrypted where that is a secret (else "")."""
    notifier = NOTIFIERS[kind]
    if not isinstance(notifier, SecretAddress):
        return address, ""
    return notifier.visible(address), sealing.box(PURPOSE).encrypt(address.encode()).decode()


def address_of(method: ContactMethod) -> str:
    """The whole address, as the notifier wants it."""
    return sealing.box(PURPOSE).decrypt(method.sealed.encode()).decode() if method.sealed else method.address
