"""Kept answers in memory: what stays, and what goes first."""

from llmux.cache.entry import Entry, Times
from llmux.cache.shelf import ENTRY_BYTES, Shelf, cost


def answer(size: int = 100, expires: float = 100.0) -> Entry:
    return Entry(Times(0.0, 0.0, expires), "m", "a", "m", (), False, {}, b"x" * size)


def held(shelf: Shelf, *keys: bytes, now: float = 0.0) -> list[bytes]:
    return [key for key in keys if shelf.find(key, now) is not None]


def test_what_was_not_asked_for_longest_goes_first() -> None:
    shelf = Shelf(10**6, 2)
    shelf.put(b"a", answer())
    shelf.put(b"b", answer())
    shelf.find(b"a", 0.0)
    shelf.put(b"c", answer())
    assert held(shelf, b"a", b"b", b"c") == [b"a", b"c"]


def test_it_holds_no_more_bytes_than_it_may() -> None:
    shelf = Shelf(3 * (1000 + ENTRY_BYTES), 100)
    for number in range(50):
        shelf.put(b"%d" % number, answer(1000))
        assert shelf.size <= 3 * (1000 + ENTRY_BYTES)
    assert (len(shelf), shelf.size) == (3, 3 * (1000 + ENTRY_BYTES))


def test_one_that_is_larger_than_all_may_be_is_not_kept_and_drives_nobody_out() -> None:
    shelf = Shelf(5000, 100)
    shelf.put(b"a", answer())
    shelf.put(b"b", answer(5000))
    assert held(shelf, b"a", b"b") == [b"a"]


def test_a_new_answer_takes_the_place_of_the_old_one_alone() -> None:
    shelf = Shelf(10**6, 2)
    for key, size in ((b"a", 1), (b"b", 2), (b"b", 3)):
        shelf.put(key, answer(size))
    assert (len(shelf), shelf.size) == (2, 4 + 2 * ENTRY_BYTES)


def test_what_has_expired_is_not_found_and_takes_no_room() -> None:
    shelf = Shelf(10**6, 2)
    shelf.put(b"a", answer(expires=10.0))
    assert (held(shelf, b"a", now=9.9), held(shelf, b"a", now=10.0)) == ([b"a"], [])
    assert (len(shelf), shelf.size) == (0, 0)


def test_what_is_unwanted_goes_at_once() -> None:
    shelf = Shelf(10**6, 10)
    for size in range(4):
        shelf.put(b"%d" % size, answer(size))
    assert shelf.remove(lambda entry: len(entry.events) > 1) == 2
    assert (len(shelf), shelf.size) == (2, 1 + 2 * ENTRY_BYTES)


def test_an_entry_costs_about_what_it_is_said_to() -> None:
    import tracemalloc

    number = 2000
    shelf = Shelf(10**9, number)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for key in range(number):
        shelf.put(b"%032d" % key, answer(500 + key % 7))
    spent = (tracemalloc.get_traced_memory()[0] - before) / number
    tracemalloc.stop()
    assert 0.6 * cost(answer(500)) < spent < cost(answer(506))
