"""Names that were meant: style is nothing, synonyms are words of one row, and nobody chooses between two."""

import pytest

from llmux.normalise.naming import SYNONYMS, Names, plain

MEANT = {
    "camel case": ("filePath", ("file_path", "other"), ("file_path",)),
    "kebab case": ("file-path", ("file_path",), ("file_path",)),
    "with a space": ("File Path", ("file_path",), ("file_path",)),
    "screaming": ("FILE_PATH", ("filePath",), ("filePath",)),
    "two of one style": ("FILEPATH", ("file_path", "filePath"), ("filePath", "file_path")),
    "a synonym": ("cmd", ("command", "timeout"), ("command",)),
    "style before synonyms": ("filePath", ("path", "file_path"), ("file_path",)),
    "a synonym of two": ("filename", ("path", "file_path"), ("file_path", "path")),
    "a word of two rows": ("glob", ("pattern", "query"), ("pattern",)),
    "a letter that means another key's flag": ("n", ("-n", "-i"), ("-n",)),
    "no synonym": ("banana", ("command",), ()),
    "another unit is no synonym": ("timeout_ms", ("timeout",), ()),
    "no letter at all": ("--", ("-", "_"), ()),
}


@pytest.mark.parametrize("case", MEANT.values(), ids=MEANT)
def test_which_name_was_meant(case: tuple[str, tuple[str, ...], tuple[str, ...]]) -> None:
    name, known, meant = case
    assert Names(known).meant(name) == meant


def test_a_name_that_there_is() -> None:
    assert "a" in Names(("a",))
    assert "A" not in Names(("a",))


def test_the_words_of_the_table_are_plain_and_no_row_holds_another() -> None:
    for row in SYNONYMS:
        assert {plain(word) for word in row} == row
        assert not [other for other in SYNONYMS if other < row]
