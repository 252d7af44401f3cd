import pytest

from llmux.cli import terminal


class Screen:
    """Says that a person reads it."""

    def isatty(self) -> bool:
        return True


ROWS = [("one", "a much longer cell"), ("three", "x")]


def test_piped_tables_are_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.table(("name", "what"), ROWS)
    assert capsys.readouterr().out == "name   what\none    a much longer cell\nthree  x\n"


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch, variables, coloured: bool) -> None:
    monkeypatch.setattr("sys.stdout", Screen())
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (terminal.paint("word", bold=True) != "word") is coloured


def test_a_terminal_gets_a_box(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(terminal, "on_terminal", lambda: True)
    terminal.table(("name", "what"), [("[red]", "markup is not read")])
    said = capsys.readouterr().out
    assert "[red]" in said
    assert "─" in said
