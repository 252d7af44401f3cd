"""A responder that tells again what was answered before, and asks once where many ask the same at once.

It stands right around the gateway, inside those who keep answers and reasoning for a conversation: these hear a replay
like any other answer, so that a client can go on from it by the id under which it got it.

A hit costs nothing: no backend is asked, and nothing is counted in anybody's windows or budgets. Who joins an answer on
its way pays nothing either; who asked first does.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Literal

from msgspec.structs import replace

from llmux.cache.cache import Bounds, Cache
from llmux.cache.entry import HEADER, Entry, Times, entry
from llmux.cache.fitness import ANY, Wish, replayable, wish
from llmux.cache.fitness import HEADER as CONTROL
from llmux.cache.flights import Flight
from llmux.cache.key import Scope, key
from llmux.errors import GatewayError
from llmux.ir.events import Batch, Event, Opened
from llmux.ir.request import Original, Request
from llmux.ir.value import Value
from llmux.responder import Client, Context, Responder


class Settings(Value):
    """What the owner wants. `shared`: who hears what a client was answered.

    `by_backend`: only an answer of the backend that would be asked now is told again. `tools`: also where the model may
    call some.
    """

    bounds: Bounds
    shared: Literal["client", "all"] = "client"
    by_backend: bool = False
    tools: bool = False


class Rules(Value):
    """What the routing knows. `permits`: whether a client may have, for a model's name, what this backend has said.

    `first` is the backend that would be asked, and its model; None where nobody would be.
    """

    permits: Callable[[Client, str, str], bool]
    first: Callable[[Request, Client], Awaitable[tuple[str, str] | None]]


class Place(Value):
    """Where an answer is kept: under `key`, if it is of `backend`; "": of any."""

    key: bytes
    backend: str = ""


class Cached:
    """Stands around another responder."""

    def __init__(self, inner: Responder, cache: Cache, settings: Settings, rules: Rules) -> None:
        self._inner, self._cache, self._settings, self._rules = inner, cache, settings, rules

    def respond(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        """See `responder.Responder`."""
        wanted = wish(context.headers.get(CONTROL, ""))
        original = replayable(request, tools=self._settings.tools) if wanted.keep else None
        if original is None:
            return self._alone(request, context)
        if self._settings.by_backend:
            return self._planned(original, wanted, request, context)
        return self._kept(Place(key(request, original, context, self._scope(context))), wanted, request, context)

    def _scope(self, context: Context, backend: str = "", model: str = "") -> Scope:
        return Scope(context.client.name if self._settings.shared == "client" else "", backend, model)

    async def _planned(
        self, original: Original, wanted: Wish, request: Request, context: Context
    ) -> AsyncGenerator[Batch, None]:
        """The same, where it depends on who would be asked; nobody may be."""
        first = await self._rules.first(request, context.client)
        if first is None:
            batches = self._alone(request, context)
        else:
            place = Place(key(request, original, context, self._scope(context, *first)), first[0])
            batches = self._kept(place, wanted, request, context)
        async with aclosing(batches):
            async for batch in batches:
                yield batch

    async def _alone(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        """An answer with which the cache has nothing to do."""
        self._cache.count("bypass", context.request_id)
        async with aclosing(self._inner(request, context)) as batches:
            async for batch in batches:
                yield _marked(batch, "bypass")

    async def _kept(
        self, place: Place, wanted: Wish, request: Request, context: Context
    ) -> AsyncGenerator[Batch, None]:
        """The answer that is kept, here or at another instance, or on its way; else a new one, for others to join."""
        found = self._fit(self._cache.find(place.key), wanted, request, context)
        flight = self._joinable(place, wanted)
        if found is None and flight is None and wanted.max_age > 0:
            found = self._fit(await self._cache.fetch(place.key), wanted, request, context)
            flight = self._joinable(place, wanted)  # another may have begun meanwhile
        if found is not None:
            self._cache.count("hit", context.request_id)
            yield found.replay(self._cache.age(found), again=wanted == ANY and not self._settings.by_backend)
            return
        batches = self._begun(place, request, context) if flight is None else self._joined(flight, request, context)
        async with aclosing(batches):
            async for batch in batches:
                yield batch

    def _fit(self, found: Entry | None, wanted: Wish, request: Request, context: Context) -> Entry | None:
        """What is kept, if it is what this client wants, and may have."""
        if found is None or self._cache.age(found) >= wanted.max_age:
            return None
        return found if self._rules.permits(context.client, request.model, found.backend) else None

    def _joinable(self, place: Place, wanted: Wish) -> Flight | None:
        return self._cache.flights.find(place.key) if wanted.max_age > 0 else None

    def _begun(self, place: Place, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        """A new answer."""
        self._cache.count("miss", context.request_id)
        flight = Flight(context.client.name, self._settings.bounds.one, self._landing(place, request))
        self._cache.flights.begin(place.key, flight, self._inner(request, context))
        return flight.listen(lambda batch: _marked(batch, "miss"))

    def _landing(self, place: Place, request: Request) -> Callable[[Sequence[Batch]], None]:
        began = self._cache.now()

        def land(batches: Sequence[Batch]) -> None:
            now = self._cache.now()
            kept = entry(batches, request.model, Times(began, now, now + self._settings.bounds.seconds))
            if kept is not None and place.backend in {"", kept.backend}:
                self._cache.keep(place.key, kept)

        return land

    async def _joined(self, flight: Flight, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        """An answer that somebody else has asked for.

        What it fails with before it has begun may be that client's own affair: another one then asks for itself.
        """
        ours, begun = flight.client == context.client.name, False
        try:
            async with aclosing(flight.listen(_shared)) as batches:
                async for batch in batches:
                    if not (begun or ours or self._may(batch[0], request, context)):
                        break
                    if not begun:
                        begun = True
                        self._cache.count("coalesced", context.request_id)
                    yield batch
        except GatewayError:
            if ours or begun:
                raise
        if not begun:
            async with aclosing(self._alone(request, context)) as batches:
                async for batch in batches:
                    yield batch

    def _may(self, opened: Event, request: Request, context: Context) -> bool:
        return isinstance(opened, Opened) and self._rules.permits(context.client, request.model, opened.backend)


def _marked(batch: Batch, word: str) -> Batch:
    """`batch`; if it says who answers, it says too what the cache had to do with it."""
    return _headed(batch, lambda opened: replace(opened, headers=(*opened.headers, (HEADER, word))))


def _shared(batch: Batch) -> Batch:
    """`batch` for who did not ask: what the backend said of its limits is none of their business."""
    return _headed(batch, lambda opened: replace(opened, attempts=0, headers=((HEADER, "hit"), ("age", "0"))))


def _headed(batch: Batch, change: Callable[[Opened], Opened]) -> Batch:
    opened = batch[0]
    return (change(opened), *batch[1:]) if isinstance(opened, Opened) else batch
