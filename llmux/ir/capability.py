"""What a model can do, what a request needs, and what a backend's model accepts. Pure values."""

import enum
from typing import Literal

from llmux.ir.value import Value


class Capability(enum.Enum):
    """Something that not every model can do. The value is the word used in configuration and in reasons."""

    VISION = "vision"
    THINKING = "thinking"
    TOOLS = "tools"


class Profile(Value, kw_only=True):
    """What one model accepts on the wire, beyond what its dialect says. Rows of `config/profiles.toml`.

    Every field has the value that is right for an unknown model of an OpenAI-compatible server.
    """

    context: int | None = None  # tokens
    max_output: int | None = None  # tokens; a larger wish is cut to it
    min_output: int = 0  # tokens; a smaller wish is raised to it
    default_output: int = 32_000  # tokens to ask for when the dialect must name some and the client did not
    vision: bool = False
    thinking: bool = False
    tools: bool = True

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    sampling: Literal["all", "one", "none"] = "all"  # "one": temperature or top_p, not both
    max_temperature: float = 2.0
    max_stop: int = 4  # stop sequences taken; 0: none
    # how it is asked to reason; "level" is Gemini's word for an effort, "switch" on or off and no more
    reasoning: Literal["none", "budget", "adaptive", "either", "effort", "level", "switch"] = "none"
    efforts: tuple[str, ...] = ("low", "medium", "high")
    off_switch: bool = False  # only `thinking: disabled` keeps it from reasoning, and no effort beside that
    min_budget: int = 1024  # tokens of reasoning
    max_budget: int | None = None
    reasoning_replay: Literal["never", "tool_turns", "always"] = "never"  # reasoning text of earlier turns
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    developer_role: bool = False
    mid_system: bool = True  # system messages between others
    prefill: bool = True  # the last message may be the assistant's
    pdf: bool = False
    links: tuple[str, ...] = ("*",)  # globs of the addresses that it fetches media from itself
    tool_result_media: bool = False  # images and files inside a tool's result
    alternate_roles: bool = False  # wants user and assistant in turn
    strict_tools: bool = True
    json_schema: bool = True
    json_with_tools: bool = True  # takes a form of the answer beside tools
    custom_tools: bool = False
    call_ids: bool = True  # takes ids on tool calls and results
    call_id_length: int | None = None  # takes none but ids of so many letters and digits
    signed_calls: bool = False  # refuses a call of the current turn that does not bring its maker's proof
    full_schemas: bool = True  # takes JSON Schema for tools; else the subset that its dialect knows
    parallel_tools: bool = True  # takes the field that switches parallel calls off
    stream_usage: bool = True  # takes stream_options.include_usage
    null_content: bool = True  # takes content: null beside tool calls
    cache_breakpoints: bool = False  # takes OpenAI's marks of what to cache; else it caches by itself only
    think_tags: bool = False  # its server leaves reasoning in the text, between <think> and </think>
    prompt_cache_key: bool = False  # takes OpenAI's prompt_cache_key and safety_identifier

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the model can do."""
        return frozenset(capability for capability in Capability if getattr(self, capability.value))


class Target(Value):
    """The backend model that a request is encoded for. `maker` is whose reasoning states it takes back."""

    model: str
    profile: Profile = Profile()
    maker: str = ""
