"""How an answer is to be made: sampling, limits, reasoning and form of output, both ways."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from llmux.dialects.efforts import RANK, nearest_effort, wished_effort
from llmux.dialects.openai_chat.content import Draft
from llmux.dialects.openai_chat.schema import EXTENSIONS, SAMPLERS, UNHEARD
from llmux.dialects.shape import Fields, refuse
from llmux.dialects.strict import is_strict
from llmux.ir.request import OutputFormat, ReasoningControl, Request, Sampling

Wire = dict[str, Any]
Modes = Mapping[str, ReasoningControl]

OFF, ON, AUTO = ReasoningControl(mode="off"), ReasoningControl(mode="on"), ReasoningControl(mode="auto")
THINKING_TYPES: Modes = {"disabled": OFF, "enabled": ON, "adaptive": AUTO, "auto": AUTO}

ONLY_JSON = "Answer with a JSON object only."
BY_SCHEMA = "Answer with JSON only, without any other text. It must be valid under this JSON Schema:\n{}"


# --- decode ----------------------------------------------------------------------------------------------------------


def _object(body: Fields, name: str) -> dict[str, Any] | None:
    fields = body.object(name)
    return fields.document if fields else None


SAMPLING: Mapping[str, Callable[[Fields, str], Any]] = {
    "temperature": Fields.number,
    "top_p": Fields.number,
    "top_k": Fields.integer,
    "min_p": Fields.number,
    "seed": Fields.integer,
    "presence_penalty": Fields.number,
    "frequency_penalty": Fields.number,
    "logit_bias": _object,
    "logprobs": Fields.flag,
    "top_logprobs": Fields.integer,
}


def decode_sampling(body: Fields) -> Sampling:
    return Sampling(**{name: take(body, name) for name, take in SAMPLING.items() if name in body.document})


def decode_max_tokens(body: Fields) -> int | None:
    """The newer field wins. Local servers take -1 for "no limit"."""
    for field in ("max_completion_tokens", "max_tokens"):
        if (limit := body.integer(field)) is not None:
            return None if limit < 0 else limit or refuse(body.at(field), "at least 1")
    return None


def decode_reasoning_control(body: Fields) -> ReasoningControl:
    """What any of the spellings says that servers have for it; the first that says something counts."""
    for decode in SPELLINGS:
        control = decode(body)
        if control.mode != "unset":
            return control
    return ReasoningControl()


def _control(effort: str | None, budget: int | None = None, show: str | None = None) -> ReasoningControl:
    """An effort or a budget asks for reasoning; those that mean none turn it off; unknown efforts say nothing."""
    if effort == "none" or budget == 0:
        return ReasoningControl(mode="off", effort=effort, show=show)
    if effort in RANK or budget is not None:
        known = effort if effort in RANK else None
        return ReasoningControl(mode="on", effort=known, budget=budget if (budget or 0) > 0 else None, show=show)
    return ReasoningControl(show=show)


def _by_effort(body: Fields) -> ReasoningControl:
    return _control(body.text("reasoning_effort"))


def _by_reasoning(body: Fields) -> ReasoningControl:
    """OpenRouter: {effort | max_tokens | enabled, exclude}."""
    fields = body.object("reasoning")
    if fields is None:
        return ReasoningControl()
    show = "omitted" if fields.flag("exclude") else None
    control = _control(fields.text("effort"), fields.integer("max_tokens"), show)
    return control if control.mode != "unset" else _switch(fields.flag("enabled"))


def _by_thinking(body: Fields) -> ReasoningControl:
    """DeepSeek, GLM, Kimi, and LiteLLM for Claude: {type, budget_tokens}."""
    fields = body.object("thinking")
    if fields is None:
        return ReasoningControl()
    control = THINKING_TYPES.get(fields.text("type") or "", ReasoningControl())
    budget = fields.integer("budget_tokens")
    return _control(None, budget) if control is ON and budget else control


def _by_enable_thinking(body: Fields) -> ReasoningControl:
    """Qwen: enable_thinking, thinking_budget."""
    enabled, budget = body.flag("enable_thinking"), body.integer("thinking_budget")
    return _control(None, budget) if enabled is not False and budget else _switch(enabled)


def _by_template(body: Fields) -> ReasoningControl:
    """vLLM, SGLang: chat_template_kwargs: {enable_thinking | thinking}."""
    fields = body.object("chat_template_kwargs")
    if fields is None:
        return ReasoningControl()
    enabled = fields.document.get("enable_thinking", fields.document.get("thinking"))
    return _switch(enabled if isinstance(enabled, bool) else None)


def _by_google(body: Fields) -> ReasoningControl:
    """Gemini behind its compatible endpoint: extra_body: {google: {thinking_config: {thinking_budget | _level}}}."""
    fields: Fields | None = body
    for step in ("extra_body", "google", "thinking_config"):
        fields = fields.object(step) if fields else None
    if fields is None:
        return ReasoningControl()
    level = fields.text("thinking_level")
    return _control(level.lower() if level else None, fields.integer("thinking_budget"))


def _switch(enabled: bool | None) -> ReasoningControl:
    return ReasoningControl() if enabled is None else ON if enabled else OFF


SPELLINGS: tuple[Callable[[Fields], ReasoningControl], ...] = (
    _by_effort,
    _by_reasoning,
    _by_thinking,
    _by_enable_thinking,
    _by_template,
    _by_google,
)


def decode_output(body: Fields) -> OutputFormat | None:
    """The form of the answer; None for one that we have no word for (a grammar), which `extra` then carries."""
    fields = body.object("response_format")
    if fields is None:
        return OutputFormat()
    kind = fields.need_text("type")
    if kind == "json_schema":
        spec = fields.object("json_schema") or Fields(None, fields.at("json_schema"))
        schema = spec.object("schema")
        return OutputFormat(
            kind="json_schema",
            schema=schema.document if schema else None,
            name=spec.text("name"),
            description=spec.text("description"),
            strict=spec.flag("strict"),
        )
    return {"text": OutputFormat(), "json_object": OutputFormat(kind="json")}.get(kind)


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_sampling(sampling: Sampling, draft: Draft) -> Wire:
    """What the model takes of it; the rest is lost by name."""
    asked = {name: value for name in (*SAMPLERS, "seed") if (value := getattr(sampling, name)) is not None}
    if sampling.logprobs or sampling.top_logprobs:  # no answer tells of them that is translated
        draft.losses.drop("logprobs")
    if not draft.own:  # the own dialect has the others in `extra`
        asked = {name: value for name, value in asked.items() if name not in UNHEARD}
        for name in EXTENSIONS:
            if getattr(sampling, name) is not None:
                draft.losses.drop(name)
    return {name: value for name, value in asked.items() if _takes(name, asked, draft)} | _cooled(asked, draft)


def _takes(name: str, asked: Wire, draft: Draft) -> bool:
    style = draft.target.profile.sampling
    refused = (style == "none" and name in SAMPLERS) or (style == "one" and name == "top_p" and "temperature" in asked)
    if refused:
        draft.losses.drop(name)
    return not refused


def _cooled(asked: Wire, draft: Draft) -> Wire:
    """The temperature, where it must be cut."""
    profile = draft.target.profile
    if profile.sampling == "none" or asked.get("temperature", 0) <= profile.max_temperature:
        return {}
    draft.losses.approx("temperature")
    return {"temperature": profile.max_temperature}


def encode_limits(request: Request, draft: Draft) -> Wire:
    """The most tokens of the answer, and what ends it."""
    wire: Wire = {}
    profile = draft.target.profile
    if (limit := request.max_output_tokens) is not None:
        if profile.max_output is not None and limit > profile.max_output:
            draft.losses.approx("max_tokens")
            limit = profile.max_output
        wire[profile.max_tokens_field] = limit
    if stop := request.stop[: profile.max_stop]:
        wire["stop"] = list(stop)  # always an array: some servers take no string
    return wire


def encode_reasoning_control(control: ReasoningControl, draft: Draft) -> Wire:
    """`reasoning_effort`, where the model knows it; `thinking`, where only that says that it shall not."""
    effort = wished_effort(control)
    if effort is None:
        return {}
    profile = draft.target.profile
    if effort == "none" and profile.off_switch:
        return {"thinking": {"type": "disabled"}}
    if profile.reasoning != "effort":
        if effort != "none":
            draft.losses.drop("reasoning")
        return {}
    nearest = nearest_effort(effort, profile)
    if nearest != effort or control.budget:
        draft.losses.approx("reasoning")
    return {"reasoning_effort": nearest} if nearest else {}


def encode_output(output: OutputFormat, messages: list[Wire], draft: Draft) -> tuple[Wire, list[Wire]]:
    """`response_format`, and the messages with what must be said in words beside it."""
    if output.kind == "text":
        return {}, messages
    if output.kind == "json_schema" and draft.target.profile.json_schema:
        return {"response_format": _json_schema(output, draft)}, messages
    wire: Wire = {"response_format": {"type": "json_object"}}
    if output.kind == "json_schema":
        draft.losses.approx("json_schema")
        return wire, _instructed(messages, BY_SCHEMA.format(json.dumps(output.schema or {}, ensure_ascii=False)))
    if draft.own or "json" in json.dumps(messages, ensure_ascii=False).lower():
        return wire, messages
    draft.losses.approx("json")
    return wire, _instructed(messages, ONLY_JSON)


def _json_schema(output: OutputFormat, draft: Draft) -> Wire:
    """Strict where the schema allows it: other APIs know no other way."""
    schema = output.schema or {"type": "object"}
    strict = output.strict if draft.own else output.strict is not False and is_strict(schema)
    if output.strict and not strict:
        draft.losses.drop("strict")
    spec: Wire = {"name": re.sub(r"[^a-zA-Z0-9_-]+", "_", output.name or "response")[:64]}
    spec |= {"description": output.description} if output.description is not None else {}
    spec |= {"schema": schema}
    spec |= {"strict": strict} if strict is not None else {}
    return {"type": "json_schema", "json_schema": spec}


def _instructed(messages: list[Wire], instruction: str) -> list[Wire]:
    """The messages with `instruction` at the end of the leading system message, or as one."""
    first, *rest = messages
    if first["role"] not in {"system", "developer"}:
        return [{"role": "system", "content": instruction}, *messages]
    said = first["content"]
    text = f"{said}\n\n{instruction}" if isinstance(said, str) else [*said, {"type": "text", "text": instruction}]
    return [{**first, "content": text}, *rest]
