"""What does a start say that cannot be: of a program that would serve a route without a permission, of a folder that cannot be set up?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.live import free_port
from tests.running import Installation

ROOT = Path(__file__).parent.parent


def faulty(folder: Path) -> dict[str, str]:
    """The environment in which the web process has such a page."""
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        "from importlib import machinery\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name != 'tocsin.web.urls':\n"
        "            return None\n"
        "        spec = machinery.PathFinder.find_spec(name, path)\n"
        "        run = spec.loader.exec_module\n"
        "        def exec_module(module):\n"
        "            run(module)\n"
        "            from django.urls import path as route\n"
        "            module.urlpatterns.append(route('secret/', lambda request: None, name='secret'))\n"
        "        spec.loader.exec_module = exec_module\n"
        "        return spec\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def test_the_web_process_ends_with_one_line(tmp_path):
    environment = {**os.environ, **faulty(tmp_path), "TOCSIN_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-m", "tocsin.cli", "web", "--port", str(free_port())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, cwd="/")
    assert done.returncode == 78
    lines = [line for line in done.stderr.splitlines() if line.startswith("tocsin: ")]
    assert lines == ["tocsin: this program does not start: These routes do not state their permission (@needs): GET /secret/"]
    assert "Traceback" not in done.stderr + done.stdout


def test_the_whole_installation_ends_with_the_same_line(tmp_path):
    installation = Installation(tmp_path / "data")
    installation.environment |= faulty(tmp_path)
    try:
        done = installation.cli("up", "--port", "0", "--data", str(tmp_path / "data"))
        assert done.returncode == 1
        assert done.stderr.strip().splitlines()[-1] == (
            "tocsin: this program does not start: These routes do not state their permission (@needs): GET /secret/"
        )
        assert not installation.anything_left()
    finally:
        installation.clean()


def test_who_may_not_make_the_environment_is_told_at_once_who_may(tmp_path):
    for folder in ("bin", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / ".venv").write_text("no folder can be made here, for root neither")
    done = subprocess.run([tmp_path / "bin" / "tocsin", "version"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert f"{tmp_path}/.venv is not set up for this version" in first
    assert f"let the owner of {tmp_path} run {tmp_path}/bin/tocsin version" in second
