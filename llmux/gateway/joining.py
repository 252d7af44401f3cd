"""Several answers -> one: what each said, all in one text, or what a model is asked that is to merge them. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from llmux.errors import GatewayError, NoBackendUp
from llmux.ir.content import Text
from llmux.ir.events import Event, Opened, Verbatim
from llmux.ir.fold import explode, fold
from llmux.ir.request import Message, Request, Role
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from llmux.ir.value import Value

FIGURES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")

MERGE = """\
Several assistants have answered the request above, each without knowing of the others. Their answers follow, in no
order of merit. Write the one answer that the user should get: keep what is right and useful in any of them, settle
where they contradict each other, and leave out what is wrong or said twice. Answer the request itself, in its language
and in the form that it asks for. Do not mention that there were several answers.
"""


class Said(Value):
    """What one backend said: `text` and `usage` of a whole answer, or why there is none."""

    backend: str
    model: str = ""
    attempts: int = 0
    text: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    error: GatewayError | None = None

    @property
    def told(self) -> Mapping[str, Any]:
        """As JSON."""
        return {
            "backend": self.backend,
            "model": self.model or None,
            "text": self.text if self.error is None else None,
            "finish_reason": self.finish_reason.value if self.finish_reason else None,
            "usage": {name: getattr(self.usage, name) for name in FIGURES} if self.usage else None,
            "error": {"type": self.error.kind, "message": self.error.message} if self.error else None,
        }


def read(
    backend: str, events: Sequence[Event], error: GatewayError | None, decode: Callable[[bytes], Response]
) -> Said:
    """What the `events` of a whole answer say, or the `error` instead of it. `decode` reads one that is verbatim."""
    if error is not None:
        return Said(backend, attempts=error.attempts, error=error)
    opened, *told = events
    model, attempts = (opened.model, opened.attempts) if isinstance(opened, Opened) else ("", 0)
    try:
        response = _response(told, decode)
    except GatewayError as garbled:
        return Said(backend, model, attempts, error=garbled)
    text = "".join(part.text for part in response.parts if isinstance(part, Text))
    return Said(backend, model, attempts, text, response.finish_reason, response.usage)


def not_asked(plan: Mapping[str, str]) -> list[Said]:
    """Those that were not even asked, and why."""
    return [Said(backend, error=NoBackendUp(reason)) for backend, reason in plan.items()]


def _response(events: Sequence[Event], decode: Callable[[bytes], Response]) -> Response:
    verbatim = [event.data for event in events if isinstance(event, Verbatim)]
    return decode(b"".join(verbatim)) if verbatim else fold(events)


def all_of(said: Iterable[Said], model: str) -> tuple[Event, ...]:
    """The events of one answer, by the name of `model`, that gives all of them, each under the name of its backend."""
    given = [one for one in said if one.error is None]
    text = "\n\n".join(f"## {one.backend}\n\n{one.text}" for one in given)
    usages = [one.usage for one in given if one.usage]
    usage = Usage(*(sum(getattr(usage, name) for usage in usages) for name in FIGURES[:4]))
    usage = replace(usage, reasoning_tokens=sum(one.reasoning_tokens for one in usages))
    return tuple(explode(Response("", model, (Text(text),), FinishReason.END, usage)))


def merging(request: Request, model: str, said: Iterable[Said]) -> Request:
    """`request`, to be answered by `model`, which is told what others have answered to it."""
    given = [one for one in said if one.error is None]
    answers = [f'<answer number="{number}">\n{one.text}\n</answer>' for number, one in enumerate(given, 1)]
    prompt = Text("\n".join((MERGE, *answers)))
    *before, last = request.messages
    if last.role is Role.USER:  # not every model takes two turns of one side
        messages = (*before, replace(last, parts=(*last.parts, prompt)))
    else:
        messages = (*request.messages, Message(Role.USER, (prompt,)))
    return replace(
        request, model=model, messages=messages, tools=(), tool_choice=None, choices=1, bound="", original=None
    )
