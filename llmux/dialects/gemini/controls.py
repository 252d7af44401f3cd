"""generationConfig: how an answer is to be made, both ways.

Reference: https://ai.google.dev/api/generate-content#generationconfig
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from llmux.dialects.gemini.blocks import Draft
from llmux.dialects.gemini.schema import JSON, LEVEL_NUMBERS, LEVEL_WORDS, LEVELS, word
from llmux.dialects.gemini.subset import lowered
from llmux.dialects.gemini.tools import subset
from llmux.dialects.shape import Fields, refuse
from llmux.ir.request import EFFORTS, OutputFormat, ReasoningControl, Request, Sampling

Wire = dict[str, Any]

# Ours -> the wire's word, and how it is read.
SAMPLING: Mapping[str, tuple[str, Callable[[Fields, str], Any]]] = {
    "temperature": ("temperature", Fields.number),
    "top_p": ("topP", Fields.number),
    "top_k": ("topK", Fields.integer),
    "seed": ("seed", Fields.integer),
    "presence_penalty": ("presencePenalty", Fields.number),
    "frequency_penalty": ("frequencyPenalty", Fields.number),
    "logprobs": ("responseLogprobs", Fields.flag),
    "top_logprobs": ("logprobs", Fields.integer),
}
SAMPLERS = ("temperature", "top_p", "top_k")  # what some models take none of
UNHEARD = ("logprobs", "top_logprobs")  # of these no answer tells that is translated
LEFT_OUT = ("min_p", "logit_bias")
SCHEMAS = ("responseJsonSchema", "_responseJsonSchema", "responseSchema")
TEXT = frozenset({"", "text/plain"})
KNOWN = frozenset({
    *(name for name, _ in SAMPLING.values()), *SCHEMAS, "maxOutputTokens", "stopSequences", "candidateCount",
    "thinkingConfig", "responseMimeType",
})  # fmt: skip

# Effort -> tokens to think with, and back: the largest budget that is still this effort. What is larger is "max".
BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 65536}
LIMITS = {"low": 4096, "medium": 16384, "high": 32768, "xhigh": 49152}
ANSWER_ROOM = 1024  # tokens that a budget leaves for the answer, which Google counts together
DYNAMIC = -1  # the model decides

ONLY_JSON = "Answer with a JSON object only, without any other text."
BY_SCHEMA = "Answer with JSON only, without any other text. It must be valid under this JSON Schema:\n{}"


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_config(config: Fields) -> dict[str, Any]:
    """What `generationConfig` says, as the fields of a Request."""
    choices, limit = config.integer("candidateCount"), config.integer("maxOutputTokens")
    if choices is not None and choices < 1:
        refuse(config.at("candidateCount"), "at least 1")
    if limit is not None and limit < 1:
        refuse(config.at("maxOutputTokens"), "at least 1")
    return {
        "sampling": Sampling(**{ours: take(config, name) for ours, (name, take) in SAMPLING.items()}),
        "max_output_tokens": limit,
        "stop": config.texts("stopSequences"),
        "choices": choices or 1,
        "reasoning": _decode_thinking(config.object("thinkingConfig")),
        "output": _decode_output(config),
    }


def decode_rest(config: Fields) -> Wire:
    """What of `generationConfig` the IR has no words for."""
    known = KNOWN
    if (config.text("responseMimeType") or "") not in {JSON, *TEXT}:  # one of a list, as plain text
        known -= {"responseMimeType", *SCHEMAS}
    return {name: value for name, value in config.document.items() if name not in known and value is not None}


def _decode_thinking(thinking: Fields | None) -> ReasoningControl:
    if thinking is None:
        return ReasoningControl()
    shown = thinking.flag("includeThoughts")
    show = None if shown is None else "summary" if shown else "omitted"
    budget = thinking.integer("thinkingBudget")
    effort = LEVELS.get(word(thinking.document.get("thinkingLevel"), LEVEL_NUMBERS).upper())
    if budget == 0:
        return ReasoningControl(mode="off", show=show)
    if effort or (budget is not None and budget > 0):
        return ReasoningControl(mode="on", effort=effort, budget=budget, show=show)
    return ReasoningControl(mode="auto" if budget is not None or shown else "unset", show=show)


def _decode_output(config: Fields) -> OutputFormat:
    form = config.text("responseMimeType") or ""
    own = config.object("responseSchema")
    whole = config.object("responseJsonSchema") or config.object("_responseJsonSchema")
    if form not in {JSON, *TEXT}:
        return OutputFormat()
    if whole or own:
        return OutputFormat(
            kind="json_schema", schema=whole.document if whole else lowered(own.document if own else {})
        )
    return OutputFormat(kind="json") if form == JSON else OutputFormat()


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_config(request: Request, draft: Draft, *, tools: bool) -> tuple[Wire, str]:
    """`generationConfig`, and what must be asked for in words instead. `tools`: functions can be called."""
    wire = _encode_sampling(request.sampling, draft)
    wire |= _encode_limits(request, draft)
    thinking = _encode_thinking(request.reasoning, draft, wire.get("maxOutputTokens"))
    wire |= {"thinkingConfig": thinking} if thinking else {}
    form, words = _encode_output(request.output, draft, tools=tools)
    return wire | form, words


def _encode_sampling(sampling: Sampling, draft: Draft) -> Wire:
    """What the model takes of it; the rest is lost by name."""
    wire: Wire = {}
    for name in LEFT_OUT:
        if getattr(sampling, name) is not None:
            draft.losses.drop(name)
    if sampling.logprobs or sampling.top_logprobs:
        draft.losses.drop("logprobs")
    for ours, (name, _) in SAMPLING.items():
        value = getattr(sampling, ours)
        if value is None or (ours in UNHEARD and not draft.own):
            continue
        if ours in SAMPLERS and draft.profile.sampling == "none":
            draft.losses.drop(ours)
            continue
        wire[name] = value
    if wire.get("temperature", 0) > draft.profile.max_temperature:
        draft.losses.approx("temperature")
        wire["temperature"] = draft.profile.max_temperature
    return wire


def _encode_limits(request: Request, draft: Draft) -> Wire:
    """The most tokens of the answer, what ends it, and how many there are to be."""
    wire: Wire = {}
    if (limit := request.max_output_tokens) is not None:
        most = draft.profile.max_output
        if most is not None and limit > most:
            draft.losses.approx("max_tokens")
            limit = most
        wire["maxOutputTokens"] = limit
    if stop := request.stop[: draft.profile.max_stop]:
        wire["stopSequences"] = list(stop)
    if request.choices > 1:
        wire["candidateCount"] = request.choices
    return wire


def _encode_thinking(control: ReasoningControl, draft: Draft, limit: int | None) -> Wire:
    """`thinkingConfig`: a level or a budget, never both; and whether the reasoning is to be told."""
    asked = control.mode != "unset" or control.effort is not None
    off = control.mode == "off" or control.effort == "none" or control.budget == 0
    if asked and draft.profile.reasoning not in {"level", "budget"}:
        if not off:
            draft.losses.drop("reasoning")
        return {}
    wire: Wire = {}
    if asked:
        wire = _level(control, draft, off=off) if draft.profile.reasoning == "level" else _budget(control, draft, limit)
    if not off and control.mode != "unset" and not draft.own and control.show != "omitted":
        wire["includeThoughts"] = True
    elif draft.own and control.show:
        wire["includeThoughts"] = control.show == "summary"
    return wire


def _level(control: ReasoningControl, draft: Draft, *, off: bool) -> Wire:
    """The nearest level that the model knows: below if there is one, else above. It can never be off."""
    wish = "none" if off else control.effort
    if wish is None and control.budget is not None:
        draft.losses.approx("reasoning")
        wish = next((effort for effort, most in LIMITS.items() if control.budget <= most), "max")
    if wish is None:
        return {}  # the model decides
    known = sorted((effort for effort in draft.profile.efforts if effort in LEVEL_WORDS), key=EFFORTS.index)
    rank = EFFORTS.index(wish) if wish in EFFORTS else len(EFFORTS)
    below = [effort for effort in known if EFFORTS.index(effort) <= rank]
    nearest = below[-1] if below else next(iter(known), None)
    if nearest != wish:
        draft.losses.approx("reasoning")
    return {"thinkingLevel": LEVEL_WORDS[nearest]} if nearest else {}


def _budget(control: ReasoningControl, draft: Draft, limit: int | None) -> Wire:
    """A budget within the model's bounds. Models whose efforts hold "none" can be told not to think at all."""
    profile = draft.profile
    if control.mode == "off" or control.effort == "none" or control.budget == 0:
        if "none" in profile.efforts:
            return {"thinkingBudget": 0}
        draft.losses.approx("reasoning")
        return {"thinkingBudget": profile.min_budget}
    wish = control.budget
    if wish is None and control.effort is not None:
        draft.losses.approx("reasoning")
        wish = BUDGETS.get(control.effort, BUDGETS["max"])
    if wish is None:
        return {"thinkingBudget": DYNAMIC}
    most = profile.max_budget or wish
    if limit is not None and not draft.own:
        most = min(most, max(limit - ANSWER_ROOM, profile.min_budget))
    budget = max(min(wish, most), profile.min_budget)
    if budget != wish:
        draft.losses.approx("reasoning")
    return {"thinkingBudget": budget}


def _encode_output(output: OutputFormat, draft: Draft, *, tools: bool) -> tuple[Wire, str]:
    """The form of the answer, or the words that ask for it."""
    if output.kind == "text":
        return {}, ""
    schema = output.schema if output.kind == "json_schema" else None
    if (tools and not draft.profile.json_with_tools) or (schema and not draft.profile.json_schema):
        draft.losses.approx(output.kind)
        return {}, BY_SCHEMA.format(orjson.dumps(schema).decode()) if schema else ONLY_JSON
    wire: Wire = {"responseMimeType": JSON}
    if schema and draft.profile.full_schemas:
        wire["responseJsonSchema"] = schema
    elif schema:
        wire["responseSchema"] = subset(schema, draft)
    return wire, ""
