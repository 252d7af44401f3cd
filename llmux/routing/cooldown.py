"""Failures in, rest out: how long a backend is left alone after an error. One table, and arithmetic. Pure.

A rest ends early by a probe: from half of it on, one real request may try. Not so when the provider has named the time.
Times are Unix seconds.
"""

import math
from collections.abc import Mapping
from typing import Literal

from llmux.errors import (
    BackendCut,
    BackendError,
    BackendGarbled,
    BackendModelNotFound,
    BackendSlow,
    BackendUnreachable,
    GatewayError,
    KeyRefused,
    OurLimit,
    QuotaUsedUp,
    RateLimited,
)
from llmux.ir.value import Value

MINUTE = 60.0

Scope = Literal["backend", "model"]


class Rest(Value):
    """What is remembered of a backend that failed: it rests until `until`, for `cause` (an error's kind).

    `limited` when a limit or a quota was the cause, rather than a fault. From `probe_from` on, one request may try.
    `failures` counts them in a row. One that did not yet lead to a rest has an `until` that has passed.
    """

    until: float
    cause: str
    limited: bool
    probe_from: float
    failures: int


class Rule(Value):
    """How long to rest: `first` seconds, doubling with each failure in a row up to `longest`.

    It begins with the `after`-th failure. `named`: a time that the provider names is taken instead, however long.
    """

    first: float
    longest: float
    after: int = 1
    named: bool = False
    limited: bool = False
    scope: Scope = "backend"


# The nearest class of an error counts. None, or no row: it says nothing about the backend.
RULES: Mapping[type[GatewayError], Rule | None] = {
    BackendUnreachable: Rule(5, 5 * MINUTE),
    BackendSlow: Rule(10, 5 * MINUTE),
    BackendCut: Rule(10, 5 * MINUTE),
    BackendGarbled: Rule(10, 5 * MINUTE),
    BackendError: Rule(10, 5 * MINUTE, after=2),
    OurLimit: None,
    RateLimited: Rule(5, 30 * MINUTE, named=True, limited=True),
    QuotaUsedUp: Rule(30 * MINUTE, 30 * MINUTE, named=True, limited=True),
    KeyRefused: Rule(10 * MINUTE, 10 * MINUTE),
    BackendModelNotFound: Rule(10 * MINUTE, 10 * MINUTE, scope="model"),
}


def scope(error: GatewayError) -> Scope | None:
    """What rests after `error`: the backend, only its model of that name, or nothing."""
    rule = _rule(error)
    return rule.scope if rule else None


def after_failure(rest: Rest | None, error: GatewayError, now: float) -> Rest | None:
    """The rest of a backend that has just failed with `error`, when it had `rest` (None: none) before.

    Requests that were under way when a rest began fail together: they may prolong it, but are not counted again.
    """
    rule = _rule(error)
    if rule is None:
        return rest
    if rest is None:
        return _begun(rule, error, now, 1)
    if now >= rest.probe_from:
        return _begun(rule, error, now, rest.failures + 1)
    return max(rest, _begun(rule, error, now, rest.failures), key=lambda either: either.until)


def after_success(rest: Rest | None, now: float = math.inf) -> Rest | None:
    """No rest: a probe, or any request, has succeeded. One that was asked before the rest began proves nothing."""
    return rest if rest is not None and now < rest.probe_from else None


def _rule(error: GatewayError) -> Rule | None:
    return next((RULES[kind] for kind in type(error).__mro__ if kind in RULES), None)


def _begun(rule: Rule, error: GatewayError, now: float, failures: int) -> Rest:
    if rule.named and error.retry_after:
        until = now + error.retry_after
        return Rest(until, error.kind, rule.limited, until, failures)
    seconds = 0.0 if failures < rule.after else _length(rule, failures - rule.after)
    return Rest(now + seconds, error.kind, rule.limited, now + seconds / 2, failures)


def _length(rule: Rule, doublings: int) -> float:
    # Sixteen doublings are past every longest; without an end to them the number grows past any float.
    return float(min(rule.first * 2 ** min(doublings, 16), rule.longest))
