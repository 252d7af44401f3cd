"""The forms in which models print calls as text, and what is in one of them. Pure; it reads whole calls only.

Hermes and Qwen: `<tool_call>{"name", "arguments"}</tool_call>`. Llama: `<function=NAME>{...}</function>` and
`<|python_tag|>{"name", "parameters"}`. Qwen3-Coder: `<function=NAME><parameter=KEY>VALUE</parameter></function>`.
Mistral: `[TOOL_CALLS] [{...}]` and `[TOOL_CALLS]NAME[ARGS]{...}`. DeepSeek: a mark for the beginning of a call, `NAME`,
a mark between the two, and `{...}`. All this is what the chat templates teach that are published with the models.
"""

import re

import orjson

from llmux.ir.value import Value
from llmux.normalise.marks import Marks
from llmux.normalise.mend import is_object, respelled
from llmux.normalise.shape import KINDS, Shapes
from llmux.normalise.spans import elements, members
from llmux.normalise.toolbox import Toolbox


def _deepseek(words: str) -> str:
    """One of DeepSeek's marks: between full-width bars, with a block for every blank."""
    return f"<\uff5c{words.replace(' ', chr(0x2581))}\uff5c>"


CALLS_BEGIN, CALLS_END = _deepseek("tool calls begin"), _deepseek("tool calls end")
CALL_BEGIN, CALL_END = _deepseek("tool call begin"), _deepseek("tool call end")
BETWEEN = _deepseek("tool sep")

OPENERS = Marks(("<tool_call>", "<function=", "[TOOL_CALLS]", "<|python_tag|>", CALLS_BEGIN, CALL_BEGIN))
# What may stand behind a call, and says nothing.
CLOSERS = Marks(
    ("</tool_call>", "</function>", "<|eom_id|>", "<|eot_id|>", "```" + CALL_END, CALL_END, CALLS_END),
)
# Where what a call holds begins: JSON, or parameters in tags, of which there may be none.
BODY = re.compile(r"\{|<parameter=|</function>")
END_OF_PARAMETERS = Marks(("</function>",))
# All that may stand before it, with the tool's name if that is where it stands.
HEAD = re.compile(
    r"<tool_call>\s*(?:<function=([^>\s]+)>\s*)?"
    r"|<function=([^>\s]+)>\s*"
    r"|\[TOOL_CALLS\]\s*(?:([\w.-]+)\s*(?:\[CALL_ID\]\s*\w+\s*)?(?:\[ARGS\]\s*)?)?"
    r"|<\|python_tag\|>\s*"
    rf"|(?:{CALLS_BEGIN}\s*)?{CALL_BEGIN}\s*(?:function{BETWEEN}\s*)?([\w.-]+)\s*(?:{BETWEEN}|```(?:json)?)\s*"
)
# How an answer begins that is nothing but a call: as bare JSON, or in a fence.
ALONE = re.compile(r'\s*(?:```\w*\s*)?\{\s*"(?:name"\s*:\s*"([^"]*)"|(?:arguments|parameters|type)"\s*:)')
FENCED = re.compile(r"```\w*\s*(\{.*\})\s*```", re.DOTALL)
ARGUMENTS = ("arguments", "parameters")


class Printed(Value):
    """A call that was printed: the tool's own name, and its arguments as they were spelled."""

    name: str
    arguments: str


def read_json(text: str, name: str | None, tools: Toolbox) -> list[Printed]:
    """The calls in `text`, which is JSON: the arguments of the tool `name`, or names with their arguments.

    None at all where it is anything else, or one of them is of no known tool.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    if name is not None:
        found = [_printed(name, text, tools)] if isinstance(value, dict) else []
    else:
        places = elements(text, 0) if isinstance(value, list) else iter((0,))
        found = [_named(text, at, tools) for at in places]
    calls = [call for call in found if call is not None]
    return calls if len(calls) == len(found) else []


def _named(text: str, at: int, tools: Toolbox) -> Printed | None:
    """The call at `at`, which says its name."""
    if text[at] != "{":
        return None
    said = {member.key: text[member.start : member.end] for member in members(text, at)}
    arguments = next((said[key] for key in ARGUMENTS if key in said), "")
    if KINDS.get(arguments[:1]) == "string":  # as OpenAI's API has them
        arguments = orjson.loads(arguments)
    name = orjson.loads(said.get("name", "null"))
    return _printed(name, arguments, tools) if isinstance(name, str) and is_object(arguments) else None


def _printed(name: str, arguments: str, tools: Toolbox) -> Printed | None:
    known = tools.name(name)
    return Printed(known, arguments) if known is not None and tools.shapes(known) is not None else None


def read_parameters(text: str, name: str, tools: Toolbox) -> list[Printed]:
    """The call of `name` with the parameters in `text`, in tags. None where something else stands there."""
    known = tools.name(name)
    shapes = None if known is None else tools.shapes(known)
    blank, *parameters = text.split("<parameter=")
    if known is None or shapes is None or blank.strip():
        return []
    pairs = [_parameter(parameter, shapes) for parameter in parameters]
    written = [pair for pair in pairs if pair is not None]
    return [Printed(known, "{" + ", ".join(written) + "}")] if len(written) == len(pairs) else []


def _parameter(text: str, shapes: Shapes) -> str | None:
    """`KEY>VALUE</parameter>` as a member of a JSON object. The line ends next to the tags are not the value's."""
    key, _, rest = text.partition(">")
    value, closer, behind = rest.partition("</parameter>")
    if not closer or behind.strip():
        return None
    spelled = orjson.dumps(value.removeprefix("\n").removesuffix("\n")).decode()
    shape = shapes.of((shapes.root.properties or {}).get(key))
    if shape.stray("string"):
        spelled = respelled(spelled, shape) or spelled
    return f"{orjson.dumps(key).decode()}: {spelled}"


def read_alone(text: str, tools: Toolbox) -> list[Printed]:
    """The call that a whole answer is, fenced or not."""
    text = text.strip()
    fenced = FENCED.fullmatch(text)
    return read_json(fenced[1] if fenced else text, None, tools)


def name_in(head: re.Match[str]) -> str | None:
    """The tool's name in a head, if it stands there."""
    return next(filter(None, head.groups()), None)
