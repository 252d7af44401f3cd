"""The standing properties of the contract, P1 to P6: what holds for every stream and every request there is."""

import json
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmux.dialects.registry import TABLE
from llmux.ir.events import MessageEnd, StreamError
from llmux.ir.fold import explode
from llmux.ir.grammar import check
from tests import corpus
from tests.amount import sampled
from tests.contract import grammar
from tests.contract.chat_plays import PLAYS
from tests.contract.claude_plays import NO_ARGUMENTS, THOUGHT, TWO_CALLS
from tests.contract.stage import FORM, answer, plain, told, whole
from tests.judges.recordings import Recorded
from tests.judges.table import JUDGES
from tests.laws.backends import sent
from tests.laws.lanes import cut_by, hear, stream_of
from tests.laws.pairs import Telling, sources
from tests.laws.pairs import told as tell
from tests.strategies import RESPONSES, requests

each_client = pytest.mark.parametrize("client", TABLE)
SMALL = 16 * 1024  # bytes of a stream that is also heard byte by byte


def streams(dialect: str) -> Iterator[Recorded]:
    """The recorded streams of a dialect."""
    return (case for case in sources() if case.dialect == dialect and case.streamed)


@corpus.needed
@pytest.mark.parametrize("backend", TABLE)
def test_where_the_network_cuts_does_not_matter(backend: str) -> None:
    """I.P1: every recorded stream, byte by byte, by sevens, and anywhere."""
    for case in sampled(streams(backend), 3):
        stream = case.row.answer
        decoder = TABLE[backend].decoder
        events = hear(decoder({}), [stream])
        sizes = [7, *([1] if len(stream) < SMALL else [])]
        ways = [[stream[at : at + size] for at in range(0, len(stream), size)] for size in sizes]
        for pieces in (*ways, cut_by(case.name, stream)):
            assert hear(decoder({}), pieces) == events, case.name


@corpus.needed
@each_client
def test_every_recorded_answer_is_told_in_the_strictest_grammar(client: str) -> None:
    """I.P2: whoever gave it."""
    for case in sources():
        stream = tell(Telling(case, client, "stream"))
        try:
            grammar.check(client, stream)
        except AssertionError as error:
            raise AssertionError(f"{case.name}: {error}") from error


@each_client
@settings(max_examples=40)
@given(RESPONSES)
def test_every_answer_there_could_be_is_told_in_the_strictest_grammar(client: str, response: object) -> None:
    """I.P2."""
    grammar.check(client, stream_of(TABLE[client], response))  # type: ignore[arg-type]  # hypothesis gives no types


@pytest.mark.parametrize("backend", TABLE)
@settings(max_examples=40)
@given(st.data())
def test_equal_requests_are_equal_bytes(backend: str, data: st.DataObject) -> None:
    """I.P4: read twice, said twice."""
    dialect = data.draw(st.sampled_from(sorted(TABLE)))
    request = data.draw(requests(dialect, backend))
    document = json.loads(sent(request, dialect))
    body = json.dumps(document if TABLE[dialect].model_in_body else {"model": "m", **document}).encode()
    first, second = (TABLE[dialect].decode_request(body) for _ in range(2))
    assert sent(first, backend) == sent(second, backend)


@corpus.needed
@pytest.mark.parametrize("backend", TABLE)
def test_a_stream_that_is_cut_anywhere_ends_once(backend: str) -> None:
    """I.P5: in an end or in a failure, with nothing behind it."""
    for case in streams(backend):
        stream = case.row.answer
        for end in range(0, len(stream), max(1, len(stream) // 8)):
            events = hear(TABLE[backend].decoder({}), [stream[:end]])
            assert list(check(events)) == events
            ends = [event for event in events if isinstance(event, MessageEnd | StreamError)]
            assert ends == events[-1:], case.name


# Arguments that were cut are told as they are in a stream; where a body wants an object, it says that they are broken.
CUT = "I.39 cut within arguments"
PLAYED = {
    **{name: ("openai_chat", plain(*chunks)) for name, (chunks, _) in PLAYS.items() if name != CUT},
    "two calls": ("claude", TWO_CALLS),
    "no arguments": ("claude", NO_ARGUMENTS),
    "a thought": ("claude", THOUGHT),
}


@each_client
@pytest.mark.parametrize("play", PLAYED)
def test_a_stream_put_together_is_the_answer_as_one_body(play: str, client: str) -> None:
    """I.P6: as the vendor's own SDK hears both."""
    heard = answer(*PLAYED[play])
    stream = JUDGES[client].stream(told(client, list(explode(heard))))
    assert stream == JUDGES[client].whole(orjson.dumps(whole(client, heard, FORM)))
