"""A responder that keeps answers, for clients that go on from one by its id; and the shelf where such clients look.

A conversation is put together here and nowhere else: whichever backend answers next has never heard of it. A request
that goes on from an answer, or holds a summary of ours, takes the translated lane, because it is no longer what its
client sent. For all others the responder behind is handed on as it is.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import msgspec
import orjson
from msgspec.structs import replace

from llmux.clock import Clock
from llmux.conversation.compaction import compacted
from llmux.conversation.notes import Notes
from llmux.conversation.tape import Tape
from llmux.dialects.base import Dialect
from llmux.dialects.keeping import Answered, Document, Item, Keeping, Kept
from llmux.errors import AnswerNotFound, BadRequest, StoreAway
from llmux.ir.events import Batch
from llmux.ir.request import Original, Request
from llmux.ir.value import Value
from llmux.responder import Client, Context, Responder
from llmux.store.base import StoreError

RETRY_AFTER = 1.0  # s; a store that is away is asked again after about as long

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


class Answers:
    """The answers that are kept: each client's apart, by dialect and id, in the store."""

    def __init__(self, notes: Notes, clock: Clock, life: float) -> None:
        """`life`: seconds for which an answer is kept; 0: none is."""
        self._notes, self._clock, self._life = notes, clock, life

    def keeps(self, request: Request) -> bool:
        """Whether the answer to `request` is to be kept: unless its client, or the owner, says no."""
        return self._life > 0 and request.store is not False

    async def find(self, client: Client, dialect: str, answer_id: str) -> Kept:
        """The answer that the client knows by this id.

        Raises:
            AnswerNotFound: it has none.
            StoreAway: nobody can say.
        """
        key = _key(dialect, answer_id)
        try:
            found = await self._notes.fetch(client.name, [key]) if self._life else {}
        except StoreError:
            raise _away() from None
        if key not in found:
            raise AnswerNotFound(f"Response with id '{answer_id}' not found.")
        return _decode(found[key])

    async def earlier(self, client: Client, dialect: str, answer_id: str) -> list[Item]:
        """What was told and said until the answer that a request goes on from.

        Raises:
            BadRequest: the client has no such answer, in OpenAI's words for it.
            StoreAway: nobody can say.
        """
        try:
            kept = await self.find(client, dialect, answer_id)
        except AnswerNotFound:
            raise BadRequest(
                f"Previous response with id '{answer_id}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            ) from None
        return [*orjson.loads(kept.told), *orjson.loads(kept.said)]

    async def forget(self, client: Client, dialect: str, answer_id: str) -> None:
        """Forget it. Raises as `find` does."""
        await self.find(client, dialect, answer_id)
        try:
            await self._notes.remove(client.name, _key(dialect, answer_id))
        except StoreError:
            raise _away() from None

    async def keep(self, client: Client, dialect: str, answered: Answered, told: list[Item]) -> None:
        """Keep it. A store that fails has told it; the client hears its answer all the same."""
        kept = Kept(answered.document, orjson.dumps(told), answered.said)
        expires = self._clock.now() + self._life
        try:
            await self._notes.put(client.name, _key(dialect, answered.id), _encode(kept), expires)
        except StoreError:
            return


class _Asked(Value):
    """A request as it goes on: all that the model is told, as items, and whether it is to write a summary of that."""

    request: Request
    told: list[Item]
    compacts: bool


class KeptAnswers:
    """Stands around another responder."""

    def __init__(self, inner: Responder, dialects: Mapping[str, Dialect], answers: Answers, most: int) -> None:
        """`most`: bytes of an answer that is worth keeping."""
        self._inner = inner
        self._keepings = {
            name: (dialect, dialect.keeping) for name, dialect in dialects.items() if dialect.keeping is not None
        }
        self._answers, self._most = answers, most

    def respond(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        """See `responder.Responder`."""
        original = request.original
        if original is None or request.form or request.dialect not in self._keepings:
            return self._inner(request, context)
        changes = request.previous is not None or _is_changed(original.document, self._keepings[request.dialect][1])
        if not changes and not self._answers.keeps(request):
            return self._inner(request, context)
        return self._respond(request, original, context)

    async def _respond(self, request: Request, original: Original, context: Context) -> AsyncGenerator[Batch, None]:
        dialect, keeping = self._keepings[request.dialect]
        asked = await self._asked(request, original, context.client)
        batches = self._inner(asked.request, context)
        if asked.compacts:
            batches = compacted(batches, keeping.compacting, dialect.name, context.request_id)
        tape = Tape(request, context, dialect, keeping, self._most) if self._answers.keeps(request) else None
        async with aclosing(batches):
            async for batch in batches:
                # Kept before it is told: its client may go on from it at once, and at another worker.
                if tape is not None and tape.record(batch) and (answered := tape.play()) is not None:
                    await self._answers.keep(context.client, dialect.name, answered, asked.told)
                yield batch

    async def _asked(self, request: Request, original: Original, client: Client) -> _Asked:
        """The request with the conversation that it goes on from, and kept by nobody else."""
        dialect, keeping = self._keepings[request.dialect]
        document = original.document
        earlier = (
            [] if request.previous is None else await self._answers.earlier(client, dialect.name, request.previous)
        )
        compacts = keeping.compacting.is_asked(document)
        if earlier or _is_changed(document, keeping):
            whole = keeping.go_on(document, earlier)
            anew = dialect.decode_request(orjson.dumps(keeping.compacting.ask(whole) if compacts else whole))
            request = replace(anew, session=request.session, original=None)
        else:
            request = replace(request, original=keeping.unkept(original))
        return _Asked(replace(request, previous=None, store=False), [*earlier, *keeping.told(document)], compacts)


def _is_changed(document: Document, keeping: Keeping) -> bool:
    """Whether a request has to be written anew before a backend can understand it."""
    return keeping.compacting.is_asked(document) or keeping.is_folded(document)


def _key(dialect: str, answer_id: str) -> str:
    return f"{dialect}/{answer_id}"


def _away() -> StoreAway:
    return StoreAway("llmux: the store that holds earlier answers does not answer.", retry_after=RETRY_AFTER)
