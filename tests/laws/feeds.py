"""What is fed with damaged input, and with what: every decoder, and whatever reads what a decoder makes of garbage.

A feed takes one input and raises nothing where the law holds. Seeds are what is damaged: recordings where there are
any, and specimens of our own.
"""

import functools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import orjson
from msgspec.structs import replace

from llmux.conversation import turns
from llmux.dialects.base import Address, Dialect, Form, backend_path
from llmux.dialects.keeping import Keeping, Kept
from llmux.dialects.listing import Asked
from llmux.dialects.registry import TABLE
from llmux.errors import GatewayError
from llmux.ir.card import ModelCard
from llmux.ir.content import Text, ToolCall
from llmux.ir.events import Event, PartDelta, StreamError
from llmux.ir.fold import explode, fold
from llmux.ir.grammar import check
from llmux.ir.request import Tool
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from llmux.normalise.normaliser import normaliser
from tests import corpus
from tests.laws.backends import able
from tests.laws.clients import sent_to_gateways, sent_to_providers
from tests.laws.lanes import FORM, hear, tell
from tests.laws.specimens import ANSWER, FORMS, REQUESTS, SCHEMA

Seeds = tuple[bytes, ...]


class Met:
    """The errors of llmux that were met, by class. `with met:` takes one that is raised; any other goes on."""

    def __init__(self) -> None:
        self.count = Counter[str]()

    def __enter__(self) -> None:
        """Nothing has been raised yet."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, GatewayError):
            self.count[type(error).__name__] += 1
        return isinstance(error, GatewayError)

    def hear(self, events: Sequence[Event]) -> None:
        """An answer may end in one."""
        if events and isinstance(events[-1], StreamError):
            self.count[type(events[-1].error).__name__] += 1


Feed = Callable[[Dialect, bytes, random.Random, Met], None]

QUERIES: tuple[dict[str, str], ...] = (
    {},
    {"alt": "sse"},
    {"alt": "json"},
    {"order": "asc", "limit": "3"},
    {"limit": "x"},
)
# What the stages put right, or leave alone: reasoning in tags, calls that are printed, arguments of another shape.
TOOLS = (Tool(name="weather", schema=SCHEMA), Tool(name="list_files", schema={"type": "object"}), Tool(name="a.b"))
PRINTED = (
    "<think>Hm.</think>\n\nRain.",
    'I look. <tool_call>\n{"name": "weather", "arguments": {"city": "Paris", "days": "2"}}\n</tool_call> So.',
    "<function=Weather><parameter=city>Paris</parameter></function>",
    '[TOOL_CALLS] [{"name": "listFiles", "arguments": {}}]',
    '```json\n{"name": "weather", "arguments": "{\\"city\\": \\"Paris\\"}"}\n```',
)
ARGUMENTS = (
    '{"City": "Paris", "days": "2"}',
    '"{\\"city\\": \\"Paris\\"}"',
    '{"city": ["Paris"], "days": null}',
    "null",
    "",
)


def pieces(data: bytes, luck: random.Random) -> list[bytes]:
    """`data` as a network cuts it."""
    ends = sorted(luck.choices(range(len(data) + 1), k=luck.randint(0, 8)))
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


# --- answers ---------------------------------------------------------------------------------------------------------


def _stream(dialect: Dialect, data: bytes, luck: random.Random, met: Met) -> None:
    """A stream: its decoder never raises, and its events come in order."""
    met.hear(list(check(hear(dialect.decoder({}), pieces(data, luck)))))


def _told(dialect: Dialect, data: bytes, luck: random.Random, met: Met) -> None:
    """What a damaged stream says can be told to every client in every form, put together, and remembered."""
    events = hear(dialect.decoder({}), pieces(data, luck))
    for client in TABLE.values():
        for form in client.every_form():
            tell(replace(client, encoder=form.encoder), events)
    with met:
        response = fold(events)
        turn, _ = turns.read(response.parts), turns.key(response.parts, ids=dialect.call_ids)
        msgspec.json.encode(turn)
        for client in TABLE.values():
            for form in client.every_form():
                form.encode_response(response, FORM)


def _normalised(dialect: Dialect, data: bytes, luck: random.Random, met: Met) -> None:
    """Every stage of normalising takes what a damaged stream says, and keeps its order."""
    machine = normaliser(TOOLS, repair=True, printed=True, tags=True, turn=1)
    assert machine is not None
    decoder, events = dialect.decoder({}), []
    for piece in pieces(data, luck):
        events += machine.feed(decoder.feed(piece))
    met.hear(list(check([*events, *machine.feed(decoder.close())])))


def _verbatim(dialect: Dialect, data: bytes, luck: random.Random, met: Met) -> None:
    """A stream in the verbatim lane, in every form."""
    for form in dialect.every_form():
        met.hear(hear(form.verbatim(), pieces(data, luck)))


def _answer(dialect: Dialect, data: bytes, _: random.Random, met: Met) -> None:
    """One body."""
    with met:
        dialect.decode_response(data, {})
    for form in dialect.every_form():
        with met:
            form.verbatim_response(data)


def _error(dialect: Dialect, data: bytes, luck: random.Random, met: Met) -> None:
    """An error of a backend becomes one of ours, whatever it says."""
    status = luck.choice((400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529))
    with met:
        raise dialect.decode_error(status, {}, data)


# --- requests --------------------------------------------------------------------------------------------------------


def _request(dialect: Dialect, data: bytes, luck: random.Random, met: Met) -> None:
    """A client's request, in every form; repaired, and as any backend would get it, where it is taken."""
    for form in dialect.every_form():
        with met:
            request = form.decode_request(data, _address(form, luck))
            assert request.original is not None
            msgspec.json.encode(dialect.repair(request.original.document))
            backend = luck.choice(tuple(TABLE))
            msgspec.json.encode(TABLE[backend].encode_request(request, able(backend)).body)


def _address(form: Form, luck: random.Random) -> Address:
    path = backend_path(form, "m", stream=luck.random() < 0.5)
    return Address(path.partition("?")[0], luck.choice(QUERIES))


def _counting(dialect: Dialect, data: bytes, luck: random.Random, met: Met) -> None:
    """A wish to count tokens, and the answer to one."""
    counting = dialect.counting
    assert counting is not None
    with met:
        request = counting.decode_request(data, Address(counting.path.replace("{model}", "m")))
        backend = luck.choice([name for name, each in TABLE.items() if each.counting])
        asked = TABLE[backend].counting
        assert asked is not None
        msgspec.json.encode(asked.encode_request(request, able(backend)).body)
    with met:
        counting.encode_response(counting.decode_response(data))


def _listing(dialect: Dialect, data: bytes, luck: random.Random, met: Met) -> None:
    """A backend's list of models, what it tells of one, and a client that asks for either."""
    listing = dialect.listing
    assert listing is not None
    cards = (ModelCard(id="m"),)
    with met:
        cards = listing.decode(data).cards or cards
    if listing.detail is not None:
        with met:
            cards = (listing.detail.decode(cards[0], data),)
    asked = Asked(luck.choice((cards[0].id, data[:9].decode(errors="replace"))), luck.choice(QUERIES), {}, data)
    for enquiry in listing.enquiries:
        with met:
            enquiry.answer(asked, cards)


def _kept(dialect: Dialect, data: bytes, luck: random.Random, met: Met) -> None:
    """Answers that are kept, what was asked for them, and what is asked about them."""
    keeping = dialect.keeping
    assert keeping is not None
    for stream in (True, False):
        keeping.answered(data, stream)
    with met:
        dialect.decode_request(keeping.compacting.decode(data))
    with met:
        request = dialect.decode_request(data)
        assert request.original is not None
        keeping.unkept(request.original)
        _go_on(dialect, keeping, request.original.document, luck, met)


def _go_on(dialect: Dialect, keeping: Keeping, document: Mapping[str, Any], luck: random.Random, met: Met) -> None:
    """A conversation that goes on from itself, is made shorter, and is listed."""
    told = keeping.told(document)
    keeping.is_folded(document)
    whole = keeping.go_on(document, told)
    for anew in (whole, keeping.compacting.ask(whole)):
        with met:
            dialect.decode_request(orjson.dumps(anew))
    with met:
        keeping.items("resp_1", Kept(b"{}", orjson.dumps(told), b"[]"), luck.choice(QUERIES))
    answer = {"id": "r", "created_at": 1, "usage": None, "output": [keeping.compacting.item("so far", "1")]}
    keeping.compacting.encode(told, orjson.dumps(answer))


FEEDS: Mapping[str, Feed] = {
    "stream": _stream,
    "verbatim": _verbatim,
    "told": _told,
    "normalised": _normalised,
    "answer": _answer,
    "request": _request,
    "error": _error,
    "counting": _counting,
    "listing": _listing,
    "kept": _kept,
}


# --- seeds -----------------------------------------------------------------------------------------------------------


def kinds(dialect: Dialect) -> tuple[str, ...]:
    """The feeds that `dialect` has."""
    lacks = {"counting": not dialect.counting, "listing": not dialect.listing, "kept": not dialect.keeping}
    return tuple(kind for kind in FEEDS if not lacks.get(kind))


@functools.cache
def seeds(name: str) -> Mapping[str, Seeds]:
    """What is damaged at the dialect `name`, for each feed that it has."""
    dialect = TABLE[name]
    streams = (*_answers(name, "stream"), *_streams(dialect, ANSWER))
    bodies = (*_answers(name, "exchange"), *(form.encode_response(ANSWER, FORM) for form in dialect.every_form()))
    asked = tuple(_asked(name))
    return {
        "stream": streams,
        "verbatim": streams,
        "told": streams,
        "normalised": (*streams, *(stream for answer in _printed() for stream in _streams(dialect, answer))),
        "answer": bodies,
        "request": asked,
        "error": (*_answers(name, "error"), dialect.encode_error(GatewayError("no"), "req_1").body),
        "counting": (*asked, dialect.counting.encode_response(7)) if dialect.counting else (),
        "listing": tuple(_listed(dialect)),
        "kept": (*asked, *streams, *bodies),
    }


def _answers(name: str, *kinds: corpus.Kind) -> Iterator[bytes]:
    return (corpus.row(name, kind, row).answer for kind in kinds for row in corpus.names(name, kind))


def _streams(dialect: Dialect, answer: Response) -> Iterator[bytes]:
    """`answer` as a stream, in every form, word by word."""
    for form in dialect.every_form():
        yield tell(replace(dialect, encoder=form.encoder), list(_spoken(answer)))


def _spoken(answer: Response) -> Iterator[Event]:
    for event in explode(answer):
        if isinstance(event, PartDelta):
            yield from (PartDelta(event.index, event.delta[at : at + 5]) for at in range(0, len(event.delta), 5))
        else:
            yield event


def _printed() -> Iterator[Response]:
    for text in PRINTED:
        yield Response("1", "m", (Text(text=text),), FinishReason.END, Usage(1, 1))
    calls = (ToolCall(id=f"call_{at}", name="weather", arguments=told) for at, told in enumerate(ARGUMENTS))
    yield Response("1", "m", (*calls, ToolCall(id="c", name="listFiles")), FinishReason.TOOL_CALL, Usage(1, 1))


def _asked(name: str) -> Iterator[bytes]:
    dialect = TABLE[name]
    forms = set(map(id, dialect.every_form()))
    for sent in (*sent_to_providers(), *sent_to_gateways()):
        if id(sent.form) in forms:
            yield json.dumps(sent.body).encode()
    yield json.dumps(REQUESTS[name]).encode()
    yield from (json.dumps(body).encode() for (of, _), body in FORMS.items() if of == name)


def _listed(dialect: Dialect) -> Iterator[bytes]:
    cards = (ModelCard(id="m", owner="o", created=1, context=1000, vision=True), ModelCard(id="n"))
    for enquiry in dialect.listing.enquiries if dialect.listing else ():
        with suppress(GatewayError):
            yield enquiry.answer(Asked("m", body=b'{"model":"m"}'), cards)
