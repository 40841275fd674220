"""What stories of single rooms may start from."""

from tests.scenarios.world import world  # noqa: F401 - a fixture
