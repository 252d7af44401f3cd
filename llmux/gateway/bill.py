"""What one exchange costs: what a try at a backend may take, before it, and what the answer took, after it.

It counts nothing itself and asks nobody: windows are the budget's business, prices are in a table.
"""

from collections.abc import Callable

from llmux.errors import Unsupported
from llmux.gateway.parts import Parts
from llmux.gateway.payer import Hold, Payer
from llmux.gateway.reservation import Spend
from llmux.ir.usage import Usage
from llmux.responder import Context
from llmux.routing.catalog import Backend, backend_model
from llmux.telemetry import Spent

# Tokens that an answer is taken to have at most, where its client has not said so.
USUAL_OUTPUT = 4096

UNPRICED = (
    "llmux: client {client} has a budget of money, and nobody knows what {model} costs at {backend}: "
    "give the backend a price, such as price = {{ input = 3, output = 15 }}"
)


class Bill:
    """One exchange's."""

    __slots__ = ("_context", "_model", "_output", "_parts", "_prompt", "payer")

    def __init__(
        self, parts: Parts, context: Context, model: str, prompt: Callable[[Backend], int], output: int = USUAL_OUTPUT
    ) -> None:
        """`prompt`: about how many tokens are sent to a backend. `output`: the most that may come back."""
        self._parts, self._context, self._model = parts, context, model
        self._prompt, self._output = prompt, output
        self.payer = Payer(context.client, counted=context.counted)

    def prompt(self, backend: Backend) -> int:
        """About how many tokens are sent to `backend`."""
        return self._prompt(backend)

    def expected(self, backend: Backend) -> Spend:
        """The most that a try at `backend` takes, as far as can be known.

        Raises:
            Unsupported: its client may spend only so much money, and nobody knows the price there.
        """
        model, client = backend_model(backend, self._model), self._context.client
        price = self._parts.price_of(backend, model)
        if price is None and any(window.unit == "usd" for window in client.windows):
            raise Unsupported(UNPRICED.format(client=client.name, model=model, backend=backend.name))
        most = backend.profile.max_output
        usage = Usage(self._prompt(backend), self._output if most is None else min(self._output, most))
        return Spend(
            tokens=usage.input_tokens + usage.output_tokens, usd=price.usd(usage) if price else 0.0, requests=1
        )

    def abandon(self, backend: Backend, hold: Hold, *, began: float) -> None:
        """A try was given up before it had said anything: its client left, or another was quicker."""
        self.settle(backend, hold, Usage(self._prompt(backend), estimated=True), complete=False, began=began)

    def settle(self, backend: Backend, hold: Hold, usage: Usage, *, complete: bool, began: float) -> None:
        """An answer is over, whose try `began` then (monotonic seconds): count what it took, and tell."""
        model, client = backend_model(backend, self._model), self._context.client
        price = self._parts.price_of(backend, model)
        usd = None if price is None else price.usd(usage)
        hold.settle(Spend(tokens=usage.total_input_tokens + usage.output_tokens, usd=usd or 0.0))
        self._parts.tell(
            Spent(
                request_id=self._context.request_id,
                client=client.name,
                backend=backend.name,
                provider=backend.provider,
                model=model,
                usage=usage,
                usd=usd,
                complete=complete,
                took_s=self._parts.clock.monotonic() - began,
                user=client.user,
                project=client.project,
            )
        )
