"""What every story starts from."""

from tests.scenarios.world import world  # noqa: F401 - a fixture
