from pathlib import Path


def test_what_is_written_holds(call, home: Path) -> None:
    told = call("init")
    assert told.exit_code == 0
    assert "Wrote config.toml." in told.output
    assert "  llmux start\n" in told.output
    assert "[[backend]]" in (home / "config.toml").read_text()
    assert call("check").exit_code == 0


def test_elsewhere_with_folders(call, home: Path) -> None:
    told = call("init", "a/b/mine.toml")
    assert told.exit_code == 0
    assert "llmux check --config a/b/mine.toml" in told.output
    assert (home / "a/b/mine.toml").is_file()


def test_nothing_is_overwritten_unasked(call, home: Path) -> None:
    (home / "config.toml").write_text("port = 1\n")
    told = call("init")
    assert told.exit_code == 1
    assert told.output == (
        "llmux: config.toml is there already. --force replaces it; llmux init PATH writes elsewhere.\n"
    )
    assert (home / "config.toml").read_text() == "port = 1\n"
    assert call("init", "--force").exit_code == 0
    assert (home / "config.toml").read_text() != "port = 1\n"


def test_a_place_that_cannot_be_written(call, home: Path) -> None:
    (home / "file").write_text("")
    told = call("init", "file/config.toml")
    assert told.exit_code == 1
    assert told.output.startswith("llmux: file/config.toml cannot be written: ")
