"""Plain words -> what is to be done. Pure, small, and the same words always mean the same.

    Write a file notes.txt with content `two words`, then run `cat notes.txt`.
    Create a file named a.txt that holds exactly the word hello. Read b.txt.
    Call get_weather with city=Paris and get_weather with city=Rome.
    Answer with one line: the word DONE, a hyphen, and that word, with no spaces.

It is a toy: a handful of patterns, in English. Values are quoted (`x`, "x", 'x') or end with the clause. One step is
done a turn; tools called in one sentence, or steps that are to be done "in parallel", share a turn.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from llmux.ir.value import Value


class Write(Value):
    """Put `content` into the file at `path`."""

    path: str
    content: str


class Run(Value):
    """Run a shell command."""

    command: str


class Read(Value):
    """Look at a file."""

    path: str


class Use(Value):
    """Call the tool `name` with `values`."""

    name: str
    values: Mapping[str, str]


Step = Write | Run | Read | Use

# A task is said in a few sentences. More is somebody's file, and patterns take long over what they do not fit.
READ_CHARACTERS = 4_000
QUOTED = r"""`[^`]+`|"[^"]+"|'[^']+'"""
# Up to the end of the clause: a comma, a semicolon, a full stop that ends a sentence, a line end, "and", "then".
BARE = r"\S(?:.*?\S)??(?=\s*(?:[,;](?:\s|$)|\.(?:\s|$)|\n|$)|\s+(?:and|then)\b|\s+\[)"
# A bare path has a dot or a slash inside. Atomic groups and short gaps keep a text that fits nothing from taking long.
PATH = rf"{QUOTED}|(?>(?=[^\s,;`\"']*[./][^\s,;`\"'.])[^\s,;`\"']*[\w/])"
SAME_SENTENCE = r"(?:(?!\.\s|\n).){0,100}?"
FILLERS = r"(?:\s+(?:exactly|just|only|of|the\s+(?:word|text|line|content|contents)))*"

PATTERNS: Mapping[str, Callable[[Mapping[str, str]], Step]] = {
    rf"\b(?:write|create|make|save)\b{SAME_SENTENCE}\bfile\b(?:\s+(?:named|called|at))?:?\s+(?P<path>{PATH})"
    rf"{SAME_SENTENCE}\b(?:contents?|text|holds|contains|containing|holding|says|saying){FILLERS}:?"
    rf"\s+(?P<content>{QUOTED}|{BARE})": lambda found: Write(found["path"], found["content"]),
    rf"\b(?:write|save|put){FILLERS}\s+(?P<content>{QUOTED}|\S+)\s+(?:to|into|in|as)\s+(?:the\s+|a\s+)?"
    rf"(?:file\s+)?(?:named\s+|called\s+)?(?P<path>{PATH})": lambda found: Write(found["path"], found["content"]),
    rf"\b(?:run|execute)\s+(?:the\s+)?(?:(?:shell\s+)?command:?\s+)?(?!(?:it|them|this|that|the|a)\b)"
    rf"(?P<command>{QUOTED}|{BARE})": lambda found: Run(found["command"]),
    rf"\b(?:read|open|view|look\s+at|show(?:\s+me)?)\s+(?:the\s+)?(?:(?:image|picture|file|document)\s+)?"
    rf"(?:named\s+|called\s+)?(?P<path>{PATH})": lambda found: Read(found["path"]),
}
CALLING = re.compile(r"\b(?:call|use|invoke)\b(?P<rest>(?:(?!\.\s|\n|\bthen\b).)*)", re.IGNORECASE)
NO_MEANS = r"(?!\s+(?:tool\s+)?to\b)"  # "use bash to run x" is one step: run x
VALUE = re.compile(rf"(?<![\w.-])(?P<name>(?>[\w.-]+))\s*=\s*(?P<value>{QUOTED}|[^\s,;]*[^\s,;.!?])")
TOGETHER = re.compile(r"\bin parallel\b|\bat the same time\b|\bat once\b", re.IGNORECASE)

ANSWER = re.compile(r"\b(?:answer|reply|respond)\b[^.:\n]*:\s*(?P<pieces>[^.\n\[]+)", re.IGNORECASE)
PIECE = re.compile(rf"the word (?P<word>{QUOTED}|\S+)|(?P<quoted>{QUOTED})|an? (?P<sign>\w+)|(?P<that>that word)")
THE_WORD = re.compile(rf"\bthe word (?P<word>{QUOTED}|[^\s,;.]+)")
SIGNS = {"hyphen": "-", "dash": "-", "space": " ", "comma": ",", "colon": ":", "slash": "/"}


def turns(text: str, tools: Iterable[str]) -> tuple[tuple[Step, ...], ...]:
    """The steps that `text` asks for, by the turn in which they are to be done. `tools`: the names on offer."""
    text = text[:READ_CHARACTERS]
    found = [*_calls(text, tuple(tools)), *_steps(text)]
    found.sort(key=lambda each: each[0])
    if TOGETHER.search(text):
        steps = tuple(step for _, group in found for step in group)
        return (steps,) if steps else ()
    return tuple(group for _, group in found)


def values(text: str) -> dict[str, str]:
    """Every name=value that `text` tells."""
    return {match["name"]: unquoted(match["value"]) for match in VALUE.finditer(text[:READ_CHARACTERS])}


def wording(text: str) -> str | None:
    """The exact words that `text` wants as the answer, if it spells them out after a colon."""
    match = ANSWER.search(text[:READ_CHARACTERS])
    if match is None:
        return None
    earlier = THE_WORD.findall(text[: match.start()])
    clauses = re.split(r",\s*(?:and\s+)?|\s+and\s+", match["pieces"])
    said = [piece for clause in clauses if (piece := _piece(clause.strip(), earlier))]
    return ("" if "no spaces" in match["pieces"] else " ").join(said) or None


def unquoted(text: str) -> str:
    """`text` without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] in "`\"'" and text[-1] == text[0] else text


def _piece(clause: str, earlier: list[str]) -> str:
    match = PIECE.fullmatch(clause)
    if match is None:
        return ""
    if match["that"]:
        return unquoted(earlier[-1]) if earlier else ""
    return SIGNS.get(match["sign"] or "", "") or unquoted(match["word"] or match["quoted"] or "")


def _steps(text: str) -> Iterable[tuple[int, tuple[Step, ...]]]:
    taken: list[tuple[int, int]] = []
    for pattern, step in PATTERNS.items():
        for match in re.finditer(pattern, text, re.IGNORECASE):
            if not any(start < match.end() and match.start() < end for start, end in taken):
                taken.append(match.span())
                yield match.start(), (step({key: unquoted(value) for key, value in match.groupdict().items()}),)


def _calls(text: str, tools: tuple[str, ...]) -> Iterable[tuple[int, tuple[Step, ...]]]:
    if not tools:
        return
    names = "|".join(sorted(map(re.escape, tools), key=len, reverse=True))
    for calling in CALLING.finditer(text):
        found = list(re.finditer(rf"(?<![\w-])(?:{names})(?![\w-]){NO_MEANS}", calling["rest"]))
        ends = [*(match.start() for match in found[1:]), len(calling["rest"])]
        uses = (
            Use(match[0], values(calling["rest"][match.end() : end])) for match, end in zip(found, ends, strict=True)
        )
        if found:
            yield calling.start(), tuple(uses)
