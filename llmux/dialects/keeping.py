"""How a dialect goes on from an answer that was kept for its client: values and pure functions on its own JSON.

Only dialects whose API knows kept answers have a `Keeping`. What is kept, and where, is decided elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmux.ir.request import Original
from llmux.ir.value import Value

Document = Mapping[str, Any]  # a request or an answer, as JSON
Item = Any  # a piece of a conversation, as JSON


class Answered(Value):
    """An answer as its client heard it: its id, the whole of it, and the items that the model said in it, as JSON."""

    id: str
    document: bytes
    said: bytes


class Kept(Value):
    """An answer that is kept. All of it is JSON: `told` and `said` are arrays of items.

    `told` is everything that the model was told, earlier turns among it.
    """

    document: bytes
    told: bytes
    said: bytes


class Compacting(Value):
    """How a client has its conversation made shorter: the model sums it up, and the summary stands for what it was.

    The summary travels through the client in an item that only we can read.
    """

    inbound: tuple[str, ...]  # where it can be asked for apart from any answer
    is_asked: Callable[[Document], bool]  # whether a request asks for it instead of an answer
    decode: Callable[[bytes], bytes]  # what was sent to `inbound` -> a request that `is_asked`
    ask: Callable[[Document], Document]  # the request that has the model write the summary
    item: Callable[[str, str], Item]  # a summary, and an id for it -> the item that carries it
    encode: Callable[[Sequence[Item], bytes], bytes]  # what was told, the answer with the item -> what `inbound` gives


class Keeping(Value):
    """How the conversation of a kept answer is put together, and what the API says about it.

    Paths are below those at which answers are asked for.
    """

    inbound: tuple[str, ...]  # kept answers are found below these, by id
    told: Callable[[Document], list[Item]]  # what a request tells the model by itself
    is_folded: Callable[[Document], bool]  # whether a summary of ours stands in a request
    go_on: Callable[[Document, Sequence[Item]], Document]  # a request with items in front of its own; nothing is folded
    unkept: Callable[[Original], Original]  # a request that asks its backend not to keep the answer: we do
    answered: Callable[[bytes, bool], Answered | None]  # what was heard, a stream or not; None: no answer to go on from
    items: Callable[[str, Kept, Mapping[str, str]], bytes]  # a page of what was told; id, answer and query
    deleted: Callable[[str], bytes]  # what is said when an answer has been forgotten
    compacting: Compacting
