"""How much reasoning is asked for, in the words that several wires share: what is wished, and what a model knows of it.

Dialect-neutral. Tokens are told as an effort by the bounds that Google's OpenAI form has.
https://ai.google.dev/gemini-api/docs/openai#thinking
"""

from collections.abc import Mapping

from llmux.ir.capability import Profile
from llmux.ir.request import EFFORTS, ReasoningControl

# Tokens of reasoning, at most -> the effort. Beyond the last: "max".
BUDGETS: tuple[tuple[int, str], ...] = (
    (0, "none"),
    (4096, "low"),
    (16384, "medium"),
    (32768, "high"),
    (49152, "xhigh"),
)
RANK: Mapping[str, int] = {effort: rank for rank, effort in enumerate(EFFORTS)}


def wished_effort(control: ReasoningControl) -> str | None:
    """The effort that is asked for. "off" beats an effort that comes with it; a model left to decide gets none."""
    if control.mode == "off":
        return "none"
    if control.effort:
        return control.effort
    if control.budget is not None:
        return next((effort for most, effort in BUDGETS if control.budget <= most), "max")
    return "medium" if control.mode == "on" else None


def nearest_effort(effort: str, profile: Profile) -> str | None:
    """The nearest effort that the model knows: below if there is one, else above."""
    known = sorted((word for word in profile.efforts if word in RANK), key=RANK.__getitem__)
    below = [word for word in known if RANK[word] <= RANK.get(effort, 0)]
    return below[-1] if below else known[0] if known else None
