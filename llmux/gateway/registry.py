"""What each provider lists: asked in the background, kept in the store, never on a request's path.

Who fails to answer keeps the list that it gave before; no failure here touches a cooldown. Workers share the store, so
that one of them asks for all.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

from msgspec.structs import replace

from llmux.clock import Clock
from llmux.dialects.listing import Detail, Page
from llmux.errors import BackendFailed, GatewayError
from llmux.gateway.answer import read_all
from llmux.gateway.attempt import Route
from llmux.gateway.books import Books, Mirror
from llmux.ir.card import ModelCard
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.routing.listed import Lists
from llmux.store.base import Store, StoreError
from llmux.transports.base import Call

LOOK_EVERY_S = 30.0  # how late a worker knows of what another has asked
PATIENCE_S = 10.0  # for one answer
AGAIN_AFTER_S = 300.0  # a look that failed is repeated after this, or sooner where the owner wants every list sooner
CLAIM_S = 60.0  # for which nobody else asks, while one does
KEPT_FOR_S = 7 * 86_400.0  # after which an old list says nothing any more
MOST_BYTES = 16 * 1024 * 1024  # OpenRouter's list of 400 models has half a megabyte
MOST_PAGES = 20
MOST_DETAILS = 200  # models that are asked for one by one
OK = 200


class Source(Value):
    """A provider that can be asked. `address` tells it from another that once had its name."""

    route: Route
    address: str
    asked: bool = True  # False: nobody can ask it but a client, with a key of its own


class Shelf(Value):
    """What is kept of a provider. Times are Unix seconds; 0: never."""

    cards: tuple[ModelCard, ...] = ()
    heard: float = 0.0  # when it gave this list
    looked: float = 0.0  # when it was asked last
    fault: str = ""  # why that failed


class Registry:
    """The lists of the providers that are configured."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._clock = clock
        self._books = Books(store, clock, lambda _fact: None)  # the ledger tells of the store's faults
        self._shelves = Mirror(self._books, "models/", Shelf)  # key: the provider and its address
        self._sources: Mapping[str, Source] = {}
        self._every = 0.0
        self.lists: Lists = {}

    def configure(self, sources: Mapping[str, Source], every: float) -> None:
        """Ask these from now on, every so many seconds; 0: nobody is asked, and no list counts."""
        self._sources, self._every = sources, every
        self.lists = self._current()

    def shelves(self) -> Mapping[str, Shelf]:
        """What is known of each provider."""
        return {name: self._shelf(name) for name in self._sources}

    async def load(self) -> None:
        """Know what the store has kept."""
        try:
            await self._books.flush()
            await self._shelves.refresh()
        except StoreError:
            return  # what this process knows will do

    async def run(self, changed: Callable[[], None]) -> None:
        """Keep the lists fresh, until cancelled; `changed` is called when one has become another."""
        while True:
            await self.refresh(changed)
            await self._clock.sleep(LOOK_EVERY_S)

    async def refresh(self, changed: Callable[[], None], *, only: Iterable[str] = (), anew: bool = False) -> None:
        """Learn what others have asked, and ask each provider whose list is old; with `anew`, every one.

        `only` are the providers to ask; none: all of them.
        """
        await self.load()
        self._publish(changed)
        wanted = set(only) or self._sources.keys()
        due = [name for name in self._sources if name in wanted and (anew or self._is_due(name))]
        await asyncio.gather(*(self._look(name, changed, anew=anew) for name in due))
        await self.load()

    # --- inside ---

    def _key(self, name: str) -> tuple[str, ...]:
        return name, self._sources[name].address

    def _shelf(self, name: str) -> Shelf:
        return self._shelves.values.get(self._key(name), Shelf())

    def _current(self) -> Lists:
        if not self._every:
            return {}
        return {name: cards for name in self._sources if (cards := self._shelf(name).cards)}

    def _publish(self, changed: Callable[[], None]) -> None:
        lists = self._current()
        if lists != self.lists:
            self.lists = lists
            changed()

    def _is_due(self, name: str) -> bool:
        shelf, source = self._shelf(name), self._sources[name]
        if not (self._every and source.asked and source.route.dialect.listing):
            return False
        pause = min(self._every, AGAIN_AFTER_S) if shelf.fault else self._every
        return shelf.looked + pause <= self._clock.now()

    async def _look(self, name: str, changed: Callable[[], None], *, anew: bool) -> None:
        source, key, now = self._sources[name], self._key(name), self._clock.now()
        if not (anew or await self._claim(key)):
            return
        before = self._shelf(name)
        try:
            cards = await ask(source.route, self._clock)
            shelf = Shelf(cards, now, now)
        except GatewayError as error:
            shelf = replace(before, looked=now, fault=error.message)
        except Exception as error:  # noqa: BLE001  # whatever a stranger lists, it must not end the gateway
            shelf = replace(before, looked=now, fault=f"llmux cannot read its list: {error!r}")
        self._shelves.put(key, shelf, (shelf.heard or now) + KEPT_FOR_S)
        if name in self._sources and self._key(name) == key:  # else the owner has changed it meanwhile
            self._publish(changed)

    async def _claim(self, key: tuple[str, ...]) -> bool:
        """Whether it is this worker that asks now. Without a store, it is every one."""
        counter = f"models/{key}"
        try:
            counted = await self._books.ask(
                lambda store: store.add({counter: 1.0}, {counter: self._clock.now() + CLAIM_S})
            )
        except StoreError:
            return True
        return counted[counter] == 1


async def ask(route: Route, clock: Clock) -> tuple[ModelCard, ...]:
    """What a provider lists, every page of it.

    Raises:
        GatewayError: it does not answer, refuses, or says what is no list.
    """
    listing = route.dialect.listing
    if listing is None:
        raise BackendFailed(f"Nobody knows how to ask for a list of models in the dialect {route.dialect.name}.")
    cards, query = dict[str, ModelCard](), listing.query
    for _ in range(MOST_PAGES):
        path = route.dialect.models_path + (f"?{query}" if query else "")
        page: Page = listing.decode(await _said(route, clock, Call(path, {}, method="GET")))
        cards |= {card.id: card for card in page.cards}
        if not (page.next and listing.cursor):
            break
        query = "&".join(filter(None, (listing.query, f"{listing.cursor}={quote(page.next, safe='')}")))
    if listing.detail is None:
        return tuple(cards.values())
    return tuple([await _detailed(route, clock, listing.detail, card) for card in list(cards.values())[:MOST_DETAILS]])


async def _detailed(route: Route, clock: Clock, detail: Detail, card: ModelCard) -> ModelCard:
    """The card with what is told only of it; as it is where that fails."""
    try:
        said = await _said(
            route, clock, Call(detail.path, {"content-type": "application/json"}, detail.encode(card.id))
        )
        return detail.decode(card, said)
    except GatewayError:
        return card


async def _said(route: Route, clock: Clock, call: Call) -> bytes:
    """The body of a 200."""
    headers = {**route.dialect.headers, **route.sign(Context("models")), **call.headers}
    reply = await route.transport.open(replace(call, headers=headers), PATIENCE_S)
    body = await read_all(reply, clock, clock.monotonic() + PATIENCE_S, MOST_BYTES)
    if reply.status != OK:
        raise route.dialect.decode_error(reply.status, reply.headers, body)
    return body
