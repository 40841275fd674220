"""Where is the database, and how is the embedded one made, started and stopped? Knows nothing of Django."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import platformdirs


def default_data_dir() -> Path:
    """The folder for database, key and published pages: the user's data folder, or /var/lib/tocsin for root."""
    if os.geteuid() == 0:
        return Path("/var/lib/tocsin")
    return Path(platformdirs.user_data_dir("tocsin", appauthor=False))


def secret_key(data_dir: Path) -> str:
    """The signing and encryption key: TOCSIN_SECRET_KEY, else the one in the data folder, made once with mode 0600."""
    if given := os.environ.get("TOCSIN_SECRET_KEY"):
        return given
    path = data_dir / "secret-key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def app_url(data_dir: Path) -> str:
    """The address of the embedded database for the program's own role."""
    return f"postgresql://tocsin_app@/tocsin?host={data_dir / 'postgres' / 'socket'}"
