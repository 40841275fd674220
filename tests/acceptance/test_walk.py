"""Does one SEV1 go through the whole procedure on a real server, three times in a row?"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.house import House
from tests.live import TOKEN

WALK = Path(__file__).with_name("walk_the_procedure.py")
pytestmark = pytest.mark.acceptance


def test_the_walk_passes_three_times_in_a_row_on_one_server():
    house = House()
    try:
        house.person()
        house.works_again(90)  # the walk times to the second how one page follows another: it does not begin with the first of a process
        for _ in range(3):
            walk = subprocess.run([sys.executable, str(WALK), house.server.url, TOKEN], capture_output=True, text=True, timeout=600)
            assert walk.returncode == 0, walk.stdout[-4000:] + walk.stderr[-2000:] + house.logs()
    finally:
        house.close()
