"""An answer while it passes, held until it is over: then it is what its client heard. Pure; it changes nothing."""

from collections.abc import Sequence

from llmux.dialects.base import AnswerForm, Form
from llmux.dialects.keeping import Answered, Keeping
from llmux.ir.events import Event, MessageEnd, Opened, Verbatim
from llmux.ir.fold import fold
from llmux.ir.request import Request
from llmux.responder import Context

# An answer of more events than this is not kept: it would be held in memory as a whole.
MOST_EVENTS = 200_000


class Tape:
    """Records one answer."""

    __slots__ = ("_context", "_events", "_form", "_keeping", "_left", "_request")

    def __init__(self, request: Request, context: Context, form: Form, keeping: Keeping, most: int) -> None:
        """`request` is the client's own. `most`: bytes of an answer that is worth recording."""
        self._request, self._context = request, context
        self._form, self._keeping = form, keeping
        self._events: list[Event] = []
        self._left = most

    def record(self, batch: Sequence[Event]) -> bool:
        """The next events. Is the answer complete with them?"""
        if self._left <= 0:
            return False
        self._events += batch[1:] if isinstance(batch[0], Opened) else batch
        self._left -= sum(len(event.data) for event in batch if isinstance(event, Verbatim))
        if len(self._events) > MOST_EVENTS or self._left <= 0:
            self._events, self._left = [], 0
            return False
        last = batch[-1]
        return last.done if isinstance(last, Verbatim) else isinstance(last, MessageEnd)

    def play(self) -> Answered | None:
        """The complete answer, as the client hears it; None when nobody can go on from it."""
        data = b"".join(event.data for event in self._events if isinstance(event, Verbatim))
        if data:
            return self._keeping.answered(data, self._request.stream)
        return self._keeping.answered(self._form.encode_response(fold(self._events), self._answer_form()), False)

    def _answer_form(self) -> AnswerForm:
        """As the server has it: equal forms give equal answers."""
        request = self._request
        return AnswerForm(
            self._context.request_id,
            request.model,
            self._context.created,
            request.include_usage,
            request.legacy_functions,
            asked=request.original.document if request.original else {},
        )
