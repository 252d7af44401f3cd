"""A responder that remembers the reasoning of an answer for clients that lose it, and puts it back into their history.

Ollama's API has no place for the proofs of reasoning, and many clients of OpenAI's drop the fields that carry them;
some models refuse a history without. For all other clients the responder behind is handed on as it is. It is an aid:
what it has forgotten, a history goes without.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from llmux.conversation import turns
from llmux.conversation.ear import Ear
from llmux.conversation.memory import Memory
from llmux.conversation.turns import Turn
from llmux.dialects.base import Dialect
from llmux.ir.events import Batch
from llmux.ir.request import Message, Request, Role
from llmux.responder import Context, Responder

_decode = msgspec.json.Decoder(Turn).decode


class KeptReasoning:
    """Stands around another responder."""

    def __init__(self, inner: Responder, dialects: Mapping[str, Dialect], memory: Memory) -> None:
        self._inner = inner
        self._dialects = {name: dialect for name, dialect in dialects.items() if dialect.forgetful}
        self._memory = memory

    def respond(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        """See `responder.Responder`."""
        dialect = self._dialects.get(request.dialect)
        return self._inner(request, context) if dialect is None else self._remember(request, context, dialect)

    async def _remember(self, request: Request, context: Context, dialect: Dialect) -> AsyncGenerator[Batch, None]:
        client, ids = context.client.name, dialect.call_ids and not request.legacy_functions
        ear, note = Ear(request, dialect, ids=ids), None
        async with aclosing(self._inner(await self._restored(request, client, ids=ids), context)) as batches:
            async for batch in batches:
                if not ear.deaf and (heard := ear.hear(batch)) is not None:
                    self._memory.keep(client, *heard)  # before the client can go on
                    note = heard
                yield batch
        if note is not None:
            await self._memory.save(client, *note)  # the client of a stream does not wait for this

    async def _restored(self, request: Request, client: str, *, ids: bool) -> Request:
        """The request with the reasoning that its client lost."""
        if not any(map(_is_lacking, request.messages)) or not await self._memory.knows(client):
            return request
        keys = [turns.key(message.parts, ids=ids) if _is_lacking(message) else "" for message in request.messages]
        found = await self._memory.find(client, list(filter(None, keys)))
        messages = tuple(
            turns.restore(message, _decode(found[key])) if key in found else message
            for message, key in zip(request.messages, keys, strict=True)
        )
        if all(now is before for now, before in zip(messages, request.messages, strict=True)):
            return request
        original = request.original and replace(request.original, restored=True)
        return replace(request, messages=messages, original=original)


def _is_lacking(message: Message) -> bool:
    return message.role is Role.ASSISTANT and turns.lacks(message)
