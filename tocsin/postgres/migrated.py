"""Were the migrations of this very program made in the database? Asked before Django is there, so that a start is quick."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
from pathlib import Path

import psycopg

from tocsin import postgres

PACKAGES = ("django", "django-allauth", "procrastinate")  # whose migrations are made beside ours
TABLE = "CREATE TABLE IF NOT EXISTS tocsin_migrated (id boolean PRIMARY KEY DEFAULT true CHECK (id), stamp text NOT NULL)"
SAVE = "INSERT INTO tocsin_migrated (stamp) VALUES (%s) ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp"

# An index made on an empty table is noted as empty, and then read from end to end as if that cost nothing until the table is first analysed,
# a minute later: in a storm on a new installation that is too late. Not noted, its size is looked at. PostgreSQL 18 has the function.
FORGET_EMPTINESS = """
DO $$ BEGIN
  IF to_regprocedure('pg_clear_relation_stats(text, text)') IS NOT NULL THEN
    PERFORM pg_clear_relation_stats(relnamespace::regnamespace::text, relname::text) FROM pg_class
      WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'i') AND reltuples = 0 AND pg_relation_size(oid) <= 16384
      AND pg_has_role(relowner, 'USAGE');
  END IF;
END $$
"""


def stamp() -> str:
    """What names the migrations that this program brings."""
    found = hashlib.sha256()
    for path in sorted(Path(postgres.__file__).parent.parent.glob("*/migrations/[0-9]*.py")):
        found.update(f"{path.parent.parent.name}/{path.name}\n".encode() + path.read_bytes())
    for package in PACKAGES:
        found.update(f"{package} {importlib.metadata.version(package)}\n".encode())
    return found.hexdigest()


def _address(data_dir: Path) -> str:
    return os.environ.get("TOCSIN_DATABASE_URL") or postgres.owner_url(data_dir)


def up_to_date(data_dir: Path) -> bool:
    """Whether nothing is to be done. False also where that cannot be found out: then the migrations find out."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(_address(data_dir), connect_timeout=5) as connection:
        found = connection.execute("SELECT stamp FROM tocsin_migrated").fetchone()
        return found is not None and found[0] == stamp()
    return False


def has_people(data_dir: Path) -> bool:
    """Whether anybody can sign in."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(_address(data_dir), connect_timeout=5) as connection:
        return bool(connection.execute("SELECT 1 FROM accounts_user LIMIT 1").fetchone())
    return True
