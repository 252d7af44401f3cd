"""A responder that keeps answers, for clients that go on from one by its id.

A conversation is put together here and nowhere else: whichever backend answers next has never heard of it. A request
that goes on from an answer, or holds a summary of ours, takes the translated lane, because it is no longer what its
client sent. For all others the responder behind is handed on as it is.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import orjson
from msgspec.structs import replace

from llmux.conversation.compaction import compacted
from llmux.conversation.library import Answers
from llmux.conversation.tape import Tape
from llmux.dialects.base import Dialect
from llmux.dialects.keeping import Item, Keeping
from llmux.ir.events import Batch, Opened
from llmux.ir.request import Original, Request
from llmux.ir.value import Value
from llmux.responder import Client, Context, Responder


class Asked(Value):
    """A request as it goes on: all that the model is told, as items, and whether it is to write a summary of that."""

    request: Request
    told: list[Item]
    compacts: bool


class Conversations:
    """Requests, put together with the conversation that they go on from."""

    def __init__(self, dialects: Mapping[str, Dialect], answers: Answers) -> None:
        self._answers = answers
        self._keepings = {
            name: (dialect, dialect.keeping) for name, dialect in dialects.items() if dialect.keeping is not None
        }

    def keeping(self, request: Request) -> tuple[Dialect, Keeping, Original] | None:
        """What belongs to the request's dialect, if its API knows kept answers; and what the client sent."""
        if request.original is None or request.form or request.dialect not in self._keepings:
            return None
        return (*self._keepings[request.dialect], request.original)

    async def whole(self, request: Request, client: Client) -> Request:
        """`request` as its backend will hear it. Raises as `asked` does."""
        found = self.keeping(request)
        if found is None or not is_changed(request, found[1], found[2]):
            return request
        return (await self.asked(request, client, *found)).request

    async def asked(
        self, request: Request, client: Client, dialect: Dialect, keeping: Keeping, original: Original
    ) -> Asked:
        """The request with its whole conversation, and to be kept by nobody else.

        Raises:
            BadRequest: it goes on from an answer that the client does not have.
            StoreAway: nobody can say.
        """
        document, previous = original.document, request.previous
        earlier = [] if previous is None else await self._answers.earlier(client, dialect.name, previous)
        compacts = keeping.compacting.is_asked(document)
        if is_changed(request, keeping, original):
            whole = keeping.go_on(document, earlier)
            anew = dialect.decode_request(orjson.dumps(keeping.compacting.ask(whole) if compacts else whole))
            request = replace(anew, session=request.session, original=None)
        else:
            request = replace(request, original=keeping.unkept(original))
        return Asked(replace(request, previous=None, store=False), [*earlier, *keeping.told(document)], compacts)


class KeptAnswers:
    """Stands around another responder."""

    def __init__(self, inner: Responder, conversations: Conversations, answers: Answers, most: int) -> None:
        """`most`: bytes of an answer that is worth keeping."""
        self._inner, self._conversations, self._answers, self._most = inner, conversations, answers, most

    def respond(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        """See `responder.Responder`."""
        found = self._conversations.keeping(request)
        if found is None or not (self._answers.keeps(request) or is_changed(request, found[1], found[2])):
            return self._inner(request, context)
        return self._respond(request, context, *found)

    async def _respond(
        self, request: Request, context: Context, dialect: Dialect, keeping: Keeping, original: Original
    ) -> AsyncGenerator[Batch, None]:
        asked = await self._conversations.asked(request, context.client, dialect, keeping, original)
        batches = self._inner(asked.request, context)
        if asked.compacts:
            batches = compacted(batches, keeping.compacting, dialect.name, context.request_id)
        tape = Tape(request, context, dialect, keeping, self._most) if self._answers.keeps(request) else None
        async with aclosing(batches):
            async for batch in batches:
                # Kept before it is told: its client may go on from it at once, and at another worker.
                if tape is not None and tape.record(batch) and (answered := tape.play()) is not None:
                    await self._answers.keep(context.client, dialect.name, answered, asked.told)
                yield batch if tape is None else self._while_kept(batch)

    def _while_kept(self, batch: Batch) -> Batch:
        """`batch`: its client may be told the same answer again, under the same id, for as long as that is kept."""
        opened = batch[0]
        if not isinstance(opened, Opened) or not opened.until:
            return batch
        return (replace(opened, until=min(opened.until, self._answers.kept_until())), *batch[1:])


def is_changed(request: Request, keeping: Keeping, original: Original) -> bool:
    """Whether a request has to be written anew before a backend can understand it."""
    document = original.document
    return request.previous is not None or keeping.compacting.is_asked(document) or keeping.is_folded(document)
