"""How does a rule say no? One exception that every surface turns into its own form of a clear sentence."""

from __future__ import annotations


class Refused(Exception):
    """A request that cannot be carried out as it stands; nothing was changed.

    `detail` is one sentence for the person; `errors` names each field with a sentence that says what would be right;
    `status` is the HTTP status that fits: 404 not there (or not theirs), 403 not allowed, 409 not now, 422 not valid.
    """

    def __init__(self, detail: str, *, status: int = 422, errors: dict[str, str] | None = None, code: str = "refused") -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.errors = errors or {}
        self.code = code


def invalid(**errors: str) -> Refused:
    """Fields that are not valid: one sentence each."""
    return Refused("; ".join(f"{name}: {sentence}" for name, sentence in errors.items()), errors=errors, code="invalid")


def missing(what: str) -> Refused:
    """Something that does not exist, or that this person may not know of."""
    return Refused(f"There is no such {what}.", status=404, code="not_found")
