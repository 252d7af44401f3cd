"""A conversation that is made shorter: the model's summary, as the answer that its client waits for. Pure in its parts.

The summary is written like any other answer, by whichever backend fits, so it works with every model and may be read by
every other. What makes a request for a summary, and the item that carries one, are the dialect's.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from llmux.dialects.keeping import Compacting
from llmux.errors import BackendGarbled
from llmux.ir.content import Opaque, Text
from llmux.ir.events import Batch, Event, MessageEnd, MessageStart, Opened, PartEnd, PartStart
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason


async def compacted(
    batches: AsyncGenerator[Batch, None], compacting: Compacting, dialect: str, answer_id: str
) -> AsyncGenerator[Batch, None]:
    """The answer that holds the item, once the summary is complete. Until then nothing is told.

    Raises:
        GatewayError: there is no summary. The client has seen nothing of it.
    """
    events: list[Event] = []
    async with aclosing(batches):
        async for batch in batches:
            events += batch
    yield item_events(events, compacting, dialect, answer_id)


def item_events(events: Sequence[Event], compacting: Compacting, dialect: str, answer_id: str) -> Batch:
    """The answer that holds the item, from the events that told the summary.

    Raises:
        GatewayError: they broke off, or tell none.
    """
    response = fold(events)
    summary = "".join(part.text for part in response.parts if isinstance(part, Text)).strip()
    if not summary:
        raise BackendGarbled("The model wrote no summary of the conversation.")
    item = Opaque(dialect=dialect, raw=compacting.item(summary, answer_id))
    return (
        *(event for event in events if isinstance(event, Opened)),
        MessageStart(response.id, response.model, response.usage),
        PartStart(0, item),
        PartEnd(0),
        MessageEnd(FinishReason.END, response.usage),
    )
