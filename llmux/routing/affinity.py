"""Which conversation a request belongs to, and what it means that a backend has just answered it. Pure.

A backend that has read a long prompt a moment ago answers the next turn of it from its cache, in a tenth of the time
and for a tenth of the price. Who answered last is not known here.
"""

import hashlib
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from llmux.ir.content import Text
from llmux.ir.request import Message, Request, Role
from llmux.responder import Client
from llmux.routing.rules import READY, Condition
from llmux.routing.selector import Choice

KEY_BYTES = 16


def conversation(request: Request, client: Client) -> bytes:
    """A name for the conversation of `request`, of KEY_BYTES: the same for each of its turns, and for one model.

    It is the client's own name for it where the request has one, else made from what stays as turns are added: the
    system prompt and the first of the user's messages. Tools that ask two models in one conversation, a large one and
    a small one for the small things, have each of them at its own backend.
    """
    words = (request.session,) if request.session else _opening(request)
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for word in (client.name, request.model, *words):
        data = word.encode(errors="replace")
        digest.update(b"%d:" % len(data))  # so that no two lists of words are the same bytes
        digest.update(data)
    return digest.digest()


def _opening(request: Request) -> Iterator[str]:
    for message in request.messages:
        yield from _texts(message)
        if message.role is Role.USER:
            return


def _texts(message: Message) -> Iterator[str]:
    """What only its own dialect understands is left out: a line that a client sends anew with each request is such."""
    return (part.text for part in message.parts if isinstance(part, Text))


def stay(choice: Choice, last: str, conditions: Mapping[str, Condition]) -> Choice:
    """`choice` with the backend `last` in front, if it fits and could answer at once. The others stay in order."""
    if last not in choice.plan or conditions.get(last, READY).paced:
        return choice
    others = (name for name in choice.plan if name != last)
    return replace(choice, plan=(last, *others), kept=True)
