"""A finished answer, both ways.

Reference: https://docs.claude.com/en/api/messages
"""

import msgspec

from llmux.dialects.base import AnswerForm
from llmux.dialects.claude.answer import encode_finish, encode_parts, encode_usage, message_id, read_answer
from llmux.dialects.claude.schema import DIALECT
from llmux.dialects.document import line
from llmux.errors import BackendGarbled
from llmux.ir.content import restore
from llmux.ir.response import Response

decode_response = read_answer


def encode_response(response: Response, form: AnswerForm) -> bytes:
    """The answer as a client hears it."""
    return line(
        {
            "id": message_id(response.id, form.id),
            "type": "message",
            "role": "assistant",
            "model": form.model,
            "content": encode_parts(response.parts),
            **encode_finish(response.finish_reason, response.stop_sequence),
            "usage": encode_usage(response.usage),
            **restore(DIALECT, response.details),
        }
    )


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
    return line({"input_tokens": tokens})
