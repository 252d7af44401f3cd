"""A shelf holds what was used last, within its bounds, and each client's apart."""

from hypothesis import given
from hypothesis import strategies as st

from llmux.conversation.shelf import ENTRY_BYTES, Shelf

ROOM = ENTRY_BYTES + 10  # an entry of ten bytes
TEN = b"0123456789"
LATER = 100.0


def shelf(of_one: int = 3, of_all: int = 5) -> Shelf:
    """Room for so many entries of ten bytes."""
    return Shelf(of_one * ROOM, of_all * ROOM)


def kept(shelf: Shelf, client: str = "a", keys: str = "12345678") -> str:
    return "".join(key for key in keys if shelf.get(client, key, 0.0) is not None)


def put(shelf: Shelf, keys: str, client: str = "a") -> None:
    for key in keys:
        shelf.put(client, key, TEN, LATER)


def test_a_note_lives_until_it_expires() -> None:
    one = shelf()
    one.put("a", "k", b"v", 10.0)
    assert one.get("a", "k", 9.9) == b"v"
    assert one.get("a", "k", 10.0) is None
    assert not one.holds("a")
    assert one.size == 0


def test_clients_know_nothing_of_each_other() -> None:
    one = shelf()
    one.put("a", "k", b"v", LATER)
    assert one.get("b", "k", 0.0) is None
    assert (one.holds("a"), one.holds("b")) == (True, False)


def test_a_client_that_keeps_too_much_loses_its_own_oldest() -> None:
    one = shelf()
    put(one, "9", "b")
    put(one, "1234")
    assert kept(one) == "234"
    assert kept(one, "b", "9") == "9"


def test_what_was_used_last_stays() -> None:
    one = shelf()
    put(one, "123")
    assert one.get("a", "1", 0.0) == TEN
    put(one, "4")
    assert kept(one) == "134"


def test_when_all_is_full_the_client_that_was_away_longest_loses() -> None:
    one = shelf(3, 5)
    put(one, "12", "a")
    put(one, "123", "b")
    put(one, "1", "c")
    assert (kept(one, "a"), kept(one, "b"), kept(one, "c")) == ("2", "123", "1")


def test_a_note_replaces_a_note_and_one_that_is_too_large_leaves_nothing() -> None:
    one = shelf()
    put(one, "1")
    one.put("a", "1", b"v", LATER)
    assert one.get("a", "1", 0.0) == b"v"
    one.put("a", "1", b"x" * 3 * ROOM, LATER)
    assert one.get("a", "1", 0.0) is None
    assert one.size == 0


OPERATIONS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("1234"), st.none() | st.integers(0, 2 * ROOM)), max_size=40
)


@given(OPERATIONS)
def test_the_bounds_hold_and_the_sums_are_true(operations: list[tuple[str, str, int | None]]) -> None:
    one = shelf(2, 4)
    for now, (client, key, size) in enumerate(operations):
        if size is None:
            one.get(client, key, now)
        else:
            one.put(client, key, b"x" * size, now + 5.0)
    held = {client: sum(len(v) + ENTRY_BYTES for v, _ in notes.values()) for client, notes in one._notes.items()}
    assert one.size == sum(held.values()) <= 4 * ROOM
    assert one._sizes == held
    assert all(0 < size <= 2 * ROOM for size in held.values())
