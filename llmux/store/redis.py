"""A store in Redis (6 or newer) or Valkey, for machines that answer as one. Each verb is one round trip; no rule here.

Whose clock: a row says until when it lives, and callers compare that with their own time, as in the other stores. The
windows are cut by callers' clocks anyway: where these differ by a second, so do the ends of windows, and no more. Redis
is told a span instead, which begins when the row does, so its own clock does not matter; it is longer by `SPARE`, so
that a caller whose clock is behind still finds what lives for it. Thus nothing stays for ever.

Who holds the URL holds the password: neither it nor an error that could quote it is told on.

Reference: https://redis.readthedocs.io/en/stable/examples/asyncio_examples.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

from redis import Redis as BlockingRedis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from llmux.clock import Clock
from llmux.store.base import StoreError, StoreNotOpenedError
from llmux.store.gathering import Addition, Counted, Gathering
from llmux.store.scripts import ADD, LIST, PUT, REMOVE, TRIM

# Seconds that a verb may take, with a new connection if it needs one, before it is a StoreError.
PATIENCE = 0.5

# Seconds after that for which nobody waits: it is a StoreError at once. Then one asks for all, until it has answered.
# A little less than the ledger's second, so that it is usually the ledger that asks, and no request.
AWAY_FOR = 0.9

# Seconds that opening waits for an answer. Nobody is served by then.
OPEN_PATIENCE = 2.0

# Connections of this process at once; who comes later waits, within its patience. A verb holds one for a round trip;
# of additions only one is under way.
MOST_CONNECTIONS = 16

# Seconds by which Redis keeps a row longer than it lives: far more than the clocks of machines may differ.
SPARE = 300.0

# Seconds for which a row is kept at the most, whatever its expiry.
LONGEST = 100 * 365 * 86_400.0

# What Redis says when it is there and will never let this URL in; the rest may pass.
REFUSALS = (AuthenticationError, AuthorizationError, InvalidResponse, NoPermissionError)
PASSING = (OutOfMemoryError, ReadOnlyError)
PASSING_CODES = ("BUSY", "CLUSTERDOWN", "MASTERDOWN", "MISCONF", "NOREPLICAS", "TRYAGAIN")


class RedisStore:
    """The verbs as scripts, over a few connections that are opened when they are needed, and again when they break.

    Raises:
        StoreNotOpenedError: Redis answers, and does not let us in. One that does not answer is away, which may pass.
    """

    def __init__(self, url: str, clock: Clock, patience: float = PATIENCE) -> None:
        self._clock, self._patience, self._closed = clock, patience, False
        self._silent, self._asked_again_at = False, 0.0  # monotonic seconds
        _try(url)
        # No second try: it might add twice. The ledger owes what has failed, and asks again in its own time.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=None,
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._redis = Redis.from_pool(pool)
        scripts = (self._redis.register_script(text) for text in (ADD, PUT, LIST, TRIM, REMOVE))
        self._add, self._put, self._list, self._trim, self._remove = scripts
        self._additions = Gathering(self._begin, OPEN_PATIENCE)  # each waits for less by itself
        self._adding: asyncio.Task[Sequence[Counted]] | None = None

    async def add(self, deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        values: Mapping[str, float] = await self._ask(lambda: self._additions.added(deltas, expires, self._clock.now()))
        return values

    async def counters(self, keys: Sequence[str]) -> Mapping[str, float]:
        return _numbers(await self._living("counter", keys))

    async def tallies(self, prefix: str) -> Mapping[str, float]:
        return _numbers(await self._beginning("counter", prefix))

    async def put(self, key: str, value: bytes, expires: float) -> None:
        arguments = (key, b"%r %b" % (expires, value), _life(expires, self._clock.now()))
        await self._ask(lambda: self._put(args=arguments))

    async def notes(self, prefix: str) -> Mapping[str, bytes]:
        return await self._beginning("note", prefix)

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        return await self._living("note", keys)

    async def trim(self, prefix: str, most: int) -> None:
        await self._ask(lambda: self._trim(args=(prefix, most)))

    async def remove(self, keys: Sequence[str]) -> None:
        await self._ask(lambda: self._remove(args=keys))

    async def close(self) -> None:
        self._closed = True
        if self._adding is not None:
            self._adding.cancel()
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._redis.aclose()

    def _begin(self, batch: Sequence[Addition]) -> asyncio.Future[Sequence[Counted]]:
        self._adding = asyncio.get_running_loop().create_task(self._add_all(batch))  # ended by `close`
        return self._adding

    async def _add_all(self, batch: Sequence[Addition]) -> Sequence[Counted]:
        wanted = [one for one in batch if not one.answer.done()]
        if not wanted:
            return []
        rows = [(one, key, delta) for one in wanted for key, delta in one.deltas.items()]
        told = ((key, delta, one.expires[key], _life(one.expires[key], one.now)) for one, key, delta in rows)
        async with asyncio.timeout(self._patience):
            values = await self._add(args=[wanted[0].now, *(each for row in told for each in row)])
        left = map(float, values)
        return [(one.answer, dict(zip(one.deltas, left, strict=False))) for one in wanted]

    async def _living(self, kind: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """The rows of these names."""
        names = [f"llmux:{kind}:{key}" for key in keys]
        # Asking for nothing is asking whether it is there.
        rows = await self._ask(lambda: self._redis.mget(names) if names else self._redis.ping())
        return _alive(zip(keys, rows, strict=True) if names else (), self._clock.now())

    async def _beginning(self, kind: str, prefix: str) -> Mapping[str, bytes]:
        """The rows whose names begin so."""
        names, rows = await self._ask(lambda: self._list(args=(kind, prefix)))
        return _alive(zip(map(bytes.decode, names), rows, strict=True), self._clock.now())

    async def _ask(self, verb: Callable[[], Awaitable[Any]]) -> Any:
        if self._closed:
            raise StoreError("the store is closed")
        if self._silent:
            self._be_first()
        try:
            async with asyncio.timeout(self._patience):
                answer = await verb()
        except TimeoutError:
            self._silent, self._asked_again_at = True, self._clock.monotonic() + AWAY_FOR
            raise StoreError(f"Redis took longer than {self._patience} s") from None
        except (RedisError, OSError, RuntimeError) as error:  # RuntimeError: a connection that is just closing
            raise StoreError(f"Redis failed: {error}") from error
        self._silent = False
        return answer

    def _be_first(self) -> None:
        """Ask on behalf of all who will come. Raises StoreError: somebody has, and there is no answer yet."""
        now = self._clock.monotonic()
        if now < self._asked_again_at:
            raise StoreError("Redis did not answer a moment ago")
        self._asked_again_at = now + AWAY_FOR


def _try(url: str) -> None:
    """See whether Redis lets us in, as far as it answers."""
    options = {"socket_timeout": OPEN_PATIENCE, "socket_connect_timeout": OPEN_PATIENCE, "protocol": 2}
    try:
        with closing(BlockingRedis.from_url(url, retry=Retry(NoBackoff(), 0), **options)) as redis:
            redis.set("llmux:opened", 1, px=1)
            redis.script_load(ADD)
    except (RedisError, OSError) as error:
        if _is_refusal(error):
            raise _not_opened(f"Redis says: {error}") from None
    except ValueError:  # which may quote a part of the password
        raise _not_opened("its URL does not hold.") from None


def _is_refusal(error: Exception) -> bool:
    """Whether trying again would hear the same."""
    passing = isinstance(error, PASSING) or str(error).startswith(PASSING_CODES)
    return isinstance(error, REFUSALS) or (isinstance(error, ResponseError) and not passing)


def _not_opened(what: str) -> StoreNotOpenedError:
    return StoreNotOpenedError(
        f"the store cannot be opened: {what} Look at the user, the password and the number of the database "
        'in [store] url = "redis://user:password@host:port/db"; llmux needs the keys llmux:* and scripts there.'
    )


def _life(expires: float, now: float) -> int:
    """For how many ms Redis is to keep a row."""
    return int(min(max(expires - now, 0.0) + SPARE, LONGEST) * 1000)


def _alive(rows: Iterable[tuple[str, bytes | None]], now: float) -> Mapping[str, bytes]:
    """The values of the rows that live."""
    parted = ((key, row.partition(b" ")) for key, row in rows if row is not None)
    return {key: value for key, (ends, _, value) in parted if float(ends) > now}


def _numbers(rows: Mapping[str, bytes]) -> Mapping[str, float]:
    return {key: float(value) for key, value in rows.items()}
