"""Who fits, is allowed, has room and is up, in order, and a reason for each backend that is not. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from llmux.config.schema import Spend
from llmux.errors import (
    BadRequest,
    ContextTooLong,
    Forbidden,
    GatewayError,
    ModelNotFound,
    NoBackendUp,
    RateLimited,
    Unsupported,
)
from llmux.ir.capability import Capability
from llmux.ir.value import Value
from llmux.routing.catalog import UNPAID, Backend
from llmux.routing.requirements import Needs
from llmux.routing.rules import (
    ABLE,
    EVERY,
    LASTING,
    PASSING,
    READY,
    Case,
    Condition,
    Refusal,
    Why,
    costly,
    judge,
    too_small,
)

__all__ = [
    "SPEND_HEADER", "Choice", "Condition", "Policy", "Refusal", "Why", "allows_cost", "choose", "needs_count", "paid",
    "refuse",
]  # fmt: skip

# What a backend lacks that the client does not mean at all.
ANOTHERS = frozenset({"enabled", "name", "kind"})

# The header with which a client allows that its request costs money, and what it says there.
SPEND_HEADER, SPEND = "x-llmux-spend", "allow"
REMEDY: Mapping[Spend, str] = {
    "ask": f"send the header {SPEND_HEADER}: {SPEND} to have it answer all the same",
    "never": 'spend = "never" in [routing] keeps it out',
}

# When nobody knows when a place gets free, a client may ask again after this, s.
SOON = 1.0

REMEDIES = {
    "vision": "set vision = true on a backend that can see",
    "thinking": 'set thinking = true on a backend that can reason, or thinking = "prefer" in [routing]',
    "tools": "set tools = true on a backend that can call tools",
    "dialect": "this request can only be passed on as it came, to a backend of the client's own API",
}


class Choice(Value):
    """The decision: `plan` names the backends to try in order; every other one is in `refused`.

    `warnings` disclose what was given up ("dropped=thinking": nothing that fits can reason). `kept` is true when the
    first one is first because it answered this conversation last. `policy` made the order, and `why` it is this one.
    """

    plan: tuple[str, ...]
    refused: Mapping[str, Refusal]
    warnings: tuple[str, ...] = ()
    kept: bool = False
    policy: str = "first"
    why: str = "as configured"


class Policy(Value):
    """How to choose: at `now` (Unix seconds), with what regard for thinking.

    `tokens` are better figures for the prompt than `Needs.bytes`, by the backend's name, when the caller has made some;
    see `needs_count`. `spend`: whether a request may cost money where it could be had for none: "allow", or a word of
    REMEDY.
    """

    now: float
    thinking: Literal["prefer", "require"] = "prefer"
    tokens: Mapping[str, int] = {}
    spend: Spend = "ask"


def choose(
    needs: Needs,
    pool: Sequence[Backend],
    allowed: Sequence[str],
    conditions: Mapping[str, Condition],
    policy: Policy,
) -> Choice:
    """The backends of `pool` that can answer, first fit first, and why the others cannot.

    `allowed` are globs of what the client may use, by the model's name as it asks for it or by the backend's; none: all
    of it. A backend that `conditions` does not know is ready. One that would have to wait for its pace comes last.
    """
    case = Case(needs, policy.tokens, allowed, conditions, policy.now)
    choice = _choose(pool, case, policy)
    if choice.plan or policy.thinking == "require" or Capability.THINKING not in needs.capabilities:
        return choice
    choice = _choose(pool, replace(case, needs=_without_thinking(needs)), policy)
    return replace(choice, warnings=("dropped=thinking",)) if choice.plan else choice


def needs_count(needs: Needs, pool: Sequence[Backend]) -> bool:
    """Whether a better figure than `needs.bytes` could decide anything: a backend is too small by bytes alone."""
    if all(backend.profile.context is None for backend in pool):
        return False
    case = Case(_without_thinking(needs))
    return any(judge(ABLE, backend, case) is None and too_small(backend, case) is not None for backend in pool)


def _choose(pool: Sequence[Backend], case: Case, policy: Policy) -> Choice:
    # Nothing that passes speaks against a backend that is ready.
    conditions = case.conditions
    verdicts = {
        backend.name: judge(LASTING if conditions.get(backend.name, READY) is READY else EVERY, backend, case)
        for backend in pool
    }
    refused = {name: refusal for name, refusal in verdicts.items() if refusal is not None}
    if policy.spend != "allow" and any(backend.cost in UNPAID for backend in pool):
        refused |= costly(pool, refused, REMEDY[policy.spend])
    fit = [name for name in verdicts if name not in refused]
    if len(fit) > 1:
        fit.sort(key=lambda name: conditions.get(name, READY).paced)  # stable: else in order
    return Choice(tuple(fit), refused)


def allows_cost(headers: Mapping[str, str]) -> bool:
    """Whether a client with these headers allows that its request costs money.

    Raises:
        BadRequest: it says something else there.
    """
    told = headers.get(SPEND_HEADER)
    if told is not None and told.strip().lower() != SPEND:
        raise BadRequest(f"{SPEND_HEADER}: {SPEND} is expected, or no such header; not {told!r}.", param=SPEND_HEADER)
    return told is not None


def _without_thinking(needs: Needs) -> Needs:
    return replace(needs, capabilities=needs.capabilities - {Capability.THINKING})


# --- what the client hears when the plan is empty --------------------------------------------------------------------


def refuse(choice: Choice, needs: Needs, now: float) -> GatewayError:
    """The error for a choice without a plan, at `now` (Unix seconds). The nearest chance decides.

    A backend that could answer later: RateLimited, or NoBackendUp if one is down, with the earliest moment. One that
    could for another client: Forbidden. None that ever could: ModelNotFound, ContextTooLong or Unsupported.
    """
    refusals = choice.refused.values()
    waiting = {name: refusal for name, refusal in choice.refused.items() if refusal.why in PASSING}
    if waiting:
        return _later(waiting, now, paid(choice))
    if any(refusal.why == "forbidden" for refusal in refusals):
        return Forbidden(f"llmux: this key may not use model {needs.model}")
    serious = [refusal for refusal in refusals if not ANOTHERS.intersection(refusal.lacks)]
    if not serious:
        return _unknown(choice, needs)
    small = [refusal for refusal in serious if "context" in refusal.lacks]
    return _too_long(max(small, key=lambda refusal: refusal.room), needs) if small else _unsupported(serious)


def paid(choice: Choice) -> str:
    """Who would answer for money, and how that is allowed, to be said behind an error; "" where nobody would."""
    return "".join(f"; {name} {refusal.reason}" for name, refusal in choice.refused.items() if refusal.why == "costly")


def _later(waiting: Mapping[str, Refusal], now: float, otherwise: str) -> GatewayError:
    earliest = min(refusal.until or now + SOON for refusal in waiting.values())
    # Whole seconds, upwards: a header cannot say less, and a client that waits so long has waited long enough.
    retry_after = None if math.isinf(earliest) else float(max(math.ceil(earliest - now), SOON))
    reasons = "; ".join(f"{name}: {refusal.reason}" for name, refusal in waiting.items())
    error = NoBackendUp if any(refusal.why == "down" for refusal in waiting.values()) else RateLimited
    return error(f"llmux: no backend can answer now ({reasons}){otherwise}", retry_after=retry_after)


def _unknown(choice: Choice, needs: Needs) -> GatewayError:
    why = "no backend takes a model of this name"
    for lack in ("kind", "enabled"):
        if names := [name for name, refusal in choice.refused.items() if lack in refusal.lacks]:
            why = f"{choice.refused[names[0]].reason}: {', '.join(names)}"
    if needs.embeddings:
        why += "; set embeddings = true on a backend that embeds"
    return ModelNotFound(f"model: {needs.model} ({why})", param="model")


def _too_long(largest: Refusal, needs: Needs) -> GatewayError:
    """The sentence that clients look for. The maximum is what the output asked for leaves of the largest context."""
    beside = f" (beside {needs.output_tokens} tokens of output asked for)" if needs.output_tokens else ""
    message = f"prompt is too long: {largest.tokens} tokens > {largest.room} maximum{beside}"
    return ContextTooLong(message, param="messages")


def _unsupported(serious: Iterable[Refusal]) -> GatewayError:
    """What every backend lacks; where each lacks another thing, all of it, for none has it together."""
    lacks = [set(refusal.lacks) for refusal in serious]
    missing = sorted(set.intersection(*lacks) or set.union(*lacks))
    remedies = "; ".join(REMEDIES[capability] for capability in missing)
    return Unsupported(f"llmux: no backend supports {' and '.join(missing)}: {remedies}")
