"""How an answer is to be made: `options`, `think`, `format` and the like, both ways.

Reference: https://github.com/ollama/ollama/blob/main/docs/modelfile.md#valid-parameters-and-values
"""

from collections.abc import Callable, Mapping
from typing import Any

from llmux.dialects.efforts import RANK, nearest_effort, wished_effort
from llmux.dialects.ollama.content import Draft
from llmux.dialects.ollama.schema import INTEGERS, NAME, NUMBERS
from llmux.dialects.shape import Fields, refuse
from llmux.ir.content import restore
from llmux.ir.request import OutputFormat, ReasoningControl, Request, Sampling

Wire = dict[str, Any]

OFF, ON = ReasoningControl(mode="off"), ReasoningControl(mode="on")
KNOWN_OPTIONS = frozenset({*NUMBERS, *INTEGERS, "num_predict", "stop"})
# What no field of this wire says, or says only to its own clients.
LEFT_OUT = ("logit_bias", "logprobs", "top_logprobs")


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_options(body: Fields) -> dict[str, Any]:
    """What `options` and the fields beside it say, as fields of a Request; nothing for what was not said.

    Raises:
        BadRequest: one of them has another type.
    """
    options = body.object("options") or Fields({})
    drawn: Wire = {name: options.number(name) for name in NUMBERS} | {name: options.integer(name) for name in INTEGERS}
    drawn |= {"logprobs": body.flag("logprobs"), "top_logprobs": body.integer("top_logprobs")}
    limit = options.integer("num_predict")
    return {
        "sampling": Sampling(**drawn),
        "max_output_tokens": limit if limit is not None and limit > 0 else None,
        "stop": options.texts("stop"),
    }


def kept_options(body: Fields) -> Wire:
    """The options that the IR has no word for. A limit that is none (-1: no limit, -2: fill the context) is one."""
    options = body.object("options")
    if options is None:
        return {}
    kept = {name: value for name, value in options.document.items() if name not in KNOWN_OPTIONS and value is not None}
    limit = options.integer("num_predict")
    return kept if limit is None or limit > 0 else {**kept, "num_predict": limit}


def decode_think(body: Fields) -> ReasoningControl:
    """`think`: true, false, or how much in a word."""
    think = body.document.get("think")
    if think is None or think == "":
        return ReasoningControl()
    if isinstance(think, bool):
        return ON if think else OFF
    if not isinstance(think, str) or think not in RANK:
        refuse(body.at("think"), f"true, false, or one of {', '.join(RANK)}")
    return OFF if think == "none" else ReasoningControl(mode="on", effort=think)


def decode_format(body: Fields) -> OutputFormat:
    """`format`: nothing, "json", or a JSON Schema."""
    form = body.document.get("format")
    if form is None or form == "":
        return OutputFormat()
    if isinstance(form, dict):
        return OutputFormat(kind="json_schema", schema=form)
    return OutputFormat(kind="json") if form == "json" else refuse(body.at("format"), '"json" or a JSON Schema')


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_options(request: Request, draft: Draft) -> Wire:
    """`options`, and `logprobs` beside it: the limit belongs among them, and nowhere else does Ollama look for it."""
    sampling, profile = request.sampling, draft.target.profile
    wire: Wire = dict(restore(NAME, request.extra).get("options", {}))
    if profile.context is not None:  # only the owner says so: without it Ollama cuts long prompts in silence
        wire.setdefault("num_ctx", profile.context)
    wire |= {name: value for name in (*NUMBERS, *INTEGERS) if (value := getattr(sampling, name)) is not None}
    if (limit := request.max_output_tokens) is not None:
        if profile.max_output is not None and limit > profile.max_output:
            draft.losses.approx("max_tokens")
            limit = profile.max_output
        wire["num_predict"] = limit
    if request.stop:
        wire["stop"] = list(request.stop)
    return ({"options": wire} if wire else {}) | _encode_logprobs(sampling, draft)


def _encode_logprobs(sampling: Sampling, draft: Draft) -> Wire:
    """No answer tells of them that is translated; its own clients' wishes stay as they are."""
    asked = {name: value for name in LEFT_OUT if (value := getattr(sampling, name))}
    for name in asked:
        draft.losses.drop("logit_bias" if name == "logit_bias" else "logprobs")
    return asked if draft.own else {}


def encode_format(output: OutputFormat) -> Wire:
    """`format`. Ollama holds the answer to a schema by its grammar, whatever `strict` says."""
    if output.kind == "text":
        return {}
    return {"format": output.schema if output.kind == "json_schema" and output.schema else "json"}


def encode_think(control: ReasoningControl, draft: Draft) -> Wire:
    """`think`, where the model knows it: others refuse the whole request."""
    if draft.own:
        return {} if control.mode in {"unset", "auto"} else {"think": control.effort or control.mode == "on"}
    effort = wished_effort(control)
    if effort is None:
        return {}
    style = draft.target.profile.reasoning
    return THINKS.get(style, _switched)(effort, control, draft)


def _left_out(effort: str, _control: ReasoningControl, draft: Draft) -> Wire:
    if effort != "none":
        draft.losses.drop("reasoning")
    return {}


def _worded(effort: str, control: ReasoningControl, draft: Draft) -> Wire:
    """The nearest effort that the model knows: below if there is one, else above."""
    nearest = nearest_effort(effort, draft.target.profile) or "none"
    if nearest != effort or control.budget:
        draft.losses.approx("reasoning")
    return {"think": False if nearest == "none" else nearest}


def _switched(effort: str, control: ReasoningControl, draft: Draft) -> Wire:
    if effort != "none" and (control.effort or control.budget):
        draft.losses.approx("reasoning")
    return {"think": effort != "none"}


# How a model is asked to reason -> `think`; in any other way: on or off.
THINKS: Mapping[str, Callable[[str, ReasoningControl, Draft], Wire]] = {"none": _left_out, "effort": _worded}
