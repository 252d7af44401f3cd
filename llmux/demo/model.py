"""What the demo models answer: a request -> a whole Response. Pure: the same request always gets the same answer.

In this order: it refuses if it is `decline`; calls the tools that it is asked or forced to call; gives JSON when the
request wants JSON; tells what its tools gave; says the words that it was told to answer with; else says back what was
said. It reasons first if it is `think`, or when the request asks for reasoning.
"""

from collections.abc import Iterator, Mapping

import msgspec

from llmux.demo import conversation, instructions, planning, specimen, tokens
from llmux.demo.bounds import bound
from llmux.demo.conversation import Conversation, Outcome
from llmux.demo.naming import Settings
from llmux.ir.content import Json, Part, Reasoning, ReasoningState, Refusal, Text
from llmux.ir.request import Request
from llmux.ir.response import Response
from llmux.ir.usage import Usage

MODELS: Mapping[str, str] = {
    "echo": "says back what was said; calls tools, writes JSON and reasons when the request asks for it",
    "think": "reasons first, whether it is asked to or not; then as echo",
    "decline": "refuses, in words",
}
# How the reasoning is signed, in the dialect whose clients look for it.
SIGNATURES = {
    "claude": (ReasoningState("anthropic", "signature", "ZGVtbw=="),),
    "gemini": (ReasoningState("google", "signature", "ZGVtbw=="),),
    "openai_responses": (ReasoningState("openai", "encrypted", "ZGVtbw=="),),
}
QUOTE_CHARACTERS = 400  # of a tool's result


def answer(request: Request, name: str = "echo", settings: Settings | None = None) -> Response:
    """What the demo model `name` answers. A name that is not in MODELS answers as echo."""
    settings = settings or Settings()
    talk = conversation.read(request)
    parts, finish_reason, stopped = bound(_parts(request, talk, name, settings.repeat), request)
    thought = tokens.count(part for part in parts if isinstance(part, Reasoning))
    usage = Usage(input_tokens(request), tokens.count(parts), reasoning_tokens=thought)
    return Response(f"demo-{len(request.messages)}", request.model, parts, finish_reason, usage, stopped)


def input_tokens(request: Request) -> int:
    """The tokens of everything that is sent."""
    schemas = (Text(text=tool.name + (tool.description or "") + str(dict(tool.schema or {}))) for tool in request.tools)
    return (
        tokens.count(part for message in request.messages for part in message.parts)
        + tokens.count(schemas)
        + tokens.MESSAGE_TOKENS * len(request.messages)
    )


# --- what is said --------------------------------------------------------------------------------------------------


def _parts(request: Request, talk: Conversation, name: str, repeat: int) -> tuple[Part, ...]:
    if not request.messages:  # so an Ollama's client has a model loaded: it asks for no answer
        return ()
    if name == "decline":
        return (Refusal(text="I am the demo model that declines. I will not do that."),)
    calls = planning.calls(request, talk)
    text = "" if calls else _text(request, talk) * repeat
    said = (Text(text=text),) if text else ()
    return (*_reasoning(request, talk, name), *said, *calls)


def _reasoning(request: Request, talk: Conversation, name: str) -> Iterator[Part]:
    if name == "think" or request.reasoning.mode in {"on", "auto"}:
        text = f"The last thing I was told is {len(talk.said)} characters long. Let me see what is wanted."
        yield Reasoning(text=text, states=SIGNATURES.get(request.dialect, ()))


def _text(request: Request, talk: Conversation) -> str:
    if request.output.kind != "text" or talk.wants_json:
        return _json(request.output.schema, talk.said)
    outcomes = "\n".join(map(_told, talk.outcomes))
    done = _lines(instructions.wording(talk.said), outcomes, planning.lacking(request, talk))
    return _lines(done or talk.said, _seen(talk)) or "Nothing was said."


def _json(schema: Json | None, said: str) -> str:
    value = {"answer": said} if schema is None else specimen.specimen(schema, instructions.values(said))
    return msgspec.json.encode(value).decode()


def _told(outcome: Outcome) -> str:
    if not outcome.text:
        return f"{outcome.tool} said nothing."
    verb = "failed" if outcome.is_error else "said"
    quote = outcome.text if len(outcome.text) <= QUOTE_CHARACTERS else outcome.text[:QUOTE_CHARACTERS] + " ..."
    return f"{outcome.tool} {verb}: {quote}"


def _seen(talk: Conversation) -> str:
    counts = {"image": talk.images, "document": talk.documents}
    seen = [f"{number} {noun}{'s' * (number > 1)}" for noun, number in counts.items() if number]
    return f"I see {' and '.join(seen)}." if seen else ""


def _lines(*texts: str | None) -> str:
    return "\n\n".join(text for text in texts if text)
