"""Generated requests and answers in neutral words, for the laws. Everything in them is something a real API says."""

import json

from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.ir.content import (
    Citation,
    Extra,
    Image,
    Inline,
    Link,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from llmux.ir.request import Message, Request, Role, Sampling, Tool, ToolChoice
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

# Letters of several widths, and what JSON and SSE escape or trip over. No NUL: no backend takes one.
ALPHABET = 'aZ9 _-.,:"\\/\n\r\t{}[]<>é€漢😀\u2028\u2029\u0085\x7f'
WORDS = st.text(ALPHABET, max_size=24)
SPOKEN = WORDS.filter(lambda text: bool(text.strip(" \n\r\t\u2028\u2029\u0085\x7f")))
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
IDS = st.from_regex(r"[a-zA-Z0-9_-]{1,24}", fullmatch=True)
TOKENS = st.integers(0, 1_000_000)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9, allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=3)
ARGUMENTS = OBJECTS.map(lambda value: json.dumps(value, ensure_ascii=False))

STATES = st.builds(ReasoningState, st.just("claude"), st.just("signature"), IDS)
CITATIONS = st.builds(Citation, st.just("claude"), OBJECTS, url=st.none() | IDS, quote=st.none() | WORDS)
CALLS = st.builds(ToolCall, id=IDS, name=NAMES, arguments=ARGUMENTS)

USAGES = st.builds(
    Usage,
    input_tokens=TOKENS,
    output_tokens=TOKENS,
    cache_read_tokens=TOKENS,
    cache_write_tokens=TOKENS,
    reasoning_tokens=TOKENS,
)
ANSWER_PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, text=WORDS, citations=st.lists(CITATIONS, max_size=2).map(tuple)),
    st.builds(Reasoning, text=WORDS, states=st.lists(STATES, max_size=2).map(tuple)),
    st.builds(Refusal, text=WORDS),
    CALLS,
    st.builds(ToolCall, id=IDS, name=NAMES, arguments=WORDS, kind=st.just("custom")),
    st.builds(Opaque, dialect=st.just("claude"), raw=OBJECTS.map(lambda raw: {**raw, "type": "novel"}), text=WORDS),
)
RESPONSES = st.builds(
    Response,
    id=IDS,
    model=NAMES,
    parts=st.lists(ANSWER_PARTS, max_size=6).map(tuple),
    finish_reason=st.sampled_from(FinishReason),
    usage=USAGES,
    stop_sequence=st.none() | WORDS,
    details=st.none() | st.builds(Extra, st.just("claude"), OBJECTS),
)


# --- answers that both dialects can say whole: reasoning, then text, then calls --------------------------------------

THOUGHT = SPOKEN.map(lambda text: Reasoning(text=text))
SAID = SPOKEN.map(lambda text: Text(text=text))


@st.composite
def answers(draw: st.DrawFn) -> Response:
    """A whole answer; its usage adds up, and its finish reason fits what it holds."""
    parts: list[Part] = [*draw(st.lists(THOUGHT, max_size=1)), *draw(st.lists(SAID, max_size=1))]
    calls = draw(st.lists(CALLS, max_size=3, unique_by=lambda call: call.id))
    if not parts and not calls:
        parts = [draw(SAID)]
    ends = [FinishReason.TOOL_CALL] if calls else [FinishReason.END]
    usage = draw(USAGES)
    return Response(
        id=draw(IDS),
        model=draw(NAMES),
        parts=(*parts, *calls),
        finish_reason=draw(st.sampled_from([*ends, FinishReason.MAX_TOKENS])),
        usage=replace(usage, output_tokens=usage.output_tokens + usage.reasoning_tokens),
    )


ANSWERS = answers()


# --- requests that both dialects can say whole ------------------------------------------------------------------------

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CARRIED, LINKED = Image(source=Inline("image/png", PIXEL)), Image(source=Link("https://x.test/1.png"))
# What a wire has no word for: dialects -> they take no address of a picture, and say nothing of a choice among tools.
LINKLESS = CHOICELESS = frozenset({"ollama"})
TEXTS = SPOKEN.map(lambda text: Text(text=text))
SCHEMAS = st.fixed_dictionaries({
    "type": st.just("object"),
    "properties": st.dictionaries(NAMES, st.just({"type": "string"}), max_size=2),
})  # fmt: skip
TOOLS = st.builds(Tool, name=NAMES, description=SPOKEN, schema=SCHEMAS)


@st.composite
def turns(draw: st.DrawFn, number: int, tools: list[str], images: list[Image]) -> tuple[Message, ...]:
    """What a user says, and what comes of it: calls with their results, then an answer."""
    told: list[Part] = [draw(TEXTS), *draw(st.lists(st.sampled_from(images), max_size=1))]
    names = draw(st.lists(st.sampled_from(tools), max_size=2)) if tools else []
    calls = [ToolCall(id=f"call_{number}_{at}", name=name, arguments=draw(ARGUMENTS)) for at, name in enumerate(names)]
    results = [ToolResult(call_id=call.id, content=(draw(TEXTS),)) for call in calls]
    said: list[Part] = [*draw(st.lists(TEXTS, min_size=0 if calls else 1, max_size=1)), *calls]
    messages = [Message(Role.USER, tuple(told)), Message(Role.ASSISTANT, tuple(said))]
    if calls:
        messages += [Message(Role.TOOL, tuple(results)), Message(Role.ASSISTANT, (draw(TEXTS),))]
    return tuple(messages)


@st.composite
def conversations(draw: st.DrawFn, tools: list[str], images: list[Image]) -> tuple[Message, ...]:
    """A sound conversation that ends with its user's words."""
    system = [Message(Role.SYSTEM, (draw(TEXTS),))] if draw(st.booleans()) else []
    spoken = [message for number in range(draw(st.integers(0, 3))) for message in draw(turns(number, tools, images))]
    return (*system, *spoken, Message(Role.USER, (draw(TEXTS),)))


# Dialects that have no stop sequences.
UNSTOPPED = frozenset({"openai_responses"})


@st.composite
def requests(draw: st.DrawFn, dialect: str, *others: str) -> Request:
    """A request of a client of `dialect`, which `others` can say too.

    A temperature of 1 is what models do anyway, and need not be said.
    """
    spoken = {dialect, *others}
    tools = tuple(draw(st.lists(TOOLS, max_size=3, unique_by=lambda tool: tool.name)))
    names = [tool.name for tool in tools]
    choices = [ToolChoice("auto"), ToolChoice("required"), ToolChoice("none")]
    choices += [ToolChoice("named", (name,)) for name in names]
    return Request(
        dialect=dialect,
        model="m",
        messages=draw(conversations(names, [CARRIED] if spoken & LINKLESS else [CARRIED, LINKED])),
        stream=draw(st.booleans()),
        tools=tools,
        tool_choice=draw(st.none() | st.sampled_from(choices)) if tools and not spoken & CHOICELESS else None,
        sampling=Sampling(temperature=draw(st.sampled_from([None, 0.0, 0.5]))),
        max_output_tokens=draw(st.integers(1, 4000)),
        stop=tuple(draw(st.lists(NAMES, max_size=2, unique=True))) if not spoken & UNSTOPPED else (),
    )
