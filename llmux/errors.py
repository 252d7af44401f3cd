"""Every failure that llmux can name: its HTTP status, whose fault it is, what a retry may do. It parses nothing.

A decoder raises (or ends a stream with) the class that says what happened; each dialect has one table from `kind` to
its own words; `routing/retry.py` and `routing/cooldown.py` have one table from class to consequence.
"""

import enum
from typing import ClassVar


class Retry(enum.Enum):
    """What another try can bring."""

    NEVER = enum.auto()  # the request itself is wrong: no backend will take it
    ELSEWHERE = enum.auto()  # this backend cannot now; another may
    AGAIN = enum.auto()  # a passing fault: the same backend may, and so may another
    LARGER = enum.auto()  # only a backend with a larger context may
    WITHOUT_FIELD = enum.auto()  # the same backend may, without the field named in `param`
    WITHOUT_PROOFS = enum.auto()  # the same backend may, without the reasoning states of earlier turns


class GatewayError(Exception):
    """A failure with a meaning.

    Attributes:
        message: a sentence for the client; never holds a key or an internal address.
        retry_after: seconds until a retry may help, when somebody named them.
        param: the field of the request that is at fault, as a path ("messages.3.content").
        code: the backend's own word for the failure, when it gave one.
        upstream_status: the HTTP status that the backend answered with.
        backend, attempts: who failed last, and how often anyone was asked; the gateway fills them in.
    """

    kind: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retry: ClassVar[Retry] = Retry.NEVER

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        param: str | None = None,
        code: str | None = None,
        upstream_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.param = param
        self.code = code
        self.upstream_status = upstream_status
        self.backend = ""
        self.attempts = 0

    def _content(self) -> tuple[object, ...]:
        return (type(self), self.message, self.retry_after, self.param, self.code, self.upstream_status)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GatewayError) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())


# --- the client's fault, or ours -----------------------------------------------------------------------------------


class InternalError(GatewayError):
    """A bug of llmux."""


class BadRequest(GatewayError):
    """The request is malformed or asks for what cannot be."""

    kind, status = "invalid_request", 400


class Unsupported(BadRequest):
    """The request is well formed, but this backend cannot do it; another may. Or none of ours can."""

    kind, retry = "unsupported", Retry.ELSEWHERE


class NotOffered(Unsupported):
    """A gateway has no such thing to give: pulling models, changing them."""

    status = 501


class MediaNotFetched(Unsupported):
    """A link of the client's leads nowhere that may be reached, and the backend takes no links; another may."""


class ContentRefused(BadRequest):
    """The backend's policy refuses the request."""

    kind = "content_policy"


class Unauthenticated(GatewayError):
    """The client brought no token, or a wrong one."""

    kind, status = "authentication", 401


class WrongKey(Unauthenticated):
    """The client brought a key that nobody has: a guess, perhaps."""


class Forbidden(GatewayError):
    """The client may not do this."""

    kind, status = "permission", 403


class NotFound(GatewayError):
    """No such path."""

    kind, status = "not_found", 404


class ModelNotFound(GatewayError):
    """No backend serves a model of this name."""

    kind, status = "model_not_found", 404


class AnswerNotFound(BadRequest):
    """No answer is kept under this id: there never was one, it is another client's, or its time is over."""

    status = 404


class MethodNotAllowed(GatewayError):
    """The path exists; this method on it does not."""

    kind, status = "method_not_allowed", 405


class TooLarge(GatewayError):
    """The body is larger than is taken, here or at the backend."""

    kind, status, retry = "too_large", 413, Retry.ELSEWHERE


class RequestSlow(GatewayError):
    """The client takes longer to send its request than anybody waits."""

    kind, status = "slow", 408


class TargetTooLong(BadRequest):
    """The request's address is longer than is taken."""

    status = 414


class HeadTooLarge(BadRequest):
    """A header is longer, or there are more of them, than is taken."""

    status = 431


class ContextTooLong(BadRequest):
    """The prompt does not fit the model; a larger one may take it."""

    kind, retry = "context_length", Retry.LARGER


class FieldRefused(BadRequest):
    """The backend does not know, or does not take, the field named in `param`."""

    kind, retry = "field_refused", Retry.WITHOUT_FIELD


class ProofRefused(BadRequest):
    """The backend does not take a proof of earlier reasoning: it is another's, of another conversation, or damaged."""

    retry = Retry.WITHOUT_PROOFS


class UpgradeRefused(MethodNotAllowed):
    """The client wants a WebSocket here. There is none: it goes on over HTTP once it is told so."""

    status = 426


# --- the backend's fault ---------------------------------------------------------------------------------------------


class BackendError(GatewayError):
    """The backend failed."""

    kind, status, retry = "backend", 502, Retry.AGAIN


class BackendUnreachable(BackendError):
    """No connection: refused, no such host, no TLS."""

    kind = "unreachable"


class BackendFailed(BackendError):
    """The backend answered with a failure of its own (5xx), or said so inside its answer."""

    kind = "server"


class Overloaded(BackendError):
    """The backend is overloaded (529, 503)."""

    kind, status = "overloaded", 529


class BackendSlow(BackendError):
    """Nothing came in time: no first event, or silence within an answer."""

    kind, status, retry = "timeout", 504, Retry.ELSEWHERE


class BackendCut(BackendError):
    """The answer broke off."""

    kind, retry = "cut", Retry.ELSEWHERE


class BackendGarbled(BackendError):
    """The answer is not what its dialect says."""

    kind, retry = "garbled", Retry.ELSEWHERE


class RateLimited(GatewayError):
    """Too many requests: the backend's limit, or every backend's."""

    kind, status, retry = "rate_limit", 429, Retry.ELSEWHERE


class OurLimit(RateLimited):
    """A limit that the owner of llmux has set: a window, a pace. No backend was asked."""


class ClientLimit(OurLimit):
    """A limit of the client's own: no backend helps."""

    retry = Retry.NEVER


class TooManyAttempts(OurLimit):
    """Too many wrong keys have come from the client's address. This one has not been looked at."""


class QuotaUsedUp(GatewayError):
    """The backend's quota or credit is used up."""

    kind, status, retry = "quota", 429, Retry.ELSEWHERE


class KeyRefused(GatewayError):
    """The backend refuses our key: our fault towards the client, hence no 401."""

    kind, status, retry = "key_refused", 502, Retry.ELSEWHERE


class BackendModelNotFound(GatewayError):
    """The backend does not know its model."""

    kind, status, retry = "backend_model_not_found", 502, Retry.ELSEWHERE


class ClientErrorUpstream(BadRequest):
    """Another 4xx of the backend: the client's own error, passed on with the backend's status."""


class NoBackendUp(GatewayError):
    """Every backend that could answer is down."""

    kind, status = "unavailable", 503


class StoreAway(GatewayError):
    """What this request needs is in the store, and the store does not answer."""

    kind, status = "unavailable", 503


class Crowded(GatewayError):
    """All connections that the owner allows are taken, or this process is about to stop: ask another, or later."""

    kind, status = "unavailable", 503


# --- neither's -------------------------------------------------------------------------------------------------------


class ClientGone(GatewayError):
    """The client left before its answer was complete."""

    kind, status = "cancelled", 499
