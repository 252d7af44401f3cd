"""How a dialect lists models: what a backend is asked and says, what our clients ask and hear. Pure.

A `Listing` is part of a `Dialect`. What stands in the list is decided elsewhere; here it is only said.
"""

from collections.abc import Callable, Mapping, Sequence

from llmux.errors import ModelNotFound
from llmux.ir.card import ModelCard
from llmux.ir.naming import key, unaliased
from llmux.ir.value import Value


class Asked(Value):
    """A client's question. `name` is what stands in the path's star; header names are in any case."""

    name: str = ""
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Enquiry(Value):
    """A place where clients ask about models.

    `answer` makes the body, a JSON document, from the models that the client may use.

    It raises:
        GatewayError: there is no such model, the question is malformed, or llmux does not do this.
    """

    method: str
    path: str  # may hold one "*"
    answer: Callable[[Asked, Sequence[ModelCard]], bytes]


class Page(Value):
    """A piece of a backend's list. `next` is where the next one begins, "" at the end."""

    cards: tuple[ModelCard, ...]
    next: str = ""


class Detail(Value):
    """What a backend tells of a model only when it is asked for this one, with a POST."""

    path: str
    encode: Callable[[str], bytes]
    decode: Callable[[ModelCard, bytes], ModelCard]


class Listing(Value, kw_only=True):
    """A dialect's way of listing models. A backend is asked at the dialect's `models_path`.

    `spoken` tells from a client's headers and query that it speaks this dialect, where several have the same path;
    None: whoever speaks no other.
    """

    decode: Callable[[bytes], Page]  # raises BackendGarbled
    query: str = ""  # asks for as much as a page may hold
    cursor: str = ""  # how the query calls the place where the next page begins
    detail: Detail | None = None
    enquiries: tuple[Enquiry, ...]
    spoken: Callable[[Mapping[str, str], Mapping[str, str]], bool] | None = None


def find(cards: Sequence[ModelCard], name: str) -> ModelCard:
    """The card of this name, however it is spelled.

    Raises:
        ModelNotFound: nobody serves it.
    """
    name = unaliased(name)
    wanted = key(name)
    same = [card for card in cards if key(card.id) == wanted]
    for card in same:
        if card.id == name:
            return card
    if same:
        return same[0]
    raise ModelNotFound(f"llmux: no such model: {name}", param="model")
