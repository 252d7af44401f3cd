"""Feeds every decoder with damaged recordings: nothing but llmux's own errors is raised, and memory stays bounded.

    python -m tests.laws.fuzz --bytes 10000000 [--dialect gemini] [--kind stream] [--seed s]

Prints a line for each decoder. It stops at the first input that breaks the law, and says how to feed it again.
"""

import argparse
import gc
import time
import tracemalloc
from collections.abc import Mapping
from typing import NamedTuple

from llmux.dialects.registry import TABLE
from tests.laws.feeds import FEEDS, Met, Seeds, kinds, seeds
from tests.laws.lanes import chance
from tests.laws.mutations import hurt

LONGEST = 40_000  # bytes of one input: longer recordings are cut
# Bytes that may be held at once, for an input of LONGEST: JSON as Python's objects is many times its text.
HELD = 80 * LONGEST
KEPT = 1_000_000  # bytes that may be left when all is done, however much was fed: caches, not inputs


class Ran(NamedTuple):
    """What one decoder was fed with."""

    inputs: int
    bytes: int
    seconds: float
    peak: int  # bytes held at most for one input
    met: Mapping[str, int]  # errors of llmux, by class


def fuzz(name: str, kind: str, given: Seeds, most: int, seed: str) -> Ran:
    """Feed the decoder of `kind` at the dialect `name` with `most` bytes. The same seed feeds the same.

    Raises:
        AssertionError: an input broke the law; the seed and the input are told.
    """
    dialect, feed, luck = TABLE[name], FEEDS[kind], chance(f"{seed}-{name}-{kind}")
    began, fed, inputs, peak, met = time.perf_counter(), 0, 0, 0, Met()
    tracemalloc.start()
    try:
        while fed < most:
            data = hurt(luck.choice(given)[:LONGEST], luck)
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            try:
                feed(dialect, data, luck, met)
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
    return Ran(inputs, fed, time.perf_counter() - began, peak, met.count)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=10_000_000, help="bytes for each decoder")
    parser.add_argument("--dialect", choices=TABLE, help="only this one")
    parser.add_argument("--kind", choices=FEEDS, help="only this kind of decoder")
    parser.add_argument("--seed", default="1", help="another word feeds other damage")
    asked = parser.parse_args()
    for name in [asked.dialect] if asked.dialect else TABLE:
        for kind in kinds(TABLE[name]):
            if asked.kind not in {None, kind}:
                continue
            ran = fuzz(name, kind, seeds(name)[kind], asked.bytes, asked.seed)
            print(
                f"{name:16} {kind:10} {ran.inputs:7d} inputs  {ran.bytes / 1e6:7.1f} MB  {ran.seconds:6.1f} s"
                f"  at most {ran.peak / 1e6:5.2f} MB held  "
                + ", ".join(f"{count} {error}" for error, count in sorted(ran.met.items())),
                flush=True,
            )


if __name__ == "__main__":
    main()
