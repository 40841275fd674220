"""Does the wheel hold everything that it takes to run?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT, Installation

pytestmark = pytest.mark.acceptance


def test_the_wheel_builds_and_runs_in_a_clean_environment(tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_", "PYTHON"))}

    def run(*command: str | Path) -> None:
        done = subprocess.run([str(part) for part in command], env=clean, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist", ".")
    wheel = next((tmp_path / "dist").glob("*.whl"))
    environment = tmp_path / "venv"
    run(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "--only-binary", ":all:", "--no-binary", "http-ece", "-r", ROOT / "requirements" / "run.txt")
    run(*pip, "--no-deps", wheel)
    server = Installation(command=(str(environment / "bin" / "tocsin"),))
    try:
        server.up()
        assert server.ready()
        assert server.get("/accounts/login/")[0] == 200
        assert server.get("/static/tocsin/app.css")[0] == 200
        assert server.stop() == 0
    finally:
        server.clean()
