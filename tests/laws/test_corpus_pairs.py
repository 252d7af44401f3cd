"""Every recorded answer, read through llmux by the other dialect's own SDK, says what it says when it is read directly.

Text, reasoning, calls with their arguments, finish reason, usage. What differs, and is bound to, stands in KNOWN with
its reason; a row of it that no longer differs fails too.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from llmux.dialects.registry import TABLE
from tests import corpus
from tests.laws.lanes import FORM, hear, tell
from tests.laws.readers import Heard, claude, openai_chat, openai_chunks

DIALECTS = ("claude", "openai_chat")
KINDS: tuple[corpus.Kind, ...] = ("stream", "exchange")


class Case(NamedTuple):
    dialect: str
    kind: corpus.Kind
    name: str


class Known(NamedTuple):
    """What differs, and why it must."""

    field: str
    reason: str


CUT_ARGUMENTS = Known("calls", "the answer was cut in its arguments: Anthropic's SDK completes them, we pass them on")
BLANK = Known("text", "a blank behind a call says nothing, and Claude refuses it in the next request")
CACHED = Known("usage", "the backend counts more tokens from its cache than in the whole prompt; Claude's sums add up")
REFUSAL = Known("text", "Claude has no refusal but in words: it becomes text, and the finish reason says what it is")
KNOWN: Mapping[str, Known] = {
    "anthropic-incomplete_partial_json_response-antc5c2a": CUT_ARGUMENTS,
    "avian-testopenaicompatiblecommon_avian_kimi_multi_tool_streami_0-fan9e848": BLANK,
    "openrouter-google_gemini_2_5_flash_lite_object_streaming-req83b25": BLANK,
    "azure-chat_function_calling_azure_grok_4_1_fast_non_reasoning_2-rubc7336": CACHED,
    "azure-chat_with_params_azure_grok_4_1_fast_non_reasoning_suppo-rub62bf9": CACHED,
    "openai-async_parsed_refused_completion_0-oll866b2": REFUSAL,
    "openai-parsed_refused_completion_0-ollcaac6": REFUSAL,
}


def cases() -> Iterator[Case]:
    for dialect in DIALECTS:
        for kind in KINDS:
            for name in corpus.names(dialect, kind):
                if corpus.row(dialect, kind, name).document["operation"] != "models":
                    yield Case(dialect, kind, name)


CASES = tuple(cases())


def directly(row: corpus.Row) -> Heard:
    """What the SDK of the recording's own dialect hears."""
    stream = row.kind == "stream"
    if row.dialect == "claude":
        return claude(row.answer, stream=stream, apart="\n\n")
    return openai_chunks(row.answer) if stream else openai_chat(row.answer, stream=False)


def through_llmux(row: corpus.Row) -> Heard:
    """What the SDK of the other dialect hears when llmux stands between."""
    source, other = (TABLE[row.dialect], TABLE[next(name for name in DIALECTS if name != row.dialect)])
    if row.kind == "stream":
        told = tell(other, hear(source.decoder({}), [row.answer]))
    else:
        told = other.encode_response(source.decode_response(row.answer, {}), FORM)
    if other.name == "claude":
        return claude(told, stream=row.kind == "stream", apart="")
    return openai_chat(told, stream=row.kind == "stream")


def differences(case: Case) -> set[str]:
    row = corpus.row(*case)
    direct, other = directly(row), through_llmux(row)
    fields = {field for field in Heard._fields if getattr(direct, field) != getattr(other, field)}
    return fields if direct.usage else fields - {"usage"}


@corpus.needed
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_the_other_sdk_hears_the_same(case: Case) -> None:
    known = KNOWN.get(case.name)
    assert differences(case) == ({known.field} if known else set()), known


@corpus.needed
def test_the_score() -> None:
    """Shown by `pytest -rP`."""
    assert KNOWN.keys() <= {case.name for case in CASES}
    print(f"{len(CASES) - len(KNOWN)} of {len(CASES)} recorded answers say the same in the other dialect.")
    for name, known in KNOWN.items():
        print(f"{name}: {known.field}: {known.reason}.")
