"""What the tests of the configuration share."""

from pathlib import Path

import pytest

from tests.config.places import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
