"""The faults that the demo provider can be asked for, as one table. Pure: an answer -> how it goes wrong.

A fault is asked for by the model's name (`demo:cut`) or, whatever the model, by the header `x-llmux-demo: cut`.
"""

from collections.abc import Callable, Mapping, Sequence

from llmux.demo.naming import Settings
from llmux.demo.script import Fail, Halt, Pause, Raw, Script, Tell, whole
from llmux.errors import (
    BackendFailed,
    BackendSlow,
    BadRequest,
    ContextTooLong,
    Forbidden,
    GatewayError,
    InternalError,
    ModelNotFound,
    NoBackendUp,
    Overloaded,
    QuotaUsedUp,
    RateLimited,
    TooLarge,
    Unauthenticated,
)
from llmux.ir.events import Event, StreamError
from llmux.ir.value import Value


class Scene(Value):
    """What a fault is given: the answer that would be told, its settings, and how often it was asked for before."""

    beats: Sequence[tuple[Event, ...]]
    settings: Settings
    nth: int = 0

    @property
    def started(self) -> Script:
        """The answer up to its first deltas: never all of it."""
        said = self.beats[: max(0, min(self.settings.after, len(self.beats) - 1))]
        return whole(said, self.settings.delay) or (Tell(self.beats[0][:1]),)

    @property
    def opened(self) -> Script:
        """The start of the message, before any content."""
        return (Tell(self.beats[0][:1]),)

    @property
    def complete(self) -> Script:
        """The answer as it should be."""
        return whole(self.beats, self.settings.delay)

    def pause(self, seconds: float) -> Pause:
        """The pause that the name sets, or else `seconds`."""
        return Pause(seconds if self.settings.wait is None else self.settings.wait)


class Fault(Value):
    """`help` is for people; `play` makes the script."""

    help: str
    play: Callable[[Scene], Script]


OVERLOADED = Overloaded("The demo provider is overloaded.")
GARBAGE = b"\x00\xff not what you asked for {]\n\ndata: {also not this\n\n"
PAGE = b"<!doctype html><title>502</title><h1>Bad gateway</h1><p>A page where an answer should be.</p>"


def _error(status: int, error: GatewayError) -> Fault:
    return Fault(f"{status}: {error.message}", lambda _: (Fail(status, error),))


def _limited(scene: Scene) -> Script:
    return (Fail(429, RateLimited("Too many requests for the demo.", retry_after=scene.settings.retry_after)),)


def _flaky(scene: Scene) -> Script:
    fails = scene.nth % (scene.settings.times + 1) < scene.settings.times
    return (Fail(529, OVERLOADED),) if fails else scene.complete


FAULTS: Mapping[str, Fault] = {
    "fail-400": _error(400, BadRequest("The demo takes no request today.", param="messages")),
    "fail-401": _error(401, Unauthenticated("The demo does not know this key.")),
    "fail-402": _error(402, QuotaUsedUp("The demo's credit is used up.", code="insufficient_quota")),
    "fail-403": _error(403, Forbidden("The demo does not let this key in.")),
    "fail-404": _error(404, ModelNotFound("The demo has no such model.")),
    "fail-413": _error(413, TooLarge("The demo finds this request too large.")),
    "fail-429": Fault("429 with Retry-After (retry-after=7)", _limited),
    "fail-500": _error(500, InternalError("The demo broke.")),
    "fail-502": _error(502, BackendFailed("The demo is behind a broken gateway.")),
    "fail-503": _error(503, NoBackendUp("The demo is away.")),
    "fail-504": _error(504, BackendSlow("The demo took too long.")),
    "fail-529": _error(529, OVERLOADED),
    "fail-context": _error(400, ContextTooLong("prompt is too long: 250000 tokens > 200000 maximum")),
    "flaky": Fault("529 for times=1 requests, then one answer, and again", _flaky),
    "slow": Fault("nothing at all for wait=5s, then the answer", lambda scene: (scene.pause(5), *scene.complete)),
    "slow-start": Fault(
        "the head of the answer, then nothing for wait=5s, then the rest",
        lambda scene: (Tell(), scene.pause(5), *scene.complete),
    ),
    "slow-stream": Fault(
        "a pause of wait=500ms before each delta", lambda scene: whole(scene.beats, scene.pause(0.5).seconds)
    ),
    "hang": Fault("silence for ever after=3 deltas", lambda scene: (*scene.started, Halt.SILENCE)),
    "hang-start": Fault("the head of the answer, then silence for ever", lambda _: (Tell(), Halt.SILENCE)),
    "hang-first": Fault("silence for ever, from the start", lambda _: (Halt.SILENCE,)),
    "cut": Fault("the connection breaks after=3 deltas", lambda scene: (*scene.started, Halt.CUT)),
    "cut-early": Fault("the connection breaks before any content", lambda scene: (*scene.opened, Halt.CUT)),
    "cut-clean": Fault(
        "the body ends after=3 deltas, without the dialect's end", lambda scene: (*scene.started, Halt.END)
    ),
    "error-in-stream": Fault(
        "an error event after=3 deltas", lambda scene: (*scene.started, Tell((StreamError(OVERLOADED),)))
    ),
    "error-first": Fault("a 200 whose first event is an error", lambda _: (Tell((StreamError(OVERLOADED),)),)),
    "garbage": Fault("a 200 with bytes of no dialect", lambda _: (Raw(GARBAGE, "text/event-stream"),)),
    "html": Fault("a 200 with a page of HTML", lambda _: (Raw(PAGE, "text/html"),)),
    "empty": Fault("a 200 with nothing in it", lambda _: (Tell(), Halt.END)),
    "refuse": Fault("no connection; over HTTP: closed without an answer", lambda _: (Halt.REFUSE,)),
}
