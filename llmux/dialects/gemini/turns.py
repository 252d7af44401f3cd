"""Messages, both ways: Google knows two roles, results of functions in the user's words, and system apart.

Order and completeness of results are `dialects/history.py`'s business.

Reference: https://ai.google.dev/api/caching#Content
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from typing import Any

import orjson

from llmux.dialects.document import decode
from llmux.dialects.gemini.blocks import Draft, encode_parts
from llmux.dialects.gemini.content import SIGNATURE, decode_media, decode_part, joined
from llmux.dialects.gemini.schema import DUMMY, NAME, ROLES, WORDS_OF_ROLES
from llmux.dialects.history import in_order
from llmux.dialects.names import original_id
from llmux.dialects.shape import Fields, refuse
from llmux.ir.content import Extra, Opaque, Part, Text, ToolCall, ToolResult, keep, restore
from llmux.ir.request import Message, Role

Wire = dict[str, Any]

SYSTEM_ROLES = (Role.SYSTEM, Role.DEVELOPER)
CONTENT = frozenset({"role", "parts"})
RESPONSE = frozenset({"id", "name", "response", "parts"})
# How a function's text is said in its response, and how it is said that it failed; Google's SDKs say "result".
OUTPUT, ERROR = "output", "error"
SAID_ALONE = (OUTPUT, "result", ERROR)

EMPTY: Wire = {"text": "(empty)"}
GO_ON: Wire = {"text": "Continue."}
GO_ON_EXACTLY: Wire = {
    "text": "Continue your last message from exactly where it ends. Write only what follows; repeat none of it."
}
REMINDER = "<system-reminder>\n{}\n</system-reminder>"
SEPARATOR = "\n\n"


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_messages(body: Fields) -> tuple[Message, ...]:
    """`systemInstruction` and `contents`, in the order in which they are said.

    Raises:
        BadRequest: there are none, or one of them has another shape.
    """
    told = body.document.get("contents")
    if isinstance(told, str):
        told = {"parts": told}
    listed = Fields({"contents": [told] if isinstance(told, dict) else told}).objects("contents")
    thread = _Thread()
    messages: list[Message] = []
    for role, contents in groupby(enumerate(listed), lambda entry: _role(entry[1])):
        read = thread.answers if role is Role.ASSISTANT else thread.users
        messages += read(contents)
    if not listed:
        refuse("contents", "at least one content")
    system = thread.parts(body.document.get("systemInstruction"), "systemInstruction", "gm_s")
    return (Message(Role.SYSTEM, system), *messages) if system else tuple(messages)


def _role(content: Fields) -> Role:
    return ROLES.get(content.text("role") or "user") or refuse(content.at("role"), "user or model")


class _Thread:
    """A conversation while it is read: the calls of the last turn that had any, which wait for their results."""

    __slots__ = ("_ids", "_names")

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._names: dict[str, deque[str]] = {}

    def answers(self, contents: Iterable[tuple[int, Fields]]) -> Iterator[Message]:
        """Contents of the model's that follow each other. They are one: chats of Google's SDK keep a streamed answer
        in as many contents as it had chunks.
        """
        said = [(content, self._said(content, index)) for index, content in contents]
        parts = joined(part for _, parts in said for part in parts)
        self._await([part for part in parts if isinstance(part, ToolCall)])
        yield from _apart(Role.ASSISTANT, parts, keep(NAME, said[0][0].document, CONTENT))

    def users(self, contents: Iterable[tuple[int, Fields]]) -> Iterator[Message]:
        """Contents of the user's."""
        for index, content in contents:
            yield from _apart(Role.USER, self._said(content, index), keep(NAME, content.document, CONTENT))

    def _said(self, content: Fields, index: int) -> tuple[Part, ...]:
        return self.parts(content.document.get("parts"), content.at("parts"), f"gm_{index}")

    def _await(self, calls: list[ToolCall]) -> None:
        if calls:
            self._ids = {call.id for call in calls}
            self._names = {}
        for call in calls:
            self._names.setdefault(call.name, deque()).append(call.id)

    def _answered(self, call_id: str | None, name: str) -> str | None:
        """The call that a result is for: the one of its id, or else the first one of its name that still waits."""
        waiting = self._names.get(name, deque())
        while call_id not in self._ids and waiting:
            call_id = waiting.popleft()
        self._ids.discard(call_id or "")
        return call_id

    def parts(self, value: Any, path: str, spare_id: str) -> tuple[Part, ...]:
        """The parts of a content: a list of them, or one, or a text, or contents within."""
        if value is None or value == "":
            return ()
        said: list[Part] = []
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            place, spare = (f"{path}.{index}", f"{spare_id}_{index}") if isinstance(value, list) else (path, spare_id)
            if isinstance(item, str):
                said += (Text(text=item),) if item else ()
            elif isinstance(item, dict) and "parts" in item:
                said += self.parts(item["parts"], f"{place}.parts", spare)
            elif isinstance(item, dict) and item.get("functionResponse") is not None:
                said.append(self._result(Fields(item["functionResponse"], f"{place}.functionResponse"), spare))
            else:
                said += decode_part(Fields(item, place), spare)
        return tuple(said)

    def _result(self, result: Fields, spare_id: str) -> ToolResult:
        name, response = result.text("name") or "", result.object("response")
        said = response.document if response else {}
        told, is_error = _decode_response(said)
        rest = {name: value for name, value in result.document.items() if name not in RESPONSE}
        if said != _encode_response(told, is_error=is_error):
            rest["response"] = said  # for the same dialect: it would not be written so anew
        return ToolResult(
            call_id=self._answered(result.text("id"), name) or spare_id,
            content=(*((Text(text=told),) if told else ()), *decode_media(result.objects("parts"))),
            is_error=is_error,
            name=name or None,
            extra=Extra(NAME, rest) if rest else None,
        )


def _apart(role: Role, parts: tuple[Part, ...], extra: Extra | None) -> Iterator[Message]:
    """What `role` says; results of functions are a message of their own, before the rest."""
    if results := tuple(part for part in parts if isinstance(part, ToolResult)):
        yield Message(Role.TOOL, results)
        parts = tuple(part for part in parts if not isinstance(part, ToolResult))
    if parts:
        yield Message(role, parts, extra=extra)


def _decode_response(response: Wire) -> tuple[str, bool]:
    """What a function says, and whether it says that it failed. An object that is more than a text stays JSON."""
    for name in SAID_ALONE:
        if response.keys() == {name}:
            said = response[name]
            return said if isinstance(said, str) else orjson.dumps(said).decode(), name == ERROR
    return orjson.dumps(response).decode() if response else "", False


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_messages(messages: Sequence[Message], draft: Draft) -> tuple[list[Wire], list[Wire]]:
    """The parts of `systemInstruction`, and `contents`: in alternating roles but for results, the first one the user's.

    Raises:
        Unsupported: something in them cannot be said here.
    """
    ordered = in_order(messages)
    leading = list(takewhile(lambda message: message.role in SYSTEM_ROLES, ordered))
    system = [part for message in leading for part in _system(message, draft)]
    names = {call.id: call.name for message in ordered for call in message.parts if isinstance(call, ToolCall)}
    thread = _Contents(draft, names)
    for message in ordered[len(leading) :]:
        thread.add(message)
    return system, thread.close()


def _system(message: Message, draft: Draft) -> list[Wire]:
    texts: list[Part] = []
    for part in message.parts:
        if isinstance(part, Text | Opaque):
            texts.append(part)
        else:
            draft.losses.drop("system")
    return [part for part in encode_parts(texts, draft) if part.keys() == {"text"}]


class _Contents:
    """The contents written so far. Neighbours of one role are one; results stand alone, as newer models want."""

    __slots__ = ("_answers", "_contents", "_draft", "_names", "_users")

    def __init__(self, draft: Draft, names: Mapping[str, str]) -> None:
        self._draft = draft
        self._names = names
        self._contents: list[Wire] = []
        self._answers = False  # the last content holds results
        self._users = 0  # how many contents there were when the user last said something

    def add(self, message: Message) -> None:
        """The next message."""
        if message.name is not None:
            self._draft.losses.drop("names")
        if message.role is Role.TOOL:
            self._add_results(message)
        elif message.role in SYSTEM_ROLES:
            self._draft.losses.approx("mid_system")
            texts = SEPARATOR.join(part["text"] for part in _system(message, self._draft))
            self._put("user", [{"text": REMINDER.format(texts)}] if texts else [])
        else:
            self._put(WORDS_OF_ROLES.get(message.role, "user"), encode_parts(message.parts, self._draft))

    def _put(self, role: str, parts: list[Wire], *, answers: bool = False) -> None:
        if not parts:
            return
        if self._contents and self._contents[-1]["role"] == role and not answers and not self._answers:
            self._contents[-1]["parts"] += parts
        else:
            if not self._contents and role != "user":
                self._contents.append({"role": "user", "parts": [EMPTY]})
            self._contents.append({"role": role, "parts": parts})
        self._answers = answers
        if role == "user" and not answers:
            self._users = len(self._contents)

    def _add_results(self, message: Message) -> None:
        hoisted: list[Wire] = []
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        self._put("user", [self._result(result, hoisted) for result in results], answers=True)
        self._put("user", hoisted)

    def _result(self, result: ToolResult, hoisted: list[Wire]) -> Wire:
        """One response. Its pictures and files go inside it, or into `hoisted`, for what the user says next."""
        draft = self._draft
        if result.cache:
            draft.losses.drop("cache_control")
        texts: list[str] = []
        nested: list[Wire] = []
        for part in encode_parts(result.content, draft):
            if part.keys() == {"text"}:
                texts.append(part["text"])
            elif draft.profile.tool_result_media:
                nested.append(part)
            else:
                texts.append(self._hoist(part, result, hoisted))
        name = self._names.get(result.call_id, result.name or "")
        wire: Wire = {"id": original_id(result.call_id)} if draft.profile.call_ids else {}
        wire["name"] = draft.names.get(name, name)
        wire["response"] = _encode_response(SEPARATOR.join(texts), is_error=result.is_error)
        if nested:
            wire["parts"] = nested
        return {"functionResponse": {**wire, **restore(NAME, result.extra)}}

    def _hoist(self, media: Wire, result: ToolResult, hoisted: list[Wire]) -> str:
        """Let `media` follow; the text that stands for it in the response."""
        self._draft.losses.approx("tool_result_media")
        number = sum("text" not in part for part in hoisted) + 1
        hoisted += [{"text": f"[file {number}, of the result of {result.name or result.call_id}]"}, media]
        return f"[file {number} of this result follows in the next message]"

    def close(self) -> list[Wire]:
        """The contents, the last one such as the model takes."""
        if not self._contents:
            return [{"role": "user", "parts": [GO_ON]}]
        if self._contents[-1]["role"] == "model" and not self._draft.profile.prefill:
            self._draft.losses.approx("prefill")
            self._put("user", [GO_ON_EXACTLY])
        if self._draft.profile.signed_calls:
            for content in self._contents[self._users :]:
                _prove(content["parts"])
        return self._contents


def _prove(parts: Iterable[Wire]) -> None:
    """Since the user last spoke, the first call of each step must bring a proof, or what stands for a lost one."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault(SIGNATURE, DUMMY)


def _encode_response(text: str, *, is_error: bool) -> Wire:
    """The object that a function's response must be. A text that is a JSON object, and not empty, is sent as one."""
    if is_error:
        return {ERROR: text or "Error"}
    if text.lstrip()[:1] == "{":
        try:
            said = decode(text.encode())
        except ValueError:
            return {OUTPUT: text}
        if said and not any(said.keys() == {name} for name in SAID_ALONE):  # an empty one says nothing there
            return dict(said)
    return {OUTPUT: text} if text else {}
