"""Which procedure is in force, and how does a new version come into force?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import AuditEntry, User
from tocsin.domain.procedure.default import default
from tocsin.domain.procedure.lint import Facts, lint
from tocsin.domain.procedure.model import Procedure
from tocsin.domain.procedure.plain import FormError, from_plain, to_plain
from tocsin.lib.refusal import Refused, missing
from tocsin.lib.statements import Read
from tocsin.procedures.models import ProcedureVersion

LOCK = 7_201_001  # advisory lock of this room: one publication at a time
NEWEST = "SELECT v.id FROM procedures_procedureversion v WHERE v.number IS NOT NULL ORDER BY v.number DESC LIMIT 1"
CURRENT = Read(  # without what it says: `document` keeps that in memory
    "SELECT {v}, {u} FROM procedures_procedureversion v LEFT JOIN accounts_user u ON u.id = v.author_id WHERE v.number IS NOT NULL"
    " ORDER BY v.number DESC LIMIT 1",
    without=frozenset({"document"}), v=ProcedureVersion, u=User,
)  # fmt: skip
NOTE_LIMIT = 2_000


def current() -> ProcedureVersion:
    """The version in force. On first use the default procedure is published as number 1."""
    found = CURRENT.first()
    if found is None:
        return _first()
    version: ProcedureVersion
    version, version.author = found
    return version


def document(version: ProcedureVersion) -> Procedure:
    """What the version says, as values. Published versions never change, so they are kept in memory."""
    if version.published_at is None:
        return from_plain(version.document)
    return _document(version.pk)


def in_force(newest: int | None) -> Procedure:
    """What the version in force says, which is kept in memory. `newest`: what the question NEWEST has answered."""
    return _document(newest or _first().pk)


def ask_in_force() -> Procedure:
    """The same, asked by itself: for whoever does not need to know which version that is."""
    with connection.cursor() as cursor:
        cursor.execute(NEWEST)
        row = cursor.fetchone()
    return in_force(row[0] if row else None)


def version(number: int) -> ProcedureVersion:
    """The published version of that number. Refuses (404) one that does not exist."""
    found = published().filter(number=number).first()
    if not found:
        raise missing(f"version of the procedure: {number}")
    return found


def published() -> QuerySet[ProcedureVersion]:
    """Every version that is or was in force, the newest first."""
    return ProcedureVersion.objects.filter(number__isnull=False).select_related("author").order_by("-number")


def drafts() -> QuerySet[ProcedureVersion]:
    """Every draft that nobody published or discarded, the last touched first."""
    open_ones = ProcedureVersion.objects.filter(number=None, discarded_at=None)
    return open_ones.select_related("author", "based_on").order_by("-updated_at")


def draft(pk: int) -> ProcedureVersion:
    """An open draft. Refuses (404) one that does not exist, is published or discarded."""
    found = drafts().filter(pk=pk).first()
    if not found:
        raise missing("draft of the procedure")
    return found


def save_draft(plain: Mapping[str, Any], *, by: Actor, now: datetime, note: str = "", draft_id: int | None = None) -> ProcedureVersion:
    """Keep a document that may still have lint findings, but can be read. A new draft is based on the version in force."""
    procedure = _readable(plain)
    with transaction.atomic():
        if draft_id is None:
            row = ProcedureVersion(based_on=current(), created_at=now, author=by.user)
        else:
            row = ProcedureVersion.objects.select_for_update().get(pk=draft(draft_id).pk)
        row.document, row.note, row.updated_at = to_plain(procedure), _note(note), now
        row.save()
        _audit("procedure.draft_saved", row, by, now)
    return row


def discard(draft_id: int, *, by: Actor, now: datetime) -> None:
    """Put a draft away; it stays in the database but is offered no more."""
    with transaction.atomic():
        row = ProcedureVersion.objects.select_for_update().get(pk=draft(draft_id).pk)
        row.discarded_at = now
        row.save(update_fields=["discarded_at"])
        _audit("procedure.draft_discarded", row, by, now)


def publish(
    draft_id: int, *, note: str, by: Actor, now: datetime, expected: int | None = None, facts: Facts | None = None
) -> ProcedureVersion:
    """Bring a draft into force under the next number. Open incidents keep the version that they were declared under.

    Refuses without a note, with lint errors (422), and (409) when another version came into force since the draft was begun, unless
    `expected` names the version that the author has seen.
    """
    if not note.strip():
        raise Refused("A note is needed: what changes, and why.", errors={"note": "Say what changes, and why."})
    with transaction.atomic():
        _lock()
        row = ProcedureVersion.objects.select_for_update().get(pk=draft(draft_id).pk)
        in_force = current()
        seen = expected if expected is not None else (row.based_on.number if row.based_on else None)
        if seen != in_force.number:
            raise Refused(
                f"Version {in_force.number} came into force after this draft was begun from version {seen}; compare with it first.",
                status=409, code="version_conflict",
            )  # fmt: skip
        refuse_errors(_readable(row.document), facts)
        row.number, row.note, row.published_at, row.updated_at = (in_force.number or 0) + 1, _note(note), now, now
        row.save()
        _audit("procedure.published", row, by, now)
    return row


def replace(
    plain: Mapping[str, Any], *, note: str, by: Actor, now: datetime, expected: int | None = None, facts: Facts | None = None
) -> ProcedureVersion:
    """Save and publish in one step. `expected` is the version that the author saw (409 when another is in force)."""
    with transaction.atomic():
        _lock()
        row = save_draft(plain, by=by, now=now, note=note)
        return publish(row.pk, note=note, by=by, now=now, expected=expected, facts=facts)


def refuse_errors(procedure: Procedure, facts: Facts | None = None) -> None:
    """Refuse (422) a procedure with lint errors, each named by its place."""
    errors = [finding for finding in lint(procedure, facts) if finding.level == "error"]
    if errors:
        places = {finding.place: f"{finding.sentence} {finding.remedy}" for finding in errors}
        raise Refused(f"The procedure cannot work as it stands: {errors[0].sentence} {errors[0].remedy}", errors=places, code="lint")


def _first() -> ProcedureVersion:
    with transaction.atomic():
        _lock()
        if found := published().first():
            return found
        now = clock.now()
        return ProcedureVersion.objects.create(
            number=1, document=to_plain(default()), note="The procedure that Tocsin ships with.", created_at=now, updated_at=now, published_at=now,
        )  # fmt: skip


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


@lru_cache(maxsize=64)  # by the row's id: a published row never changes
def _document(pk: int) -> Procedure:
    return from_plain(ProcedureVersion.objects.get(pk=pk).document)


def _readable(plain: Mapping[str, Any]) -> Procedure:
    try:
        return from_plain(plain)
    except FormError as error:
        raise Refused(f"The document cannot be read: {error}.", errors={error.place: error.sentence}, code="unreadable") from None


def _note(note: str) -> str:
    if len(note) > NOTE_LIMIT:
        raise Refused("The note is too long.", errors={"note": f"{NOTE_LIMIT} characters are the most."})
    return note.strip()


def _audit(action: str, row: ProcedureVersion, by: Actor, now: datetime) -> None:
    AuditEntry.objects.create(
        at=now, actor=by.user, actor_label=by.label[:200], via=by.via, verb=action, object_kind="procedure", object_id=str(row.pk),
        text=f"Procedure {f'version {row.number}' if row.number else 'draft'}: {row.note}"[:1000], address=by.address,
    )  # fmt: skip
