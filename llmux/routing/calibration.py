"""What backends report of the prompts that they were sent -> how far an estimate is off for a model. Pure.

An estimate counts classes of bytes; a model cuts words by its own vocabulary, and puts its own marks around messages.
"""

from msgspec.structs import replace

from llmux.ir.request import Request
from llmux.ir.usage import Usage
from llmux.ir.value import Value
from llmux.routing.tokens import media_tokens

# A report that is further off than this tells of something else: a prompt that was partly cached, or not all of it.
LEAST, MOST = 0.3, 3.0
# Below this, what a template adds outweighs the words.
LEAST_TOKENS = 100
# How much the latest report weighs, once there are many: a model that changes is known again after some ten.
WEIGHT = 0.2


class Calibration(Value):
    """Reported tokens per estimated token, as `reports` answers have told."""

    ratio: float = 1.0
    reports: int = 0


UNKNOWN = Calibration()


def is_comparable(request: Request, usage: Usage) -> bool:
    """Whether `usage` tells what the words of `request` hold, and nothing else.

    Media have flat figures, which say nothing of words. A server tool brings words of its own; of a conversation that
    goes on from a kept answer the request holds only the end.
    """
    told = usage.total_input_tokens > 0 and not usage.estimated and not usage.server_tools
    return told and request.previous is None and media_tokens(request) == 0


def learn(known: Calibration, estimated: int, reported: int) -> Calibration:
    """What is known after one more report. It is `known` itself when the report tells nothing.

    The first reports weigh the same; later ones fade.
    """
    if estimated < LEAST_TOKENS or not LEAST <= reported / estimated <= MOST:
        return known
    weight = max(WEIGHT, 1 / (known.reports + 1))
    return replace(known, ratio=known.ratio + weight * (reported / estimated - known.ratio), reports=known.reports + 1)
