"""Answers are kept for clients that go on from one by its id: plays through the whole gateway."""

from typing import Any

import orjson
import pytest

from llmux.conversation import tape
from llmux.conversation.answers import Conversations, KeptAnswers
from llmux.conversation.library import Answers
from llmux.conversation.notes import Bounds, Notes
from llmux.dialects.base import AnswerForm
from llmux.errors import AnswerNotFound, BackendError, BadRequest, StoreAway
from llmux.ir.content import Part, Text, ToolCall
from llmux.ir.events import PartStart, StreamError, Verbatim
from llmux.ir.fold import fold
from llmux.responder import Client, Context
from llmux.store.archive import Archive
from llmux.store.base import Store, StoreError
from tests.conversation.miniature import DIALECTS, MINIATURE, NAME
from tests.fakes import FakeClock
from tests.gateway.accounts import FaultyStore
from tests.gateway.party import Guest, Party
from tests.scripted import JSON, Break, Script, sse

LIFE = 86_400.0  # s
ANN, BOB = Client("ann"), Client("bob")
CAT = Text(text="It is a cat.")
USER = {"role": "user", "content": "What is it?"}


def chat_script(*parts: Part) -> Script:
    """What a backend of another dialect does that says these parts."""
    guest = Guest("openai_chat")
    guest.says(*parts)
    return guest.transport.scripts[0]


class Talk(Party):
    """A party whose answers are kept: `chat` speaks another dialect than the client, `same` the client's own."""

    def __init__(
        self, clock: FakeClock, store: Store | None = None, *, life: float = LIFE, most: int = 100_000
    ) -> None:
        self.chat, self.same = Guest("openai_chat", "openai"), Guest(MINIATURE, "openai")
        super().__init__(clock, chat=self.chat, same=self.same)
        self.store = store or FaultyStore(clock)
        notes = Notes(Archive(self.store, clock, self.facts.append), "answer", Bounds(most, 10 * most))
        self.answers = Answers(notes, clock, life)
        self.conversations = Conversations(DIALECTS, self.answers)
        self.respond = KeptAnswers(self.respond, self.conversations, self.answers, most).respond
        self.count = 0

    async def say(self, text: Any, model: str = "chat", client: Client = ANN, **fields: Any) -> str:
        """Ask, and hear the answer. Its id."""
        self.count += 1
        body = {"model": model, "input": text, "stream": True, **fields}
        context = Context(f"r{self.count}", client, created=5)
        events = await self.ask(MINIATURE, body, context)
        if isinstance(events[-1], StreamError):
            raise events[-1].error
        if isinstance(events[1], Verbatim):
            return ""
        form = AnswerForm(f"r{self.count}", model, 5, asked=body)
        return str(orjson.loads(MINIATURE.encode_response(fold(events[1:]), form))["id"])

    def spoken(self, at: int = -1) -> list[tuple[str, Any]]:
        """Who said what in a request to the backend of another dialect."""
        return [(message["role"], message["content"]) for message in self.chat.heard[at]["messages"]]


async def test_a_conversation_goes_on_from_an_answer(clock: FakeClock) -> None:
    talk = Talk(clock)
    talk.chat.says(CAT)
    talk.chat.says(Text(text="A tabby."))
    talk.chat.says(Text(text="Tom."))
    first = await talk.say("What is it?")
    second = await talk.say("Which kind?", previous_response_id=first)
    await talk.say([{"role": "user", "content": "Its name?"}], previous_response_id=second)
    assert talk.spoken() == [
        ("user", "What is it?"),
        ("assistant", "It is a cat."),
        ("user", "Which kind?"),
        ("assistant", "A tabby."),
        ("user", "Its name?"),
    ]


async def test_two_may_go_on_from_the_same_answer(clock: FakeClock) -> None:
    talk = Talk(clock)
    for _ in range(3):
        talk.chat.says(CAT)
    first = await talk.say("one")
    await talk.say("two", previous_response_id=first)
    await talk.say("three", previous_response_id=first)
    assert [text for _, text in talk.spoken()] == ["one", "It is a cat.", "three"]


async def test_instructions_are_not_carried_over(clock: FakeClock) -> None:
    talk = Talk(clock)
    talk.chat.says(CAT)
    talk.chat.says(CAT)
    first = await talk.say("one", instructions="Be brief.")
    await talk.say("two", previous_response_id=first, instructions="Be kind.")
    assert talk.spoken()[0] == ("system", "Be kind.")
    assert ("system", "Be brief.") not in talk.spoken()


async def test_a_result_finds_its_call(clock: FakeClock) -> None:
    talk = Talk(clock)
    talk.chat.says(ToolCall(id="c1", name="look", arguments="{}"))
    talk.chat.says(CAT)
    first = await talk.say("one")
    result = {"type": "function_call_output", "call_id": "c1", "output": "a cat"}
    await talk.say([result], previous_response_id=first)
    assert [message["role"] for message in talk.chat.heard[-1]["messages"]] == ["user", "assistant", "tool"]
    assert talk.chat.heard[-1]["messages"][1]["tool_calls"][0]["id"] == "c1"


NOT_FOUND: dict[str, dict[str, Any]] = {
    "no such answer": {"previous_response_id": "resp_never"},
    "another client's": {"client": BOB},
    "of another dialect": {"previous_response_id": "msg_r1"},
}


@pytest.mark.parametrize("changes", NOT_FOUND.values(), ids=NOT_FOUND)
async def test_what_is_not_kept_is_said_in_openais_words(clock: FakeClock, changes: dict[str, Any]) -> None:
    talk = Talk(clock)
    talk.chat.says(CAT)
    first = await talk.say("one")
    fields = {"previous_response_id": first} | changes
    with pytest.raises(BadRequest) as heard:
        await talk.say("two", **fields)
    assert (heard.value.status, heard.value.param) == (400, "previous_response_id")
    assert heard.value.code == "previous_response_not_found"
    told = orjson.loads(MINIATURE.encode_error(heard.value, "r").body)["error"]
    assert told["code"] == "previous_response_not_found"
    assert told["type"] == "invalid_request_error"
    assert len(talk.chat.heard) == 1


async def test_an_answer_is_kept_for_its_time(clock: FakeClock) -> None:
    talk = Talk(clock)
    talk.chat.says(CAT)
    first = await talk.say("one")
    clock.advance(LIFE - 1)
    assert await talk.answers.find(ANN, NAME, first)
    clock.advance(1)
    with pytest.raises(AnswerNotFound):
        await talk.answers.find(ANN, NAME, first)


async def test_a_client_that_wants_nothing_kept_is_heard(clock: FakeClock) -> None:
    talk = Talk(clock)
    talk.chat.says(CAT)
    answer_id = await talk.say("one", store=False)
    with pytest.raises(AnswerNotFound):
        await talk.answers.find(ANN, NAME, answer_id)


async def test_an_owner_who_wants_nothing_kept_is_heard(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    talk = Talk(clock, store, life=0)
    talk.chat.says(CAT)
    answer_id = await talk.say("one")
    with pytest.raises(BadRequest, match="not found"):
        await talk.say("two", previous_response_id=answer_id)
    assert store.calls == 0


async def test_what_nobody_keeps_is_handed_to_the_gateway_itself(clock: FakeClock) -> None:
    talk = Talk(clock)
    bodies = {
        "openai_chat": {"model": "chat", "messages": [USER]},
        NAME: {"model": "chat", "input": "x", "store": False},
    }
    for dialect, body in bodies.items():
        batches = talk.respond(DIALECTS[dialect].decode_request(orjson.dumps(body)), Context("r"))
        assert batches.__qualname__ == "Gateway.respond"
        await batches.aclose()


async def test_it_survives_a_restart(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    before, after = Talk(clock, store), Talk(clock, store)
    before.chat.says(CAT)
    after.chat.says(CAT)
    first = await before.say("one")
    after.count = 1
    await after.say("two", previous_response_id=first)
    assert [text for _, text in after.spoken()] == ["one", "It is a cat.", "two"]


async def test_who_asks_about_a_request_is_told_of_the_whole(clock: FakeClock) -> None:
    """Its tokens are counted with the conversation, and so is it explained."""
    talk = Talk(clock)
    talk.chat.says(CAT)
    first = await talk.say("one")
    asked = MINIATURE.decode_request(orjson.dumps({"model": "m", "input": "two", "previous_response_id": first}))
    whole = await talk.conversations.whole(asked, ANN)
    assert [message.parts[0] for message in whole.messages] == [Text(text="one"), CAT, Text(text="two")]
    for other in (b'{"model":"m","input":"x"}', b'{"model":"m","input":"x","store":false}'):
        alone = MINIATURE.decode_request(other)
        assert await talk.conversations.whole(alone, ANN) is alone
    with pytest.raises(BadRequest):
        await talk.conversations.whole(asked, BOB)


# --- what is kept ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_the_answer_is_kept_as_its_client_heard_it(clock: FakeClock, stream: bool) -> None:
    talk = Talk(clock)
    talk.chat.says(CAT, stream=stream)
    body = {"model": "chat", "input": "one", "stream": stream, "instructions": "Be brief."}
    events = await talk.ask(MINIATURE, body, Context("r1", ANN, created=5))
    form = AnswerForm("r1", "chat", 5, asked=body)
    kept = await talk.answers.find(ANN, NAME, "resp_r1")
    assert kept.document == MINIATURE.encode_response(fold(events[1:]), form)
    heard = MINIATURE.encoder(form).feed(events[1:])
    assert sse({"type": "response.completed", "response": orjson.loads(kept.document)}) == heard
    assert orjson.loads(kept.told)[0]["content"] == [{"type": "input_text", "text": "one"}]


WHOLE = {"id": "resp_openais", "object": "response", "status": "completed"}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A dog."}]}
STREAMED = sse(
    {"type": "response.created", "response": {"id": "resp_openais", "status": "in_progress"}},
    {"type": "response.output_item.done", "item": SAID},
    {"type": "response.completed", "response": {**WHOLE, "output": []}},
)
VERBATIM = {
    "stream": Script(steps=[sse({"type": "response.completed", "response": {**WHOLE, "output": [SAID]}})]),
    "in pieces": Script(steps=[STREAMED[:60], STREAMED[60:130], STREAMED[130:]]),
    "whole": Script(headers=JSON, steps=[orjson.dumps({**WHOLE, "output": [SAID]})]),
}


@pytest.mark.parametrize("play", VERBATIM)
async def test_bytes_that_only_passed_are_kept_too(clock: FakeClock, play: str) -> None:
    talk = Talk(clock)
    talk.same.does(VERBATIM[play])
    talk.chat.says(CAT)
    assert await talk.say("one", "same", stream=play != "whole") == ""
    kept = await talk.answers.find(ANN, NAME, "resp_openais")
    assert orjson.loads(kept.document)["id"] == "resp_openais"
    await talk.say("two", previous_response_id="resp_openais")
    assert [text for _, text in talk.spoken()] == ["one", "A dog.", "two"]


async def test_the_backend_is_told_not_to_keep_it_as_well(clock: FakeClock) -> None:
    talk = Talk(clock)
    talk.same.does(VERBATIM["stream"])
    await talk.say("one", "same", reasoning={"effort": "low"}, include=["x"], mine=1.0)
    told = talk.same.heard[0]
    assert (told["store"], told["mine"], told["input"]) == (False, 1.0, "one")
    assert told["include"] == ["x", "reasoning.encrypted_content"]


async def test_who_goes_on_from_an_answer_is_translated(clock: FakeClock) -> None:
    talk = Talk(clock)
    talk.chat.says(CAT)
    talk.same.does(VERBATIM["whole"])
    first = await talk.say("one")
    await talk.ask(MINIATURE, {"model": "same", "input": "two", "previous_response_id": first}, Context("r2", ANN))
    told = talk.same.heard[0]
    assert [item["content"] for item in told["input"]] == ["one", "It is a cat.", "two"]
    assert told["store"] is False
    assert "previous_response_id" not in told


FAILED = {
    "cut": Script(steps=[sse({"type": "response.created"}), Break()]),
    "failed": Script(steps=[sse({"type": "response.failed", "response": {**WHOLE, "status": "failed"}}), b"x"]),
    "not an answer": Script(headers=JSON, steps=[b'{"hello": 1}']),
    "queued": Script(headers=JSON, steps=[orjson.dumps({**WHOLE, "status": "queued"})]),
    "no JSON": Script(headers=JSON, steps=[b"<html>"]),
}


@pytest.mark.parametrize("play", FAILED)
async def test_what_is_no_answer_is_not_kept(clock: FakeClock, play: str) -> None:
    store = FaultyStore(clock)
    talk = Talk(clock, store)
    talk.same.does(FAILED[play])
    stream = FAILED[play].headers is not JSON
    await talk.ask(MINIATURE, {"model": "same", "input": "one", "stream": stream}, Context("r", ANN))
    assert await store.notes("") == {}


async def test_an_answer_that_is_too_large_is_not_kept(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FaultyStore(clock)
    talk = Talk(clock, store, most=50)
    talk.same.does(VERBATIM["in pieces"])
    await talk.say("one", "same")
    monkeypatch.setattr(tape, "MOST_EVENTS", 2)
    talk.chat.says(CAT)
    await talk.say("one")
    assert await store.notes("") == {}


# --- a store that is away --------------------------------------------------------------------------------------------


async def test_keeping_fails_in_silence(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    talk = Talk(clock, store)
    talk.chat.says(CAT)
    store.fault = StoreError("disk")
    await talk.say("one")
    assert any("disk" in str(fact) for fact in talk.facts)


async def test_who_wants_to_go_on_is_told_to_come_again(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    talk = Talk(clock, store)
    talk.chat.says(CAT)
    first = await talk.say("one")
    store.fault = StoreError("disk")
    with pytest.raises(StoreAway) as heard:
        await talk.say("two", previous_response_id=first)
    assert (heard.value.status, heard.value.retry_after) == (503, 1.0)
    assert MINIATURE.encode_error(heard.value, "r").status == 503
    with pytest.raises(StoreAway):
        await talk.answers.forget(ANN, NAME, first)


async def test_what_is_forgotten_is_gone(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    talk = Talk(clock, store)
    talk.chat.says(CAT)
    first = await talk.say("one")
    with pytest.raises(AnswerNotFound):
        await talk.answers.forget(BOB, NAME, first)
    await talk.answers.forget(ANN, NAME, first)
    with pytest.raises(AnswerNotFound):
        await talk.answers.find(ANN, NAME, first)


async def test_a_store_that_goes_away_between_two_questions(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk(clock)
    talk.chat.says(CAT)
    first = await talk.say("one")

    async def fails(keys: object) -> None:
        raise StoreError("disk")

    monkeypatch.setattr(talk.store, "remove", fails)
    with pytest.raises(StoreAway):
        await talk.answers.forget(ANN, NAME, first)


# --- summaries -------------------------------------------------------------------------------------------------------

TRIGGER = {"type": "compaction_trigger"}


async def test_a_conversation_is_made_shorter_by_its_model(clock: FakeClock) -> None:
    """As Codex asks for it: a trigger at the end of the input, and exactly one item for an answer."""
    talk = Talk(clock)
    talk.chat.says(Text(text=" We look at a cat. "))
    talk.chat.says(Text(text="Tom."))
    history = [USER, {"role": "assistant", "content": "It is a cat."}]
    body = {"model": "chat", "input": [*history, TRIGGER], "stream": True, "store": False, "instructions": "Be brief."}
    events = await talk.ask(MINIATURE, body, Context("r1", ANN))
    (part,) = fold(events[1:]).parts
    assert [type(event) for event in events[2:3]] == [PartStart]
    assert talk.spoken()[:3] == [("system", "Be brief."), ("user", "What is it?"), ("assistant", "It is a cat.")]
    assert "summary" in talk.spoken()[3][1]
    item = part.raw  # type: ignore[attr-defined]
    assert item["type"] == "compaction"
    assert "cat" not in str(item)

    await talk.say([item, {"role": "user", "content": "Its name?"}], store=False)
    (_, summed_up), (_, question) = talk.spoken()
    assert summed_up.endswith("\n\nWe look at a cat.")
    assert question == "Its name?"


async def test_a_summary_goes_to_a_backend_of_the_same_dialect_as_text(clock: FakeClock) -> None:
    talk = Talk(clock)
    item = MINIATURE.keeping.compacting.item("We look at a cat.", "r0")  # type: ignore[union-attr]
    talk.same.does(VERBATIM["whole"])
    body = {"model": "same", "input": [item, USER], "store": False}
    await talk.ask(MINIATURE, body, Context("r1", ANN))
    assert talk.same.heard[0]["input"][0]["content"].endswith("We look at a cat.")


async def test_an_item_of_openais_own_passes(clock: FakeClock) -> None:
    talk = Talk(clock)
    talk.same.does(VERBATIM["whole"])
    item = {"type": "compaction", "encrypted_content": "gAAAAAB"}
    await talk.ask(MINIATURE, {"model": "same", "input": [item, USER], "store": False}, Context("r1", ANN))
    assert talk.same.heard[0]["input"][0] == item


NO_SUMMARY = {
    "a call": chat_script(ToolCall(id="c", name="f", arguments="{}")),
    "blank": chat_script(Text(text=" \n")),
    "cut": Script(steps=[sse({"choices": [{"index": 0, "delta": {"content": "We"}}]}), Break()]),
}


@pytest.mark.parametrize("play", NO_SUMMARY)
async def test_no_summary_is_no_answer(clock: FakeClock, play: str) -> None:
    """Its client has seen nothing, and hears a plain error."""
    talk = Talk(clock)
    talk.chat.does(NO_SUMMARY[play])
    with pytest.raises(BackendError):
        await talk.ask(MINIATURE, {"model": "chat", "input": [USER, TRIGGER], "stream": True}, Context("r", ANN))


async def test_a_summary_may_be_kept_and_gone_on_from(clock: FakeClock) -> None:
    talk = Talk(clock)
    talk.chat.says(Text(text="A cat was seen."))
    talk.chat.says(CAT)
    first = await talk.say([USER, TRIGGER])
    await talk.say("two", previous_response_id=first)
    assert [text.rpartition("\n")[2] for _, text in talk.spoken()] == ["What is it?", "A cat was seen.", "two"]
