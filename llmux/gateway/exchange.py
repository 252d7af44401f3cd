"""One request's tries as a machine: told what failed, it says what is next. Pure: no socket, no clock, no sleep.

Three things are kept apart: a retry asks the same backend again, failover asks the next one of the plan, and after the
commit point there is neither.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from llmux.errors import GatewayError, QuotaUsedUp, RateLimited, Retry
from llmux.ir.value import Value
from llmux.routing.retry import LONGEST, backoff

# How many fields a backend may refuse, one after the other, before it is given up.
MAX_FIELDS = 4


class Try(Value):
    """Ask `backend` after `after` seconds. `without` names the fields that it has just refused.

    `unproven`: it has refused the proofs of earlier reasoning, and is to be asked without them.
    """

    backend: str
    after: float = 0.0
    without: tuple[str, ...] = ()
    unproven: bool = False


class Exchange:
    """One request's tries over an ordered plan, which is not empty. It answers; the shell acts and keeps the time.

    `max_retries` is how often one backend is asked again after a passing fault. `contexts` is how many tokens each
    backend of the plan holds, as far as that is known. `deadline` is on the clock of the `now` that `failed` is told:
    no try begins at or after it.
    """

    def __init__(
        self, plan: Sequence[str], *, max_retries: int, contexts: Mapping[str, int | None], deadline: float
    ) -> None:
        self._backend, *self._left = plan
        self._max_retries = max_retries
        self._contexts = contexts
        self._deadline = deadline
        self._failures = 0  # of this backend in a row
        self._without: tuple[str, ...] = ()
        self._unproven = False
        self._errors: list[GatewayError] = []
        self._committed = False

    def start(self) -> Try:
        """The first try."""
        return Try(self._backend)

    def committed(self) -> None:
        """The client has seen content. From here on no other backend can answer."""
        self._committed = True

    def failed(self, error: GatewayError, now: float, chance: float) -> Try:
        """The next try after `error`. `chance`, in [0, 1), is the jitter of a backoff.

        Raises:
            GatewayError: there is no next try; this is what the client is to hear.
        """
        self._errors.append(error)
        self._failures += 1
        if self._committed:
            raise error
        return self._NEXT[error.retry](self, error, now, chance)

    def _never(self, error: GatewayError, _now: float, _chance: float) -> Try:
        raise error

    def _elsewhere(self, _error: GatewayError, now: float, _chance: float) -> Try:
        if not self._left or now >= self._deadline:
            raise most_telling(self._errors)
        self._backend, *self._left = self._left
        self._failures, self._without, self._unproven = 0, (), False
        return Try(self._backend)

    def _again(self, error: GatewayError, now: float, chance: float) -> Try:
        if self._failures > self._max_retries:
            return self._elsewhere(error, now, chance)
        after = max(backoff(self._failures, chance), error.retry_after or 0.0)
        if after > LONGEST or now + after >= self._deadline:  # too long to make the client wait for this one
            return self._elsewhere(error, now, chance)
        return self._retry(after)

    def _to_a_larger(self, error: GatewayError, now: float, chance: float) -> Try:
        held = self._contexts.get(self._backend)
        self._left = [backend for backend in self._left if is_larger(self._contexts.get(backend), held)]
        return self._elsewhere(error, now, chance)

    def _without_the_field(self, error: GatewayError, now: float, chance: float) -> Try:
        field = error.param
        if not field or field in self._without or len(self._without) == MAX_FIELDS or now >= self._deadline:
            return self._elsewhere(error, now, chance)
        self._failures -= 1  # a lesson, not a fault
        self._without = (*self._without, field)
        return self._retry()

    def _without_the_proofs(self, error: GatewayError, now: float, chance: float) -> Try:
        if self._unproven or now >= self._deadline:
            return self._elsewhere(error, now, chance)
        self._failures -= 1
        self._unproven = True
        return self._retry()

    def _retry(self, after: float = 0.0) -> Try:
        return Try(self._backend, after, self._without, self._unproven)

    _NEXT: ClassVar[Mapping[Retry, Callable[["Exchange", GatewayError, float, float], Try]]] = {
        Retry.NEVER: _never,
        Retry.ELSEWHERE: _elsewhere,
        Retry.AGAIN: _again,
        Retry.LARGER: _to_a_larger,
        Retry.WITHOUT_FIELD: _without_the_field,
        Retry.WITHOUT_PROOFS: _without_the_proofs,
    }


def is_larger(context: int | None, than: int | None) -> bool:
    """No limit is larger than any. Where that was too small, one that is known to hold the prompt is worth a try."""
    return context is not None if than is None else context is None or context > than


def most_telling(errors: Sequence[GatewayError]) -> GatewayError:
    """The last error; where every backend was at its limit, the one that ends first."""
    if all(isinstance(error, RateLimited | QuotaUsedUp) for error in errors):
        return min(errors, key=lambda error: float("inf") if error.retry_after is None else error.retry_after)
    return errors[-1]
