"""Every page of docs/ that shows a console does what it says."""

from pathlib import Path

import pytest

from tests.cli.running import ROOT
from tests.examples.consoles import blocks, console

PAGES = sorted(page for page in (ROOT / "docs").glob("*.md") if blocks(page.read_text(), "console"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    with console(text, tmp_path) as typed:
        typed.follow(text)
