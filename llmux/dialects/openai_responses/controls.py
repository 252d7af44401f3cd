"""How an answer is to be made: sampling, limits, reasoning and form of output, both ways."""

import json
import re
from typing import Any

from llmux.dialects.efforts import RANK, nearest_effort, wished_effort
from llmux.dialects.openai_responses.content import Draft
from llmux.dialects.openai_responses.schema import ENCRYPTED, LOGPROBS
from llmux.dialects.shape import Fields, refuse
from llmux.dialects.strict import is_strict
from llmux.ir.request import OutputFormat, ReasoningControl, Request, Sampling

Wire = dict[str, Any]

# What the IR has besides, and this wire does not.
UNSAYABLE = ("top_k", "min_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias")

ONLY_JSON = "Answer with a JSON object only."
BY_SCHEMA = "Answer with JSON only, without any other text. It must be valid under this JSON Schema:\n{}"


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_sampling(body: Fields) -> Sampling:
    return Sampling(
        temperature=body.number("temperature"),
        top_p=body.number("top_p"),
        logprobs=True if LOGPROBS in body.texts("include") else None,
        top_logprobs=body.integer("top_logprobs"),
    )


def decode_limit(body: Fields) -> int | None:
    limit = body.integer("max_output_tokens")
    return limit if limit is None or limit > 0 else refuse(body.at("max_output_tokens"), "at least 1")


def decode_reasoning(body: Fields) -> ReasoningControl:
    """`reasoning`: an effort asks for it, `summary` to see it. An unknown effort says nothing to others."""
    fields = body.object("reasoning")
    if fields is None:
        return ReasoningControl()
    effort, wish = fields.text("effort"), fields.text("summary") or fields.text("generate_summary")
    show = "summary" if wish and wish != "none" else None
    if effort == "none":
        return ReasoningControl(mode="off", effort=effort, show=show)
    if effort in RANK:
        return ReasoningControl(mode="on", effort=effort, show=show)
    return ReasoningControl(show=show)


def decode_verbosity(body: Fields) -> str | None:
    text = body.object("text")
    return text.text("verbosity") if text else None


def decode_output(body: Fields) -> OutputFormat:
    """`text.format`. One that we have no word for is text to others; `extra` carries it."""
    text = body.object("text")
    form = text.object("format") if text else None
    if form is None:
        return OutputFormat()
    kind = form.need_text("type")
    if kind == "json_schema":
        spec = form.object("json_schema") or form  # nested, as Chat has it
        schema = spec.object("schema")
        return OutputFormat(
            kind="json_schema",
            schema=schema.document if schema else None,
            name=spec.text("name"),
            description=spec.text("description"),
            strict=spec.flag("strict"),
        )
    return OutputFormat(kind="json") if kind == "json_object" else OutputFormat()


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_sampling(sampling: Sampling, draft: Draft) -> Wire:
    """What the model takes of it; the rest is lost by name."""
    for name in UNSAYABLE:
        if getattr(sampling, name) is not None:
            draft.losses.drop(name)
    wire = {name: value for name in ("temperature", "top_p") if (value := getattr(sampling, name)) is not None}
    style = draft.target.profile.sampling
    for name in list(wire):
        if style == "none" or (style == "one" and name == "top_p" and "temperature" in wire):
            draft.losses.drop(name)
            del wire[name]
    if wire.get("temperature", 0) > draft.target.profile.max_temperature:
        draft.losses.approx("temperature")
        wire["temperature"] = draft.target.profile.max_temperature
    if sampling.logprobs or sampling.top_logprobs:  # nobody hears them in an answer that is translated
        draft.losses.drop("logprobs")
    return wire


def encode_limits(request: Request, draft: Draft) -> Wire:
    """The most tokens of the answer. This API has nothing else that ends it."""
    limit, profile = request.max_output_tokens, draft.target.profile
    if limit is None:
        return {}
    fitting = max(limit if profile.max_output is None else min(limit, profile.max_output), profile.min_output)
    if fitting != limit:
        draft.losses.approx("max_tokens")
    return {"max_output_tokens": fitting}


def encode_reasoning(control: ReasoningControl, draft: Draft) -> Wire:
    """`reasoning`, where the model knows it: the effort, and a summary where the client wants to see one."""
    profile, effort = draft.target.profile, wished_effort(control)
    if profile.reasoning != "effort":
        if effort not in {None, "none"}:
            draft.losses.drop("reasoning")
        return {}
    nearest = nearest_effort(effort, profile) if effort is not None else None
    if nearest != effort or control.budget:
        draft.losses.approx("reasoning")
    wire = {"effort": nearest} if nearest else {}
    wire |= {"summary": "auto"} if control.show == "summary" and effort != "none" else {}
    return {"reasoning": wire} if wire else {}


def encode_include(request: Request, draft: Draft) -> list[str]:
    """What is to come with the answer. Without its encrypted form, reasoning could not be given back."""
    profile = draft.target.profile
    reasons = profile.thinking and profile.reasoning != "none" and request.reasoning.mode != "off"
    return [ENCRYPTED] if reasons else []


def encode_text(request: Request, items: list[Wire], draft: Draft) -> tuple[Wire, list[Wire]]:
    """`text`, and the items with what must be said in words beside it."""
    wire: Wire = {"verbosity": request.verbosity} if request.verbosity else {}
    output, said = request.output, items
    if output.kind == "json_schema" and draft.target.profile.json_schema:
        wire["format"] = _json_schema(output, draft)
    elif output.kind != "text":
        wire["format"] = {"type": "json_object"}
        if output.kind == "json_schema":
            draft.losses.approx("json_schema")
            said = _instructed(items, BY_SCHEMA.format(json.dumps(output.schema or {}, ensure_ascii=False)))
        elif not draft.own and "json" not in json.dumps(items, ensure_ascii=False).lower():
            draft.losses.approx("json")
            said = _instructed(items, ONLY_JSON)
    return ({"text": wire} if wire else {}), said


def _json_schema(output: OutputFormat, draft: Draft) -> Wire:
    """Strict where the schema allows it: other APIs know no other way."""
    schema = output.schema or {"type": "object"}
    strict = output.strict if draft.own else output.strict is not False and is_strict(schema)
    if output.strict and not strict:
        draft.losses.drop("strict")
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", output.name or "response")[:64]
    spec: Wire = {"type": "json_schema", "name": name}
    spec |= {"description": output.description} if output.description is not None else {}
    spec |= {"schema": schema}
    return spec | ({"strict": strict} if strict is not None else {})


def _instructed(items: list[Wire], instruction: str) -> list[Wire]:
    """The items with `instruction` in front: what is said later may change, and this never does."""
    return [{"type": "message", "role": "system", "content": instruction}, *items]
