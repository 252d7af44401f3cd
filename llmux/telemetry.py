"""The facts that the house tells while it works, and the Listener that hears them.

No fact holds a key, and none but BodySeen holds a prompt.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from llmux.ir.usage import Usage
from llmux.ir.value import Value


class Fact(Value):
    """Something that happened."""


class Planned(Fact):
    """Who will be asked for a request, in order, and why the others will not. `policy` made the order, for `order`."""

    request_id: str
    model: str
    plan: tuple[str, ...]
    refused: Mapping[str, str]
    policy: str = "first"
    order: str = ""


class BodySeen(Fact):
    """What a client said or heard. Told only where the owner says log_bodies = true. `whose`: client | answer."""

    request_id: str
    whose: str
    text: str


class AttemptFailed(Fact):
    """One try at one backend failed. `error` is the class's name, `after_s` seconds since the try began."""

    request_id: str
    backend: str
    error: str
    message: str
    after_s: float
    cooldown_s: float = 0.0
    provider: str = ""
    model: str = ""  # as the backend knows it


class Hedged(Fact):
    """`first` said nothing for so long that `second` was asked too. `won` began after `after_s` seconds."""

    request_id: str
    first: str
    second: str
    won: str
    after_s: float


class CooldownStarted(Fact):
    """A backend rests for `seconds`."""

    backend: str
    cause: str
    seconds: float


class CooldownEnded(Fact):
    """A backend that rested has answered: its failures are forgotten."""

    backend: str


class FieldLearnt(Fact):
    """A backend refuses a field of requests; it is left out from now on."""

    backend: str
    field: str


class AnswerRepaired(Fact):
    """Something in a backend's answer was put right. `repairs` are warnings, as the client gets them."""

    request_id: str
    backend: str
    repairs: tuple[str, ...]


class RequestStarted(Fact):
    """An inbound request has come. Every one finishes. `traceparent` is the client's (W3C Trace Context), if any."""

    request_id: str
    path: str
    traceparent: str = ""


class Spent(Fact, kw_only=True):
    """An answer, complete or not, has been accounted for. `usd` is None where nobody knows the model's price.

    `model` is the backend's name of it. `complete` is false when the answer failed, or its client left: what was not
    told by then is an estimate.
    """

    request_id: str
    client: str
    backend: str
    provider: str
    model: str
    usage: Usage
    usd: float | None
    complete: bool
    took_s: float = 0.0  # s since the try began
    user: str = ""
    project: str = ""


# What became of a request at the cache: "coalesced" joined the same question on its way, "bypass" had nothing to do
# with the cache.
CacheOutcome = Literal["hit", "coalesced", "miss", "bypass"]


class CacheUsed(Fact):
    """A request has been looked up among the answers that are kept."""

    request_id: str
    outcome: CacheOutcome


class RequestFinished(Fact, kw_only=True):
    """One inbound request is over; what the log line says. Times are in seconds.

    `model` is the client's name of it, `served` that of the backend that answered.
    """

    request_id: str
    client: str
    dialect: str
    path: str
    model: str
    backend: str
    attempts: int
    status: int
    stream: bool
    usage: Usage | None
    first_event_s: float | None
    duration_s: float
    error: str = ""
    remote: str = ""
    served: str = ""
    finish_reason: str = ""


class ConfigReloaded(Fact):
    """The configuration file changed. `error` is empty when the new one is in force."""

    path: str
    error: str = ""


class StoreFault(Fact):
    """The store failed; llmux goes on with what this process knows."""

    message: str


class Notice(Fact):
    """Something an operator should read: a start, a stop, an odd thing. `level`: info | warning | error | debug."""

    level: str
    message: str


class Administered(Fact):
    """Somebody with the admin key has changed something. Kept, as the audit log."""

    action: str
    target: str
    remote: str = ""


Listener = Callable[[Fact], None]


class Voice:
    """One voice, many ears."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def __call__(self, fact: Fact) -> None:
        """Tell everybody."""
        for listener in self._listeners:
            listener(fact)

    def join(self, listener: Listener) -> None:
        """From now on, tell it too."""
        self._listeners = (*self._listeners, listener)
