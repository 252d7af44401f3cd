"""The demo's embeddings: a text -> a vector of length 1. Pure: the same text always gets the same one.

They are no real model's, but texts that share words are near each other, so that a search finds something. Every number
is a float32, exactly: packed or plain, a client reads the same.
"""

import hashlib
import math
import re
from array import array

from llmux.demo import tokens
from llmux.ir.embedding import EmbeddingRequest, Embeddings, Input, Vector

DIMENSIONS = 64  # unless the request asks for others
MOST_DIMENSIONS = 4_096
WORD = re.compile(r"\w+")


def embed(request: EmbeddingRequest) -> Embeddings:
    """A vector for each input."""
    size = min(request.dimensions or DIMENSIONS, MOST_DIMENSIONS)
    vectors = tuple(_vector(_words(one), size) for one in request.inputs)
    return Embeddings(vectors, sum(map(_count, request.inputs)))


def _words(one: Input) -> list[str]:
    """What is compared; a text without words has one of its own."""
    return (WORD.findall(one.lower()) or [one]) if isinstance(one, str) else list(map(str, one))


def _vector(words: list[str], size: int) -> Vector:
    """Each word adds a little everywhere: its own direction, told by a hash."""
    sums = [0.0] * size
    for word in words:
        stream = hashlib.shake_128(word.encode(errors="replace")).digest(size)
        sums = [total + byte - 127.5 for total, byte in zip(sums, stream, strict=True)]
    length = math.hypot(*sums) or 1.0
    return array("f", (total / length for total in sums)).tolist()


def _count(one: Input) -> int:
    return len(tokens.pieces(one)) if isinstance(one, str) else len(one)
