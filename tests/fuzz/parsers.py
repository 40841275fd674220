"""Fuzz every parser for as long as you like, led by coverage: `python -m tests.fuzz.parsers --seconds 600`.

Needs atheris, which is not among the project's requirements: `pip install atheris` into an environment that has them. A body that breaks a promise is
written to a file `crash-…` in the folder of `--corpus`, and the run ends; give that file as an argument to see it again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Run it; 0 when nothing was found."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seconds", type=int, default=60, help="how long, for all parsers together")
    options.add_argument("--corpus", type=Path, default=None, help="a folder that keeps what was found to reach new code")
    options.add_argument("again", nargs="*", help="files to try again")
    given = options.parse_args()
    try:
        import atheris
    except ImportError:
        print("atheris is missing; install it into this environment: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["tocsin"]):
        from tests.fuzz.judging import CONTENT_TYPES, TARGETS, judge, recorded
        from tocsin.integrations.registry import SOURCES

        for kind in SOURCES:
            SOURCES[kind]  # imported here, so that its code is watched

    def one(data: bytes) -> None:
        if len(data) > 2:
            judge(TARGETS[data[0] % len(TARGETS)], data[2:], CONTENT_TYPES[data[1] % len(CONTENT_TYPES)])

    corpus = given.corpus or Path(tempfile.mkdtemp(prefix="tocsin-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for index, target in enumerate(TARGETS):
        for number, body in enumerate(recorded().get(target, [])[:4] or [b'{"title": "x", "alerts": [{"id": "a"}]}']):
            (corpus / f"seed-{index}-{number}").write_bytes(bytes([index, 0]) + body)
    print(f"{len(TARGETS)} parsers and checks, {given.seconds} s, corpus in {corpus}", flush=True)
    runs = (
        [*given.again]
        if given.again
        else [str(corpus), f"-max_total_time={given.seconds}", "-max_len=16384", f"-artifact_prefix={corpus}/"]
    )
    atheris.Setup([sys.argv[0], *runs], one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
