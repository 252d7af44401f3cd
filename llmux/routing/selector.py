"""Who fits, is allowed, has room and is up, in order, and a reason for each backend that is not. Pure."""

from collections.abc import Mapping
from typing import Literal

from llmux.ir.value import Value

# Why a backend is refused. "unfit" never changes for this request; the others pass.
Why = Literal["unfit", "forbidden", "limited", "down", "full"]


class Condition(Value):
    """How a backend is just now, as this process knows it. Times are Unix seconds.

    `rests_until` is the end of its cooldown (0: none), for `cause`; `limited` when the cause was a rate limit or a
    quota rather than a fault. A probe is let through from `probe_from` on. `opens_at` is when its windows have room.
    `paced` is true when rps or rpm would make a request wait, `full` when no more may be asked at once.
    """

    rests_until: float = 0.0
    cause: str = ""
    limited: bool = False
    probe_from: float = 0.0
    opens_at: float = 0.0
    in_flight: int = 0
    paced: bool = False
    full: bool = False


class Refusal(Value):
    """Why a backend is not asked, in words for a person; `until` is the Unix time at which that ends, 0 if unknown."""

    why: Why
    reason: str
    until: float = 0.0


class Choice(Value):
    """The decision: `plan` names the backends to try in order; every other one is in `refused`.

    `warnings` disclose what was given up ("approx=thinking": nothing that fits can reason).
    """

    plan: tuple[str, ...]
    refused: Mapping[str, Refusal]
    warnings: tuple[str, ...] = ()
