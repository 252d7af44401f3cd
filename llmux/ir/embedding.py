"""A wish for embeddings, and the vectors that answer it, in neutral words. Pure values; no dialect is known here."""

from collections.abc import Sequence

from llmux.ir.content import Extra
from llmux.ir.value import Value

Input = str | tuple[int, ...]  # a text; or the tokens of one, by the vocabulary of the model that is asked
Vector = Sequence[float]


class EmbeddingRequest(Value, kw_only=True):
    """Texts to be embedded, at least one. `form` names the way of asking, where the dialect has several."""

    form: str = ""
    model: str
    inputs: tuple[Input, ...]
    dimensions: int | None = None  # None: as many as the model gives
    packed: bool = False  # the client reads each vector as base64 of little-endian float32
    extra: Extra | None = None


class Embeddings(Value):
    """A vector for each input, in order. `input_tokens` is 0 where the backend does not tell."""

    vectors: tuple[Vector, ...]
    input_tokens: int = 0
