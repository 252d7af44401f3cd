"""A finished answer, both ways: a backend's body -> Response, Response of any dialect -> the body for a client."""

import msgspec

from llmux.dialects.base import AnswerForm, Names
from llmux.dialects.document import line
from llmux.dialects.openai_responses.answer import decode_finish, decode_usage, load_response, objects
from llmux.dialects.openai_responses.calls import is_call
from llmux.dialects.openai_responses.items import closing, encode_output_items
from llmux.dialects.openai_responses.reader import Reader
from llmux.errors import BackendGarbled
from llmux.ir.events import Event, Verbatim
from llmux.ir.fold import fold
from llmux.ir.response import Response


def decode_response(body: bytes, names: Names) -> Response:
    """A backend's whole answer: read as a stream of its last event, so that both lanes understand the same.

    Raises:
        BackendGarbled: it is no answer of this wire.
        GatewayError: it tells of a failure, whatever its status said.
    """
    events: list[Event] = []
    Reader(names).end(load_response(body), events)
    return fold(events)


def encode_response(response: Response, form: AnswerForm) -> bytes:
    """The body that a client of this dialect gets: its own name of the model, our id of the answer."""
    return line(closing(response, encode_output_items(response, form), form))


def verbatim_response(body: bytes) -> Verbatim:
    """A backend's whole answer, unchanged, and the facts in it.

    Raises:
        BackendGarbled: it is no answer of this wire.
        GatewayError: it tells of a failure, whatever its status said.
    """
    document = load_response(body)
    called = any(map(is_call, objects(document["output"])))
    reason = decode_finish(document, called=called, refused=False)
    return Verbatim(body, bool(document["output"]), decode_usage(document), reason, done=True)


# --- counting --------------------------------------------------------------------------------------------------------


class _Counted(msgspec.Struct):
    input_tokens: int


_counted = msgspec.json.Decoder(_Counted)


def decode_count(body: bytes) -> int:
    """The number of tokens of a request.

    Raises:
        BackendGarbled: the body does not say.
    """
    try:
        return _counted.decode(body).input_tokens
    except msgspec.MsgspecError:
        raise BackendGarbled("The backend did not count the tokens.") from None


def encode_count_answer(tokens: int) -> bytes:
    """The number of tokens, as a client hears it."""
    return line({"object": "response.input_tokens", "input_tokens": tokens})
