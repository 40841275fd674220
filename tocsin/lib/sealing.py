"""How is a secret kept so that a dump of the database does not tell it? Encrypted with a key that is not in the database."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

__all__ = ["InvalidToken", "box"]


@lru_cache(maxsize=16)
def _box(purpose: str, key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{purpose}:{key}".encode()).digest()))


def box(purpose: str) -> Fernet:
    """Seals and opens for one purpose: what one purpose sealed, no other opens. `decrypt` raises InvalidToken for anything else."""
    return _box(purpose, settings.SECRET_KEY)
