"""Names and ids: legal, different where the originals differ, the same each time, and restored where they can be."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects.names import CLAUDE, GEMINI, OPENAI_CHAT, Alphabet, exact_id, legal_id, legal_names, original_id

LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
LONG = "mcp__" + "x" * 60


def digest(text: bytes, length: int) -> str:
    return hashlib.sha256(text).hexdigest()[:length]


NAMES: dict[str, tuple[list[str], Alphabet, dict[str, str]]] = {
    "legal ones are not in the table": (["look", "mcp__git-hub__x", "A" * 64], CLAUDE, {}),
    "a run of illegal characters is one _": (["a.b", "say: hi!"], OPENAI_CHAT, {"a.b": "a_b", "say: hi!": "say_hi_"}),
    "an owner keeps its name": (["a.b", "a_b"], CLAUDE, {"a.b": "a_b_2e7336dc"}),
    "the first comer keeps the plain one": (["a.b", "a:b"], CLAUDE, {"a.b": "a_b", "a:b": "a_b_6783a31e"}),
    "too long: the beginning and a digest": ([LONG], CLAUDE, {LONG: LONG[:55] + "_" + digest(LONG.encode(), 8)}),
    "nothing left": ([""], CLAUDE, {"": "t_"}),
    "a letter or an underscore first": (["1.0", "ok.1", "_x", "-x"], GEMINI, {"1.0": "t_1.0", "-x": "t_-x"}),
}


@pytest.mark.parametrize(("names", "alphabet", "expected"), NAMES.values(), ids=NAMES)
def test_legal_names(names: list[str], alphabet: Alphabet, expected: dict[str, str]) -> None:
    assert legal_names(names, alphabet) == expected


@given(st.lists(st.one_of(st.text(max_size=80), st.text("a._:", max_size=70)), max_size=12))
def test_names_become_legal_and_stay_different(names: list[str]) -> None:
    table = legal_names(names, CLAUDE)
    wire = [table.get(name, name) for name in dict.fromkeys(names)]
    assert all(LEGAL.fullmatch(name) for name in wire)
    assert len(set(wire)) == len(wire)
    assert all(name != legal for name, legal in table.items())


def test_a_digest_that_is_taken_is_passed_over() -> None:
    taken = legal_names([LONG], CLAUDE)[LONG]
    renamed = legal_names([LONG, taken], CLAUDE)
    assert renamed.keys() == {LONG}
    assert renamed[LONG] != taken


@given(st.lists(st.text("ab.:", max_size=3), max_size=8), st.text("ab.:", max_size=3))
def test_an_illegal_tool_added_renames_none_before_it(names: list[str], added: str) -> None:
    before = legal_names(names, CLAUDE)
    after = legal_names([*names, f"{added}!"], CLAUDE)
    assert {name: after[name] for name in before} == before


IDS: dict[str, tuple[str, str]] = {
    "legal": ("toolu_01-A", "toolu_01-A"),
    "legal though it begins like ours": ("tu_01", "tu_01"),
    "Kimi's": ("functions.bash:0", "tu_ZnVuY3Rpb25zLmJhc2g6MA"),
    "too long": ("x" * 65, "tu_" + digest(b"x" * 65, 24)),
    "illegal and too long to spell": ("f." * 30, "tu_" + digest(b"f." * 30, 24)),
    "not printable": ("a\ud800", "tu_" + digest(b"a\xed\xa0\x80", 24)),
    "empty": ("", "tu_"),
}


@pytest.mark.parametrize(("original", "legal"), IDS.values(), ids=IDS)
def test_legal_id(original: str, legal: str) -> None:
    assert legal_id(original) == legal


EXACT = {
    "fits": ("aB3dE6gH9", "aB3dE6gH9"),
    "too long": ("call_" + "a" * 24, "fi1ernqrn"),
    "too short": ("a", None),
    "another character": ("aB3dE6g_9", None),
    "digits that are no ASCII": ("aB3dE6gH\u0663", None),
    "empty": ("", None),
}


@pytest.mark.parametrize(("original", "exact"), EXACT.values(), ids=EXACT)
def test_an_id_of_one_length(original: str, exact: str | None) -> None:
    """B.10 of the contract: Mistral takes nine letters and digits."""
    legal = exact_id(original, 9)
    assert re.fullmatch("[a-zA-Z0-9]{9}", legal)
    assert exact is None or legal == exact
    assert exact_id(legal, 9) == legal


def test_no_two_ids_become_one() -> None:
    assert len({exact_id(f"call_{number}", 9) for number in range(10_000)}) == 10_000


# Not base64, not UTF-8, of a legal original, padded, a digest: never written by us as the spelling of an id.
FOREIGN = ["toolu_1", "tu_01", "tu_zzzz", "tu_a", "tu_é", "tu_YQ", "tu_ZnVu==", "tu_" + "0" * 24]


@pytest.mark.parametrize("foreign", FOREIGN)
def test_ids_of_others_are_left_alone(foreign: str) -> None:
    assert original_id(foreign) == foreign


def test_what_we_spelled_is_restored() -> None:
    assert original_id("tu_YS5i") == "a.b"


@given(st.text(max_size=80), st.integers(27, 64))
def test_an_id_becomes_legal_once_and_comes_back_if_it_fits(original: str, limit: int) -> None:
    legal = legal_id(original, limit)
    assert LEGAL.fullmatch(legal)
    assert len(legal) <= limit
    assert legal_id(legal, limit) == legal
    restored = original_id(legal)
    assert restored in {original, legal}
    if original.isprintable() and len(original.encode()) <= 18:
        assert original in {restored, legal}
