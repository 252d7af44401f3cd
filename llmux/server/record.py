"""What is noted of one inbound request while it is answered; the middleware tells it when the request is over."""

from llmux.ir.events import Batch, MessageEnd, Opened, StreamError, UsageUpdate, Verbatim
from llmux.ir.usage import Usage


class Record:
    """One request's facts. It is filled in as they become known."""

    __slots__ = (
        "attempts", "backend", "client", "dialect", "error", "finish_reason", "first_event", "model", "remote",
        "request_id", "said", "served", "status", "stream", "until", "usage",
    )  # fmt: skip

    def __init__(self, request_id: str, remote: str = "") -> None:
        self.request_id = request_id
        self.remote = remote  # the client's address
        self.client = ""
        self.dialect = ""
        self.model = ""
        self.backend = ""
        self.served = ""  # the backend's name of the model
        self.attempts = 0
        self.status = 0
        self.stream = False
        self.usage: Usage | None = None
        self.first_event: float | None = None  # monotonic seconds
        self.error = ""
        self.finish_reason = ""
        self.until = 0.0  # Unix seconds; see Opened
        self.said: list[bytes] = []  # what the client was sent, where that may be told again

    def opened(self, event: Opened, now: float) -> None:
        """A backend answers."""
        self.backend = event.backend
        self.served = event.model
        self.attempts = event.attempts
        self.first_event = now
        self.until = event.until

    def hear(self, data: bytes) -> None:
        """The client is sent this."""
        if self.until:
            self.said.append(data)

    def note(self, batch: Batch) -> bool:
        """Take what the last event of a batch tells: the others never hold more. Is the answer over with it?"""
        last = batch[-1]
        if isinstance(last, Verbatim):
            if last.usage is not None:
                self.usage = last.usage
            if last.finish_reason is not None:
                self.finish_reason = last.finish_reason.value
            return last.done
        if isinstance(last, MessageEnd):
            self.usage, self.finish_reason = last.usage, last.finish_reason.value
        elif isinstance(last, UsageUpdate):
            self.usage = last.usage
        elif isinstance(last, StreamError):
            self.error = type(last.error).__name__
        return isinstance(last, MessageEnd | StreamError)
