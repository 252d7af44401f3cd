"""What whole answers and streams say in the same words: a line of an answer, its usage, why it ended, when it was said.

A whole answer is one line. Lines of /api/chat and of /api/generate differ only in where the text stands, so that one
type reads both.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion
"""

from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from llmux.dialects import faults
from llmux.dialects.arguments import as_object
from llmux.dialects.base import AnswerForm
from llmux.dialects.document import read
from llmux.dialects.ollama.schema import FINISH_REASONS, LOAD, UNLOAD, WORDS
from llmux.dialects.shape import LARGEST
from llmux.errors import BackendGarbled, BadRequest
from llmux.ir.content import ToolCall
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

Wire = dict[str, Any]

GARBLED = "The backend sent a line that is not Ollama's."
CUT = "The backend's answer broke off."
NANOSECONDS = 1_000_000_000  # in a second


class Function(msgspec.Struct, gc=False):
    """Which tool is called, and with what: an object, kept as it was spelled."""

    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class Call(msgspec.Struct, gc=False):
    """A call, always whole. Older servers give it no id."""

    function: Function
    id: str | None = None


class Message(msgspec.Struct, gc=False):
    """What a line of /api/chat adds."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[Call] | None = None


SILENT = Message()


class Line(msgspec.Struct, gc=False):
    """A line of an answer, or all of one. `response` and `thinking` are /api/generate's."""

    message: Message | None = None
    response: str | None = None
    thinking: str | None = None
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: float | None = None
    eval_count: float | None = None
    model: str | None = None
    created_at: str | None = None
    error: Any = None

    @property
    def speaks(self) -> bool:
        """Whether it says something of the answer, or ends it."""
        said = self.message or SILENT
        return bool(self.done or said.content or self.response or said.thinking or self.thinking or said.tool_calls)


_decode = msgspec.json.Decoder(Line).decode
_UNUSUAL = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def decode_line(data: bytes) -> Line:
    """What a line says.

    Raises:
        BackendGarbled: it is no JSON, or no line of an answer.
        GatewayError: it tells of a failure.
    """
    try:
        said = _decode(data)
    except _UNUSUAL:
        said = _decode_anyway(data)
    if said.error:
        raise faults.decode_document({"error": said.error})
    return said


def _decode_anyway(data: bytes) -> Line:
    """Half a surrogate pair, where a server cuts between two tokens of one character; nothing else is forgiven."""
    try:
        return _decode(orjson.dumps(read(data)[0]))
    except (BadRequest, *_UNUSUAL):
        raise BackendGarbled(GARBLED) from None


def decode_usage(said: Line) -> Usage:
    """The tokens of an answer. A prompt that was all in the cache is not counted by older servers."""
    return Usage(input_tokens=_count(said.prompt_eval_count), output_tokens=_count(said.eval_count))


def _count(value: float | None) -> int:
    return int(value) if value is not None and 0 < value < LARGEST else 0


def decode_finish(word: str | None, *, called: bool) -> FinishReason:
    """Why an answer ended. That it was cut counts for more than that it `called` tools, of which no word tells."""
    reason = FINISH_REASONS.get(word or "", FinishReason.END)
    return FinishReason.TOOL_CALL if called and reason is FinishReason.END else reason


# --- towards clients -------------------------------------------------------------------------------------------------


class Stamps:
    """Writes the moment, from when the request came and how long ago that is."""

    __slots__ = ("_form", "_prefix", "_second")

    def __init__(self, form: AnswerForm) -> None:
        self._form = form
        self._second = -1
        self._prefix = ""

    def now(self) -> str:
        """Now, as Ollama writes it: `2026-11-21T10:00:00.123456789Z`."""
        seconds, rest = divmod(self._form.elapsed(), NANOSECONDS)
        if seconds != self._second:  # seldom: a second has many lines
            self._second = seconds
            self._prefix = datetime.fromtimestamp(self._form.created + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._prefix}.{rest:09d}Z"


def encode_call(part: ToolCall, arguments: str, index: int) -> Wire:
    """A call as an entry of `tool_calls`: always whole. `arguments` are what its deltas have said."""
    custom = part.kind == "custom"
    function = {
        "index": index,
        "name": part.name,
        "arguments": as_object(part.arguments + arguments, custom=custom),
    }
    return {"id": part.id, "function": function}


def encode_end(reason: FinishReason, usage: Usage, durations: Wire) -> Wire:
    """The fields of the last line. `durations` are nanoseconds; nothing is loaded here, so that took none."""
    return {
        "done": True,
        "done_reason": WORDS[reason],
        **durations,
        "load_duration": 0,
        "prompt_eval_count": usage.total_input_tokens,
        "eval_count": usage.output_tokens,
    }


def idle_reason(form: AnswerForm) -> str:
    """The word `load` or `unload` for a request without a prompt, which asks for no answer; "" for any other."""
    asked = form.asked
    if not asked or asked.get("messages") or asked.get("prompt"):
        return ""
    return UNLOAD if _is_zero(asked.get("keep_alive")) else LOAD


def _is_zero(span: Any) -> bool:
    """Whether a time is none: 0, "0", "0s". Whatever else is no number keeps the model loaded."""
    if isinstance(span, str):
        return span.rstrip("nuµmsh").strip("0.") == "" and span != ""
    return span is not None and not isinstance(span, bool) and span == 0
