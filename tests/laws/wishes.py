"""Generated requests with all that a client may wish for, not only what every dialect can say."""

from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.ir.content import CacheMark, Document, Image, Inline, Part, Reasoning, ReasoningState, Text, ToolResult
from llmux.ir.request import EFFORTS, Message, OutputFormat, ReasoningControl, Request, Role, Sampling
from tests.strategies import IDS, NAMES, PIXEL, SCHEMAS, SPOKEN, requests

PICTURE = Image(source=Inline("image/png", PIXEL))
PDF = Document(source=Inline("application/pdf", "JVBERi0="), title="a.pdf")
MARKS = st.none() | st.just(CacheMark()) | st.just(CacheMark("1h"))
PENALTIES = st.sampled_from([None, 0.5])
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([None, 0.0, 0.5, 1.5]),
    top_p=st.sampled_from([None, 0.5]),
    top_k=st.sampled_from([None, 5]),
    min_p=st.sampled_from([None, 0.1]),
    seed=st.sampled_from([None, 7]),
    presence_penalty=PENALTIES,
    frequency_penalty=PENALTIES,
    logit_bias=st.sampled_from([None, {"1": 5}]),
    logprobs=st.sampled_from([None, True]),
)
CONTROLS = st.one_of(
    st.just(ReasoningControl()),
    st.just(ReasoningControl(mode="off")),
    st.builds(ReasoningControl, mode=st.just("on"), budget=st.sampled_from([1024, 2000])),
    st.builds(ReasoningControl, mode=st.sampled_from(["on", "auto"]), effort=st.sampled_from(EFFORTS[1:])),
)
OUTPUTS = st.one_of(
    st.just(OutputFormat()),
    st.just(OutputFormat("json")),
    st.builds(OutputFormat, st.just("json_schema"), SCHEMAS, st.just("shape"), strict=st.none() | st.booleans()),
)
THOUGHTS = st.builds(
    Reasoning,
    text=SPOKEN,
    states=st.just(()) | st.builds(ReasoningState, st.just("anthropic"), st.just("signature"), IDS).map(lambda s: (s,)),
)


@st.composite
def wishful(draw: st.DrawFn, dialect: str) -> Request:
    """A request of a client of `dialect` that asks for anything."""
    request = draw(requests(dialect))
    strict = draw(st.none() | st.booleans())
    return replace(
        request,
        messages=tuple(draw(enriched(message)) for message in request.messages),
        tools=tuple(replace(tool, strict=strict, cache=draw(MARKS)) for tool in request.tools),
        parallel_tools=draw(st.none() | st.booleans()) if request.tools else None,
        sampling=draw(SAMPLINGS),
        reasoning=draw(CONTROLS),
        output=draw(OUTPUTS),
        verbosity=draw(st.sampled_from([None, "low"])),
        service_tier=draw(st.sampled_from([None, "auto", "priority"])),
        user_id=draw(st.none() | NAMES),
        metadata=draw(st.none() | st.just({"team": "a"})),
    )


@st.composite
def enriched(draw: st.DrawFn, message: Message) -> Message:
    """A message with what else its role may say."""
    extra = draw(st.booleans())
    if message.role is Role.TOOL:
        return replace(message, parts=tuple(draw(results(part)) for part in message.parts))
    parts: list[Part] = [replace(part, cache=draw(MARKS)) if isinstance(part, Text) else part for part in message.parts]
    if message.role is Role.USER and extra:
        parts.append(PDF)
    if message.role is Role.ASSISTANT and extra:
        parts.insert(0, draw(THOUGHTS))
    return replace(message, parts=tuple(parts))


@st.composite
def results(draw: st.DrawFn, part: Part) -> Part:
    """A result that may be a failure, or hold a picture."""
    assert isinstance(part, ToolResult)
    pictures = draw(st.lists(st.just(PICTURE), max_size=1))
    return replace(part, content=(*part.content, *pictures), is_error=draw(st.booleans()))
