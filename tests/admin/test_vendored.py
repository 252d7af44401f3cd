"""The chart library that is served: the very files of the release that is named beside them, and its licence."""

import hashlib
import re
from importlib.resources import files

STATIC = files("llmux.admin").joinpath("static")
LINE = re.compile(r"^sha256 (?P<digest>\w{64})  (?P<name>\S+)$", re.MULTILINE)


def test_it_is_unchanged() -> None:
    said = {line["name"]: line["digest"] for line in LINE.finditer(STATIC.joinpath("uPlot.VERSION").read_text())}
    here = [file for file in STATIC.iterdir() if file.name.startswith("uPlot.") and file.name.endswith(("js", "css"))]
    assert said == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in here}
    assert "Permission is hereby granted" in STATIC.joinpath("uPlot.LICENSE").read_text()
