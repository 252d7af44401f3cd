"""Generated requests and answers in neutral words, for the laws. Everything in them is something a real API says."""

import json

from hypothesis import strategies as st

from llmux.ir.content import (
    Citation,
    Extra,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    Text,
    ToolCall,
)
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

# Letters of several widths, what JSON and SSE escape or trip over, and a lone half of nothing.
ALPHABET = 'aZ9 _-.,:"\\/\n\r\t{}[]<>é€漢😀\u2028\u2029\u0085\x00\x7f'
WORDS = st.text(ALPHABET, max_size=24)
SPOKEN = WORDS.filter(lambda text: bool(text.strip(" \n\r\t\u2028\u2029\u0085\x00\x7f")))
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
    st.builds(Opaque, dialect=st.just("claude"), raw=OBJECTS, text=WORDS),
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
