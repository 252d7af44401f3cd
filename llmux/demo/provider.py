"""The demo provider: a call -> everything that is done for it, in whatever dialect it came. No I/O, no time.

The same call always gets the same bytes, ids and dates too; only `flaky` counts.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from urllib.parse import parse_qsl, unquote

import msgspec

from llmux.demo import naming, speak
from llmux.demo.embedding import embed
from llmux.demo.faults import FAULTS, Fault, Scene
from llmux.demo.listing import CREATED, cards
from llmux.demo.model import answer, input_tokens
from llmux.demo.naming import Name
from llmux.demo.script import beats
from llmux.demo.speak import Act, Acts
from llmux.dialects.base import Address, AnswerForm, Counting, Dialect, Embedding, Form
from llmux.dialects.listing import Asked, Enquiry
from llmux.dialects.paths import Paths, starred, tidy
from llmux.errors import BadRequest, GatewayError, NotFound
from llmux.ir.events import Event, MessageEnd, MessageStart
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.transports.base import Call

HEADER = "x-llmux-demo"
Play = Callable[[Call], Iterator[Act]]
Role = tuple[Dialect, Play]  # in which dialect what is done

# An answer of one piece, which a fault may break.
DONE: Sequence[tuple[Event, ...]] = ((MessageStart("", ""),), (MessageEnd(FinishReason.END, Usage()),))
NO_FAULT = Fault("the answer as it should be", lambda scene: scene.complete)


class Provider:
    """Speaks every dialect that it is given. It remembers only how often each fault was asked for."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self._asked = Counter[str]()
        self._dialects = tuple(dialects)
        self._asks = Paths(row for dialect in self._dialects for row in self._asked_for(dialect))
        self._lists = {method: Paths(_listed(self._dialects, method)) for method in ("GET", "POST")}

    def _asked_for(self, dialect: Dialect) -> Iterator[tuple[str, Role]]:
        for form in dialect.every_form():
            yield from ((path, (dialect, partial(self._chat, dialect, form))) for path in form.inbound)
        if (counting := dialect.counting) is not None:
            yield from ((path, (dialect, partial(_count, counting))) for path in counting.inbound)
        if (embedding := dialect.embedding) is not None:
            yield from ((path, (dialect, partial(self._embed, dialect, embedding))) for path in embedding.inbound)

    def perform(self, call: Call) -> Acts:
        """Everything that is done for `call`. It never raises: an error is an answer."""
        dialect, play = self._role(call) or (self._dialects[0], _nowhere)
        try:
            return tuple(play(call))
        except GatewayError as error:
            told = dialect.encode_error(error, _id(call))
            return tuple(speak.document(told.body, told.status, told.headers))

    def _role(self, call: Call) -> Role | None:
        """Who is spoken to, and what is to be done."""
        path = tidy(_address(call).path)
        method = "GET" if call.method == "HEAD" else call.method
        tables = (*((self._asks,) if method == "POST" else ()), self._lists.get(method, self._lists["GET"]))
        places = (path, f"/v1{path}")  # a base URL may end in the version
        return next((found for table in tables for place in places if (found := table.find(place))), None)

    def _chat(self, dialect: Dialect, form: Form, call: Call) -> Iterator[Act]:
        request = form.decode_request(call.body, _address(call))
        name, fault = self._casting(request.model, call)
        response = answer(request, name.word, name.settings)
        scene = Scene(beats(response, name.settings.chunk), name.settings, self._asked[name.word])
        self._asked[name.word] += 1
        told = AnswerForm(
            _id(call), request.model, CREATED, request.include_usage, request.legacy_functions, input_tokens(request),
            request.original.document if request.original else {},
        )  # fmt: skip
        voice = speak.Voice(dialect, dialect.form(request.form), told)
        if request.stream:
            return speak.stream(fault.play(scene), voice)
        return speak.whole(fault.play(scene), voice.form.encode_response(response, told), voice)

    def _embed(self, dialect: Dialect, embedding: Embedding, call: Call) -> Iterator[Act]:
        """Any model embeds, unless its name is that of a fault."""
        request = embedding.decode_request(call.body, _address(call))
        name, fault = self._casting(request.model, call)
        told = AnswerForm(_id(call), request.model, CREATED)
        body = embedding.encode_response(embed(request), request, told)
        script = fault.play(Scene(DONE, name.settings, self._asked[name.word]))
        self._asked[name.word] += 1
        return speak.whole(script, body, speak.Voice(dialect, dialect, told))

    def _casting(self, model: str, call: Call) -> tuple[Name, Fault]:
        """Which model plays, and how it goes wrong: as the header says, else as the model's name says.

        Raises:
            BadRequest: the header names no fault, or a setting is wrong.
        """
        name, wished = naming.read(model), call.headers.get(HEADER, "")
        if not wished:
            return name, FAULTS.get(name.word, NO_FAULT)
        fault = naming.read(wished, HEADER)
        if fault.word not in FAULTS:
            raise BadRequest(f"{HEADER}: one of {', '.join(FAULTS)} is expected.", param=HEADER)
        return msgspec.structs.replace(fault, word=name.word), FAULTS[fault.word]


def _listed(dialects: Iterable[Dialect], method: str) -> Iterator[tuple[str, Role]]:
    for dialect in dialects:
        for enquiry in dialect.listing.enquiries if dialect.listing else ():
            if enquiry.method == method:
                yield enquiry.path, (dialect, partial(_list, enquiry))


def _count(counting: Counting, call: Call) -> Iterator[Act]:
    request = counting.decode_request(call.body, _address(call))
    return speak.document(counting.encode_response(input_tokens(request)))


def _address(call: Call) -> Address:
    path, _, query = call.path.partition("?")
    return Address(unquote(path), dict(parse_qsl(query)))


def _list(enquiry: Enquiry, call: Call) -> Iterator[Act]:
    at = _address(call)
    asked = Asked(starred(enquiry.path, tidy(at.path)), at.query, call.headers, call.body)
    return speak.document(enquiry.answer(asked, cards()))


def _nowhere(call: Call) -> Iterator[Act]:
    raise NotFound(f"The demo provider has no {call.method} {call.path}.")


def _id(call: Call) -> str:
    return f"demo{hashlib.sha256(call.body).hexdigest()[:20]}"
