"""The vendors' TypeScript SDKs hear the recordings as their Python ones do; where not, it is known why.

Not for OpenAI Chat: half of its servers only nearly speak it, and the strict helper of this SDK says no.
"""

from collections.abc import Mapping

from tests import corpus
from tests.judges import typescript
from tests.judges.heard import JSON, SSE
from tests.judges.ollama import NDJSON
from tests.judges.recordings import Recorded, directly, recorded

pytestmark = typescript.needed

STREAMS: Mapping[str, str] = {"claude": SSE, "openai_responses": SSE, "gemini": SSE, "ollama": NDJSON}

# Recordings that this SDK does not take, or of which it hears less.
UNFINISHED = "it has no message_stop, and this SDK waits for it"
ARRAY = "one JSON array, which no SDK asks for"
UNHEARD: Mapping[str, str] = {
    "anthropic-compaction_response-ant1922f": UNFINISHED,
    "anthropic-incomplete_partial_json_response-antc5c2a": UNFINISHED,
    "bedrock_mantle-providers_bedrock_mantle_responses_chat_streams_through-rub075fd": "an event has no type",
    "copilot-github_copilot_id_rotation_1-verfda90": "every event has another id",
    "openai-apply_patch_tool_1-veredfca": "an event is newer than this SDK",
    "google-stream_tool_call_arguments-ver94fda": "this SDK leaves it to its caller to put a call's pieces together",
    "google-testgoogleaigeneratecontentwithmultiplemessages_httprr-lcga4bab": ARRAY,
    "google-tools_with_nested_pydantic_models_0-llg4f19f": ARRAY,
    "google-tools_with_nested_pydantic_models_1-llg1be56": ARRAY,
}


def spoken(case: Recorded) -> typescript.Spoken:
    way, kind = ("stream", STREAMS[case.dialect]) if case.streamed else ("whole", JSON)
    return typescript.Spoken(case.dialect, way, kind, case.row.answer)


@corpus.needed
def test_they_hear_the_recordings_as_python_does() -> None:
    cases = [case for name in STREAMS for case in recorded(name) if case.operation != "generate"]
    heard = typescript.hear(map(spoken, cases))
    different = {case.name: said for case, said in zip(cases, heard, strict=True) if said != directly(case)}
    assert different.keys() == UNHEARD.keys(), different


def test_what_an_sdk_does_not_take_is_told_in_its_words() -> None:
    [said] = typescript.hear([typescript.Spoken("ollama", "stream", NDJSON, b'{"error":"no"}\n')])
    assert isinstance(said, str)
    assert "no" in said
