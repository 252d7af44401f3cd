"""A request in neutral words. Pure values; no dialect is known here."""

import enum
from collections.abc import Mapping
from typing import Any, Literal

from llmux.ir.content import CacheMark, Extra, Json, Part
from llmux.ir.value import Value


class Role(enum.Enum):
    """Who speaks. TOOL messages hold ToolResult parts only; USER messages never do."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Message(Value):
    """A turn. Neighbours of one role stay apart here; merging is the encoder's business."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    extra: Extra | None = None


class Tool(Value):
    """A tool that the model may call.

    `kind`: "function" (JSON arguments), "custom" (free text, `format` may hold its grammar) or "server" (the backend
    runs it itself; `extra` holds the dialect's own words). `schema` is JSON Schema, or None when none was given.
    """

    name: str
    description: str | None = None
    schema: Json | None = None
    kind: Literal["function", "custom", "server"] = "function"
    strict: bool | None = None
    format: Json | None = None
    cache: CacheMark | None = None
    extra: Extra | None = None


class ToolChoice(Value):
    """What the model must do with its tools.

    "auto", "none", "required"; "named": exactly the tool `names[0]`; "allowed": only `names`, and one of them is a
    must when `required`.
    """

    mode: Literal["auto", "none", "required", "named", "allowed"]
    names: tuple[str, ...] = ()
    required: bool = False


class Sampling(Value):
    """How tokens are drawn. None: the backend's default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


class ReasoningControl(Value):
    """How much the model is asked to reason.

    `mode`: "unset", "off", "on" or "auto" (the model decides). `effort` is a word of EFFORTS; `budget` is tokens.
    `show`: "summary" or "omitted" when the client asked for one.
    """

    mode: Literal["unset", "off", "on", "auto"] = "unset"
    effort: str | None = None
    budget: int | None = None
    show: str | None = None


class OutputFormat(Value):
    """The form the answer must have: free text, any JSON object, or JSON of a schema."""

    kind: Literal["text", "json", "json_schema"] = "text"
    schema: Json | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Original(Value):
    """The request as its client sent it, for a backend that speaks the same dialect.

    `repaired` is true when the decoder left out something that the dialect's own backends are known to refuse (an
    empty text block), so that `document`, cleaned, must be sent instead of `body`. `restored` is true when the messages
    hold reasoning that the client did not bring back, or in a form that only we can read: a model that wants it cannot
    be sent `body`.
    """

    body: bytes
    document: Mapping[str, Any]
    repaired: bool = False
    restored: bool = False


class Request(Value, kw_only=True):
    """Everything that a client asks for."""

    dialect: str  # the client's
    form: str = ""  # which of the dialect's forms it was asked in; "" : its main one
    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    sampling: Sampling = Sampling()
    max_output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    choices: int = 1
    reasoning: ReasoningControl = ReasoningControl()
    output: OutputFormat = OutputFormat()
    verbosity: str | None = None
    service_tier: str | None = None
    user_id: str | None = None
    session: str | None = None  # a stable name of the conversation, when the client gives one
    metadata: Mapping[str, str] | None = None
    cache: CacheMark | None = None  # the whole prompt may be cached
    store: bool | None = None  # the answer is to be kept, for a later `previous`
    previous: str | None = None  # the id of the answer that this conversation goes on from
    include_usage: bool = True  # a stream ends with usage
    legacy_functions: bool = False  # the client speaks OpenAI's `functions`, and hears `function_call`
    # The field because of which this can only be passed on as it came, to a backend of the same dialect: a prompt in
    # tokens, a template. "" : it can be said in other words too.
    bound: str = ""
    extra: Extra | None = None
    original: Original | None = None
