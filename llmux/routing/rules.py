"""Why one backend cannot have one request: a rule for each reason. Pure.

A rule says nothing, or why not; the first that speaks is the reason. What never changes for this request comes first,
then permission, then what passes: a refusal that passes is of a backend that would do.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from llmux.ir.value import Value
from llmux.routing.catalog import UNPAID, Backend, matches, takes
from llmux.routing.requirements import Needs

# Why a backend is refused. "unfit" never changes for this request; "costly" ends when somebody allows it; others pass.
Why = Literal["unfit", "forbidden", "costly", "limited", "down", "full"]


class Condition(Value):
    """How a backend is just now, as this process knows it. Times are Unix seconds.

    `rests_until` is the end of its cooldown (0: none), for `cause`; `limited` when the cause was a rate limit or a
    quota rather than a fault. A probe is let through from `probe_from` on (0: none is). `opens_at` is when its windows
    have room. `paced` is true when rps or rpm would make a request wait, `full` when no more may be asked at once.
    """

    rests_until: float = 0.0
    cause: str = ""
    limited: bool = False
    probe_from: float = 0.0
    opens_at: float = 0.0
    in_flight: int = 0
    paced: bool = False
    full: bool = False


READY = Condition()


class Refusal(Value):
    """Why a backend is not asked, in words for a person; `until` is the Unix time at which that ends, 0 if unknown.

    `lacks` is what an unfit one is without: "enabled", "name", "kind", "dialect", "context", or words of Capability.
    `room` is how long a prompt may be for one that is too small, `tokens` how long this one is taken to be there.
    """

    why: Why
    reason: str
    until: float = 0.0
    lacks: tuple[str, ...] = ()
    room: int = 0
    tokens: int = 0


class Case(Value):
    """What a rule judges beside the backend: the request, who asks, and the moment.

    `tokens` is the length of the prompt by the backend's name, where more is known of it than `Needs.bytes`: models cut
    words differently. `allowed` are globs of what the client may use (none: everything), `now` is Unix seconds.
    """

    needs: Needs
    tokens: Mapping[str, int] = {}
    allowed: Sequence[str] = ()
    conditions: Mapping[str, Condition] = {}
    now: float = 0.0


Rule = Callable[[Backend, Case], Refusal | None]


def judge(rules: Iterable[Rule], backend: Backend, case: Case) -> Refusal | None:
    """The first reason against `backend`, or None."""
    for rule in rules:
        refusal = rule(backend, case)
        if refusal is not None:
            return refusal
    return None


def disabled(backend: Backend, _case: Case) -> Refusal | None:
    """The owner has switched it off."""
    return None if backend.enabled else Refusal("unfit", "disabled", lacks=("enabled",))


def other_name(backend: Backend, case: Case) -> Refusal | None:
    """It does not take a model of this name."""
    model = case.needs.model
    if takes(backend, model):
        return None
    if backend.match and not takes(replace(backend, listed=None), model):
        return Refusal("unfit", f"model_match does not match {model}", lacks=("name",))
    reason = f"{backend.provider} does not list {model}; {backend.provider}:{model} would be passed on all the same"
    return Refusal("unfit", reason, lacks=("name",))


def other_kind(backend: Backend, case: Case) -> Refusal | None:
    """It embeds texts where an answer is wanted, or the other way round."""
    if backend.embeddings == case.needs.embeddings:
        return None
    return Refusal("unfit", "only embeds" if backend.embeddings else "does not embed", lacks=("kind",))


def incapable(backend: Backend, case: Case) -> Refusal | None:
    """It cannot do what is asked for."""
    words = (capability.value for capability in case.needs.capabilities)
    lacks = tuple(sorted(word for word in words if not getattr(backend.profile, word)))  # a field for each capability
    return Refusal("unfit", f"lacks {', '.join(lacks)}", lacks=lacks) if lacks else None


def foreign(backend: Backend, case: Case) -> Refusal | None:
    """It speaks, or is spoken to in, another dialect than the only one in which this can be said."""
    needed = case.needs.dialect
    if not needed or (backend.dialect == needed and backend.verbatim):
        return None
    return Refusal("unfit", f"is not asked in {needed} as it came", lacks=("dialect",))


def too_small(backend: Backend, case: Case) -> Refusal | None:
    """Its context does not hold the prompt and the answer."""
    profile, output = backend.profile, case.needs.output_tokens
    if profile.context is None:
        return None
    if profile.max_output is not None:
        output = min(output, profile.max_output)  # a larger wish is cut to it before it is sent
    room = max(profile.context - output, 0)
    tokens = min(case.tokens.get(backend.name, case.needs.bytes), case.needs.bytes)
    if tokens <= room:
        return None
    reason = f"holds {profile.context} tokens, needs {tokens} and {output} for the answer"
    return Refusal("unfit", reason, lacks=("context",), room=room, tokens=tokens)


def not_permitted(backend: Backend, case: Case) -> Refusal | None:
    """The client's globs name neither the model that it asks for nor this backend."""
    names = (case.needs.model, backend.name, f"{backend.provider}:{backend.model}")
    if not case.allowed or any(matches(case.allowed, name) for name in names):
        return None
    return Refusal("forbidden", "not permitted to this client")


def resting(backend: Backend, case: Case) -> Refusal | None:
    """It is cooling down, and this is no probe."""
    condition = case.conditions.get(backend.name, READY)
    until, probing = condition.rests_until, 0 < condition.probe_from <= case.now and condition.in_flight == 0
    if until <= case.now or probing:
        return None
    reason = f"cooling down for {_seconds(until - case.now)} after {condition.cause or 'a failure'}"
    return Refusal("limited" if condition.limited else "down", reason, until)


def spent(backend: Backend, case: Case) -> Refusal | None:
    """Its windows have no room."""
    until = case.conditions.get(backend.name, READY).opens_at
    if until <= case.now:
        return None
    return Refusal("limited", f"out of its windows for {_seconds(until - case.now)}", until)


def full(backend: Backend, case: Case) -> Refusal | None:
    """As many as may be at once are there."""
    condition = case.conditions.get(backend.name, READY)
    return Refusal("full", f"full, with {condition.in_flight} requests in flight") if condition.full else None


PASSING: frozenset[Why] = frozenset({"limited", "down", "full"})


def costly(pool: Iterable[Backend], refused: Mapping[str, Refusal], remedy: str) -> Mapping[str, Refusal]:
    """Those of `pool` that would cost money where another one serves this request for none, now or later.

    `refused` is what speaks against each but for that. Where none without a cost ever could, those with one just may.
    `remedy` says how it is allowed.
    """
    serving = [backend for backend in pool if backend.name not in refused or refused[backend.name].why in PASSING]
    unpaid = next((backend for backend in serving if backend.cost in UNPAID), None)
    if unpaid is None:
        return {}
    reason = f"would cost money, and {unpaid.name} does not: {remedy}"
    return {backend.name: Refusal("costly", reason) for backend in serving if backend.cost not in UNPAID}


def _seconds(seconds: float) -> str:
    return "ever" if math.isinf(seconds) else f"{math.ceil(seconds)} s"


ABLE: tuple[Rule, ...] = (disabled, other_name, other_kind, foreign, incapable)
LASTING: tuple[Rule, ...] = (*ABLE, too_small, not_permitted)
EVERY: tuple[Rule, ...] = (*LASTING, resting, spent, full)
