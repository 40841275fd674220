"""Does one SEV1 go through the whole procedure on a real server, three times in a row?"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import Installation

WALK = Path(__file__).with_name("walk_the_procedure.py")
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]


def test_the_walk_passes_three_times_in_a_row_on_one_server():
    server = Installation()
    try:
        server.up(patience=180)
        for _ in range(3):
            walk = subprocess.run(
                [sys.executable, str(WALK), server.address, "for-tests-only"], capture_output=True, text=True, timeout=180
            )
            assert walk.returncode == 0, walk.stdout[-4000:] + walk.stderr[-2000:] + server.logs()
    finally:
        server.clean()
