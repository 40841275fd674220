"""How are the secrets of one-time codes kept? Sealed: a dump of the database does not let anybody in (R20)."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter

from tocsin.lib.sealing import box

PURPOSE = "second-factor"


class MFAAdapter(DefaultMFAAdapter):
    """allauth's, with its hooks for encryption filled in."""

    def encrypt(self, text: str) -> str:
        """The secret of an authenticator or of recovery codes, sealed."""
        return box(PURPOSE).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret again. Raises InvalidToken where the secret key is another one."""
        return box(PURPOSE).decrypt(encrypted_text.encode()).decode()
