"""What a wire has no words for, and what is heard in their place. Two answers are compared up to these rules alone."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.judges.heard import Heard, Tokens

EVERY_COUNT = frozenset(Tokens._fields)


class Limits(NamedTuple):
    """What a client of one wire can hear.

    `refusals`: that a text is a refusal; else it is text like any other. `finishes`: what is said in place of a word
    that the wire has not. `counts`: the tokens that are told. `free_text`: calls whose argument is free text; else it
    is the one string `input` of an object.
    """

    refusals: bool = True
    finishes: Mapping[str, str] = {}
    counts: frozenset[str] = EVERY_COUNT
    free_text: bool = True


LIMITS: Mapping[str, Limits] = {
    "claude": Limits(refusals=False, free_text=False),
    "openai_chat": Limits(),
    "openai_responses": Limits(),
    "gemini": Limits(refusals=False, free_text=False, counts=EVERY_COUNT - {"written"}),
    "ollama": Limits(
        refusals=False, free_text=False, counts=frozenset({"prompt", "output"}), finishes={"refused": "end"}
    ),
}
# What an encoder may put between two runs of text that its wire holds in one.
SEAMS = ("", "\n\n")


def differences(direct: Heard, told: Heard, dialect: str) -> frozenset[str]:
    """The fields of `direct`, heard at its source, that a client of `dialect` was `told` otherwise.

    A source that tells no usage is not asked for it. One that refuses without a word may be given words, as a refusal
    or as text: most wires have no other way to refuse.
    """
    due = within(direct, dialect)
    fields = {field for field in Heard._fields if getattr(due, field) != getattr(told, field)}
    fields -= {field for field in ("text", "reasoning") if joins(getattr(due, field), "".join(getattr(told, field)))}
    if direct.finish == "refused" and not direct.refusal:
        fields -= {"refusal"} if direct.text else {"refusal", "text"}
    return frozenset(fields if direct.usage else fields - {"usage"})


def within(heard: Heard, dialect: str) -> Heard:
    """What a client of `dialect` must hear of an answer in which `heard` was said."""
    limits = LIMITS[dialect]
    if heard.refusal and not limits.refusals:
        heard = heard._replace(text=(*heard.text, heard.refusal), refusal="")
    if not limits.free_text:
        heard = heard._replace(calls=tuple((name, _boxed(given)) for name, given in heard.calls))
    usage = heard.usage and heard.usage._replace(**dict.fromkeys(EVERY_COUNT - limits.counts, 0))
    return heard._replace(finish=limits.finishes.get(heard.finish, heard.finish), usage=usage)


def _boxed(given: Any) -> Any:
    return {"input": given} if isinstance(given, str) else given


def joins(runs: Sequence[str], text: str) -> bool:
    """Whether `text` is `runs` in their order, with nothing between two of them but a seam."""
    places = {0}
    for number, run in enumerate(runs):
        seams = SEAMS if number else ("",)
        places = {
            place + len(seam) + len(run) for place in places for seam in seams if text.startswith(seam + run, place)
        }
    return len(text) in places
