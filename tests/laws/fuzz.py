"""Feeds every decoder with damaged recordings: nothing but llmux's own errors is raised, and memory stays bounded.

    python -m tests.laws.fuzz --bytes 10000000 [--dialect gemini] [--seed s]

Prints a line for each decoder. It stops at the first input that breaks the law, and says how to feed it again.
"""

import argparse
import gc
import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from llmux.dialects.base import Address, Dialect, backend_path
from llmux.dialects.registry import TABLE
from llmux.errors import GatewayError
from llmux.ir.grammar import check
from tests import corpus
from tests.laws.clients import sent_to_gateways, sent_to_providers
from tests.laws.lanes import FORM, chance, hear, stream_of
from tests.laws.mutations import damaged
from tests.laws.specimens import ANSWER, REQUESTS

LONGEST = 40_000  # bytes of one input: longer recordings are cut
# Bytes that may be held at once, for an input of LONGEST: JSON as Python's objects is many times its text.
HELD = 80 * LONGEST
KEPT = 1_000_000  # bytes that may be left when all is done, however much was fed: caches, not inputs
Seeds = tuple[bytes, ...]
Feed = Callable[[Dialect, bytes, random.Random], None]


class Ran(NamedTuple):
    """What one decoder was fed with."""

    inputs: int
    bytes: int
    seconds: float
    peak: int  # bytes held at most for one input


def _pieces(data: bytes, luck: random.Random) -> list[bytes]:
    """`data` as a network cuts it."""
    ends = sorted(luck.choices(range(len(data) + 1), k=luck.randint(0, 8)))
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def _stream(dialect: Dialect, data: bytes, luck: random.Random) -> None:
    """A stream: its decoder never raises, and its events come in order."""
    list(check(hear(dialect.decoder({}), _pieces(data, luck))))


def _verbatim(dialect: Dialect, data: bytes, luck: random.Random) -> None:
    """The same in the verbatim lane, in every form."""
    for form in dialect.every_form():
        hear(form.verbatim(), _pieces(data, luck))


def _answer(dialect: Dialect, data: bytes, _: random.Random) -> None:
    """One body."""
    with suppress(GatewayError):
        dialect.decode_response(data, {})
    for form in dialect.every_form():
        with suppress(GatewayError):
            form.verbatim_response(data)


def _request(dialect: Dialect, data: bytes, _: random.Random) -> None:
    """A client's request, in every form."""
    for form in dialect.every_form():
        with suppress(GatewayError):
            form.decode_request(data, Address(backend_path(form, "m").partition("?")[0]))


def _error(dialect: Dialect, data: bytes, luck: random.Random) -> None:
    """An error of a backend becomes one of ours, whatever it says."""
    status = luck.choice((400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529))
    assert isinstance(dialect.decode_error(status, {}, data), GatewayError)


FEEDS: Mapping[str, Feed] = {
    "stream": _stream,
    "verbatim": _verbatim,
    "answer": _answer,
    "request": _request,
    "error": _error,
}


def _answers(name: str, *kinds: corpus.Kind) -> Iterator[bytes]:
    return (corpus.row(name, kind, row).answer for kind in kinds for row in corpus.names(name, kind))


def seeds(name: str) -> Mapping[str, Seeds]:
    """What is damaged, for each kind of feed: recordings where there are any, and one specimen of our own."""
    dialect = TABLE[name]
    streams = (*_answers(name, "stream"), stream_of(dialect, ANSWER))
    bodies = (*_answers(name, "exchange"), dialect.encode_response(ANSWER, FORM))
    recorded = (sent for sent in (*sent_to_providers(), *sent_to_gateways()) if sent.form is dialect)
    asked = (*(json.dumps(sent.body).encode() for sent in recorded), json.dumps(REQUESTS[name]).encode())
    failures = (*_answers(name, "error"), dialect.encode_error(GatewayError("no"), "req_1").body)
    return {"stream": streams, "verbatim": streams, "answer": bodies, "request": asked, "error": failures}


def fuzz(name: str, kind: str, given: Seeds, most: int, seed: str) -> Ran:
    """Feed the decoder of `kind` at the dialect `name` with `most` bytes. The same seed feeds the same.

    Raises:
        AssertionError: an input broke the law; the seed and the input are told.
    """
    dialect, feed, luck = TABLE[name], FEEDS[kind], chance(f"{seed}-{name}-{kind}")
    began, fed, inputs, peak = time.perf_counter(), 0, 0, 0
    tracemalloc.start()
    try:
        while fed < most:
            data = damaged(luck.choice(given)[:LONGEST], luck)
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            try:
                feed(dialect, data, luck)
            except Exception as error:
                raise AssertionError(f"{name} {kind}, seed {seed!r}, input {inputs}: {data!r}") from error
            peak = max(peak, tracemalloc.get_traced_memory()[1] - before)
            fed, inputs = fed + len(data), inputs + 1
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert peak < HELD, f"{name} {kind}, seed {seed!r}: {peak} bytes were held for one input"
    assert kept < KEPT, f"{name} {kind}, seed {seed!r}: {kept} bytes are held after the last of {inputs} inputs"
    return Ran(inputs, fed, time.perf_counter() - began, peak)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=10_000_000, help="bytes for each decoder")
    parser.add_argument("--dialect", choices=TABLE, help="only this one")
    parser.add_argument("--seed", default="1", help="another word feeds other damage")
    asked = parser.parse_args()
    for name in [asked.dialect] if asked.dialect else TABLE:
        for kind, given in seeds(name).items():
            ran = fuzz(name, kind, given, asked.bytes, asked.seed)
            print(
                f"{name:16} {kind:8} {ran.inputs:7d} inputs  {ran.bytes / 1e6:7.1f} MB  {ran.seconds:6.1f} s"
                f"  at most {ran.peak / 1e6:5.2f} MB held",
                flush=True,
            )


if __name__ == "__main__":
    main()
