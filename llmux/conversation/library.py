"""The answers that are kept, and looked for by their id: each client's apart, in the store, for a time.

Reference: https://platform.openai.com/docs/guides/conversation-state
"""

import msgspec
import orjson

from llmux.clock import Clock
from llmux.conversation.notes import Notes
from llmux.dialects.keeping import Answered, Item, Kept
from llmux.errors import AnswerNotFound, BadRequest, StoreAway
from llmux.ir.request import Request
from llmux.responder import Client
from llmux.store.base import StoreError

RETRY_AFTER = 1.0  # s; a store that is away is asked again after about as long

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


class Answers:
    """Keeps and finds answers, by client, dialect and id."""

    def __init__(self, notes: Notes, clock: Clock, life: float) -> None:
        """`life`: seconds for which an answer is kept; 0: none is."""
        self._notes, self._clock, self._life = notes, clock, life

    def keeps(self, request: Request) -> bool:
        """Whether the answer to `request` is to be kept: unless its client, or the owner, says no."""
        return self._life > 0 and request.store is not False

    def kept_until(self) -> float:
        """Until when an answer is kept that is complete now: Unix seconds."""
        return self._clock.now() + self._life

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
        expires = self.kept_until()
        try:
            await self._notes.put(client.name, _key(dialect, answered.id), _encode(kept), expires)
        except StoreError:
            return


def _key(dialect: str, answer_id: str) -> str:
    return f"{dialect}/{answer_id}"


def _away() -> StoreAway:
    return StoreAway("llmux: the store that holds earlier answers does not answer.", retry_after=RETRY_AFTER)
