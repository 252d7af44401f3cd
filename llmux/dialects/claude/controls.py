"""How an answer is to be made: sampling, limits, reasoning and form of output, both ways.

Reference: https://docs.claude.com/en/docs/build-with-claude/extended-thinking
"""

from collections.abc import Mapping
from typing import Any

import orjson

from llmux.dialects.claude.blocks import Draft, Wire
from llmux.dialects.claude.schema import DIALECT, DISPLAY_WORDS, DISPLAYS
from llmux.dialects.shape import Fields
from llmux.ir.capability import Profile
from llmux.ir.request import EFFORTS, OutputFormat, ReasoningControl, Request, Sampling

# Effort -> tokens to think with, and back: the largest budget that is still this effort. What is larger is "max".
BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 65536}
LIMITS = {"low": 4096, "medium": 16384, "high": 32768, "xhigh": 49152}
ANSWER_ROOM = 1024  # tokens that a budget leaves for the answer when it must shrink
LEAST_TOP_P = 0.95  # that a model takes while it reasons

SAMPLERS = {"temperature": 1, "top_p": 1, "top_k": None}  # with what a model does anyway: that need not be said
LEFT_OUT = ("seed", "min_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs")

MODES: Mapping[str, Any] = {"enabled": "on", "adaptive": "auto", "disabled": "off"}

ONLY_JSON = "Answer with a JSON object only, without any other text."
BY_SCHEMA = "Answer with JSON only, without any other text. It must be valid under this JSON Schema:\n{}"

# --- decode ----------------------------------------------------------------------------------------------------------


def decode_sampling(body: Fields) -> Sampling:
    return Sampling(temperature=body.number("temperature"), top_p=body.number("top_p"), top_k=body.integer("top_k"))


def decode_reasoning(body: Fields) -> ReasoningControl:
    """`thinking` and `output_config.effort`. Claude Code sends an effort with "off" too, which beats it elsewhere."""
    thinking, config = body.object("thinking"), body.object("output_config")
    effort = config.text("effort") if config else None
    if thinking is None:
        return ReasoningControl(effort=effort)
    mode = MODES.get(thinking.need_text("type"), "auto")
    if mode == "off":
        return ReasoningControl(mode="off", effort=effort)
    show = DISPLAYS.get(thinking.text("display") or "")
    return ReasoningControl(mode=mode, effort=effort, budget=thinking.integer("budget_tokens"), show=show)


def decode_output(body: Fields) -> OutputFormat:
    """`output_config.format`, or `output_format` as it was called before."""
    config = body.object("output_config")
    form = (config.object("format") if config else None) or body.object("output_format")
    if form is None or form.need_text("type") != "json_schema":
        return OutputFormat()
    schema = form.object("schema")
    return OutputFormat(kind="json_schema", schema=schema.document if schema else None)


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_limit(request: Request, draft: Draft) -> int:
    """`max_tokens`, which Claude must be told."""
    most = draft.profile.max_output
    asked = request.max_output_tokens
    if asked is None:
        return min(draft.profile.default_output, most or draft.profile.default_output)
    if most is not None and asked > most:
        draft.losses.approx("max_tokens")
        return most
    return max(1, asked)


def encode_reasoning(request: Request, draft: Draft, limit: int, *, manual: bool, forced: bool) -> Wire:
    """`thinking`, `output_config.effort`, and `max_tokens` where it must grow.

    Args:
        request: what is asked for.
        draft: whom it is asked.
        limit: the `max_tokens` so far.
        manual: whether the history allows `thinking: enabled`.
        forced: whether a tool must be called, which rules thinking out.
    """
    control = _wish(request.reasoning)
    style = draft.profile.reasoning
    if control.mode == "unset":
        effort = _effort(control.effort, draft) if control.effort else None
        return {"output_config": {"effort": effort}} if effort else {}
    if control.mode == "off" or style in {"none", "effort"}:
        if control.mode != "off":
            draft.losses.drop("reasoning")
        return _off(request, draft)
    adaptive = style == "adaptive" or (style == "either" and control.budget is None)
    if forced or not (adaptive or manual):
        draft.losses.drop("reasoning")
        return {"thinking": {"type": "disabled"}}
    wire = _adaptive(control, draft) if adaptive else _budgeted(control, draft, limit)
    display = DISPLAY_WORDS.get(control.show or "")
    if display and wire["thinking"]["type"] != "disabled":
        wire["thinking"]["display"] = display
    return wire


def _off(request: Request, draft: Draft) -> Wire:
    """No reasoning. To Claude, and in its own clients' words, an effort beside that is one for the answer."""
    profile, effort = draft.profile, request.reasoning.effort
    if profile.reasoning in {"none", "effort"}:
        return {}
    said = effort if request.dialect == DIALECT and not profile.off_switch else None
    return {"thinking": {"type": "disabled"}} | ({"output_config": {"effort": said}} if said else {})


def _wish(control: ReasoningControl) -> ReasoningControl:
    return ReasoningControl(mode="off") if "none" in {control.effort, control.mode} or control.budget == 0 else control


def _adaptive(control: ReasoningControl, draft: Draft) -> Wire:
    wish = control.effort
    if control.budget is not None:
        draft.losses.approx("reasoning")
        wish = wish or next((word for word, most in LIMITS.items() if control.budget <= most), "max")
    effort = _effort(wish, draft) if wish else None
    return {"thinking": {"type": "adaptive"}} | ({"output_config": {"effort": effort}} if effort else {})


def _effort(wish: str, draft: Draft) -> str | None:
    """The nearest effort that the model knows: below if there is one, else above."""
    known = sorted((word for word in draft.profile.efforts if word in EFFORTS[1:]), key=EFFORTS.index)
    rank = EFFORTS.index(wish) if wish in EFFORTS else len(EFFORTS)
    below = [word for word in known if EFFORTS.index(word) <= rank]
    nearest = below[-1] if below else next(iter(known), None)
    if nearest != wish:
        draft.losses.approx("reasoning")
    return nearest


def _budgeted(control: ReasoningControl, draft: Draft, limit: int) -> Wire:
    """A budget below `max_tokens`: the limit grows as far as the model can write, then the budget shrinks."""
    budget = control.budget
    if budget is None:
        draft.losses.approx("reasoning")
        budget = BUDGETS.get(control.effort or "medium", BUDGETS["max"])
    budget = max(budget, draft.profile.min_budget)
    room = limit
    if room <= budget:
        room = max(limit, min(limit + budget, draft.profile.max_output or draft.profile.default_output))
    if room <= budget:
        draft.losses.approx("reasoning")
        budget = room - ANSWER_ROOM
    if budget < draft.profile.min_budget:
        draft.losses.drop("reasoning")
        return {"thinking": {"type": "disabled"}}
    wire: Wire = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    if room > limit:
        draft.losses.approx("max_tokens")
        wire["max_tokens"] = room
    return wire


def encode_sampling(sampling: Sampling, draft: Draft, *, reasons: bool) -> Wire:
    """What the model takes of it; the rest is lost by name."""
    for name in LEFT_OUT:
        if getattr(sampling, name):
            draft.losses.drop(name.removeprefix("top_"))
    asked = {name: getattr(sampling, name) for name in SAMPLERS}
    asked = {name: value for name, value in asked.items() if value not in {None, SAMPLERS[name]}}
    wire: Wire = {}
    for name, value in asked.items():
        if _is_taken(name, asked, draft.profile, reasons=reasons):
            wire[name] = value
        else:
            draft.losses.drop(name)
    warmest = min(1.0, draft.profile.max_temperature)
    if wire.get("temperature", 0) > warmest:
        draft.losses.approx("temperature")
        wire["temperature"] = warmest
    return wire


def _is_taken(name: str, asked: Wire, profile: Profile, *, reasons: bool) -> bool:
    if profile.sampling == "none":
        return False
    if reasons:
        return name == "top_p" and asked[name] >= LEAST_TOP_P
    return name != "top_p" or "temperature" not in asked  # no model since Claude 4.1 takes both


def encode_output(output: OutputFormat, draft: Draft) -> tuple[Wire, list[Wire]]:
    """`output_config.format`, or the system text that asks for the form in words."""
    if output.kind == "text":
        return {}, []
    if output.kind == "json_schema" and output.schema and draft.profile.json_schema:
        return {"format": {"type": "json_schema", "schema": output.schema}}, []
    draft.losses.approx(output.kind)
    schema = orjson.dumps(output.schema).decode() if output.schema else ""
    return {}, [{"type": "text", "text": BY_SCHEMA.format(schema) if schema else ONLY_JSON}]


def encode_stop(stop: tuple[str, ...], draft: Draft) -> Wire:
    """`stop_sequences`. Claude refuses blank ones."""
    taken = [text for text in stop if text and not text.isspace()][: draft.profile.max_stop]
    return {"stop_sequences": taken} if taken else {}
