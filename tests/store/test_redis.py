"""The store in Redis: what it costs, what stays, who is let in, and every way in which it can fail."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from llmux.clock import SystemClock
from llmux.store import redis as module
from llmux.store.base import Store, StoreError, StoreNotOpenedError
from llmux.store.redis import SPARE, RedisStore
from tests.fakes import FakeClock
from tests.redis_server import RedisServer, free_port, needs_redis

pytestmark = needs_redis
CLOCK = SystemClock()
LATER = 4e9  # Unix seconds, in the year 2096
LONG = 60  # s; for what must not fail on a busy machine


@pytest.fixture
async def store(redis_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    opened = RedisStore(redis_url, clock, LONG)
    yield opened
    await opened.close()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with closing(Redis.from_url(redis_url, decode_responses=True)) as client:
        yield client


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that a test may harm."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


VERBS = {
    "add": lambda store: store.add({"a": 1, "b": 1}, {"a": LATER, "b": LATER}),
    "counters": lambda store: store.counters(["a", "b"]),
    "tallies": lambda store: store.tallies(""),
    "put": lambda store: store.put("k", b"v", LATER),
    "notes": lambda store: store.notes(""),
    "fetch": lambda store: store.fetch(["k", "l"]),
    "trim": lambda store: store.trim("", 0),
    "remove": lambda store: store.remove(["a", "k"]),
}


# --- what it costs, and what stays ---


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_is_one_round_trip(store: Store, redis: Redis, verb: str) -> None:
    calls: list[int] = []
    for _ in range(3):  # the first one of a script brings it
        await VERBS[verb](store)
        spoken = redis.info("commandstats")
        calls.append(
            sum(spoken[f"cmdstat_{name}"]["calls"] for name in ("evalsha", "mget") if f"cmdstat_{name}" in spoken)
        )
    assert calls[2] - calls[1] == 1


async def test_nothing_stays_for_ever_not_even_an_index(store: Store, redis: Redis, clock: FakeClock) -> None:
    await store.add({"a": 1}, {"a": clock.now() + 10})
    await store.put("k", b"v", clock.now() + 1000)
    lives = {key: redis.pttl(key) / 1000 for key in redis.keys("*") if key != "llmux:opened"}
    expected = {
        "llmux:counter:a": 10, "llmux:counters": 10, "llmux:note:k": 1000, "llmux:notes": 1000, "llmux:ends": 1000,
    }  # fmt: skip
    assert lives == {key: pytest.approx(life + SPARE, abs=20) for key, life in expected.items()}


async def test_an_index_forgets_what_redis_has_forgotten(
    store: Store, redis: Redis, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put("stays", b"", clock.now() + 1000)
    monkeypatch.setattr(module, "SPARE", 0.001)
    for number in range(12):
        await store.put(f"k{number}", b"", clock.now())
        await store.add({f"c{number}": 1}, {f"c{number}": clock.now()})
    await asyncio.sleep(0.02)
    monkeypatch.undo()
    for _ in range(3):
        await store.put("last", b"", clock.now() + 1000)
    assert sorted(redis.keys("llmux:*")) == ["llmux:ends", "llmux:note:last", "llmux:note:stays", "llmux:notes"]
    assert redis.zrange("llmux:notes", 0, -1) == ["last", "stays"]
    assert redis.zrange("llmux:ends", 0, -1) == ["note:stays", "note:last"]


async def test_an_old_row_whose_key_is_used_again_lives_as_long_as_the_new_one(
    store: Store, redis: Redis, clock: FakeClock
) -> None:
    await store.add({"a": 5}, {"a": clock.now() + 10})
    clock.advance(10)
    assert await store.add({"a": 1}, {"a": clock.now() + 1000}) == {"a": 1}
    assert redis.ttl("llmux:counter:a") == pytest.approx(1000 + SPARE, abs=20)
    assert redis.zcard("llmux:ends") == 1


async def test_scripts_that_redis_has_forgotten_are_brought_again(store: Store, redis: Redis) -> None:
    await store.add({"a": 1}, {"a": LATER})
    redis.script_flush()
    assert await store.add({"a": 1}, {"a": LATER}) == {"a": 2}


async def test_it_touches_no_keys_but_its_own(store: Store, redis: Redis) -> None:
    redis.set("theirs", "x")
    for verb in VERBS.values():
        await verb(store)
    assert {key for key in redis.keys("*") if not key.startswith("llmux:")} == {"theirs"}


async def test_it_holds_few_connections(store: Store, redis: Redis) -> None:
    await asyncio.gather(*(store.add({"a": 1}, {"a": LATER}) for _ in range(200)))
    assert redis.info("clients")["connected_clients"] <= module.MOST_CONNECTIONS + 1


async def test_a_socket_of_this_machine_serves_too(redis_place: RedisServer, redis_url: str) -> None:
    store = RedisStore(f"unix://{redis_place.socket}?db=3", CLOCK, LONG)
    assert await store.add({"a": 1}, {"a": LATER}) == {"a": 1}
    await store.close()
    with closing(Redis.from_url(redis_place.url.replace("/0", "/3"))) as redis:
        assert redis.exists("llmux:counter:a")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    files = ["--tls-cert-file", str(cert), "--tls-key-file", str(key), "--tls-ca-cert-file", str(cert)]
    port = free_port()
    server = RedisServer(tmp_path, "--tls-port", str(port), *files, "--tls-auth-clients", "no")
    try:
        server.start()
    except AssertionError:
        pytest.skip("this Redis was built without TLS")
    url = f"rediss://127.0.0.1:{port}"
    trusting, careful = RedisStore(f"{url}?ssl_ca_certs={cert}", CLOCK, LONG), RedisStore(url, CLOCK, LONG)
    assert await trusting.add({"a": 1}, {"a": LATER}) == {"a": 1}
    with pytest.raises(StoreError, match="certificate verify failed"):
        await careful.counters(["a"])
    for store in (trusting, careful):
        await store.close()
    server.kill()


# --- a Redis that fails while it is in use ---


async def test_one_that_is_away_at_the_start_is_used_when_it_comes(own: RedisServer) -> None:
    own.kill()
    store = RedisStore(own.url, CLOCK, LONG)
    for verb in VERBS.values():
        with pytest.raises(StoreError):
            await verb(store)
    own.start()
    assert await store.add({"a": 1}, {"a": LATER}) == {"a": 1}
    await store.close()


async def test_one_that_was_killed_has_what_it_acknowledged(own: RedisServer) -> None:
    store = RedisStore(own.url, CLOCK, LONG)
    acknowledged: list[float] = []

    async def adds() -> None:
        while True:
            acknowledged.append((await store.add({"a": 1}, {"a": LATER}))["a"])

    adders = [asyncio.create_task(adds()) for _ in range(8)]
    while len(acknowledged) < 100:
        await asyncio.sleep(0)
    own.kill()
    told = await asyncio.gather(*adders, return_exceptions=True)
    assert {type(each) for each in told} == {StoreError}
    own.start()
    assert len(set(acknowledged)) == len(acknowledged)
    assert max(acknowledged) <= (await store.counters(["a"]))["a"] <= max(acknowledged) + 8  # those in flight
    await store.close()


async def test_one_that_hangs_is_waited_for_once(own: RedisServer, clock: FakeClock) -> None:
    store = RedisStore(own.url, clock, LONG)
    await store.add({"a": 1}, {"a": LATER})
    store._patience = 0.05
    own.send(signal.SIGSTOP)
    answers = await asyncio.gather(*(store.add({"a": 1}, {"a": LATER}) for _ in range(50)), return_exceptions=True)
    assert {str(each) for each in answers} == {"Redis took longer than 0.05 s"}
    for _ in range(100):  # who comes later does not wait
        with pytest.raises(StoreError, match="a moment ago"):
            await store.counters(["a"])
    clock.advance(module.AWAY_FOR)
    told = await asyncio.gather(*(store.counters(["a"]) for _ in range(5)), return_exceptions=True)
    assert [str(each) for each in told] == ["Redis took longer than 0.05 s", *["Redis did not answer a moment ago"] * 4]
    own.send(signal.SIGCONT)
    clock.advance(module.AWAY_FOR)
    store._patience = LONG
    assert await store.fetch(["k"]) == {}  # the answer to this question, not to an earlier one
    assert 1 <= (await store.counters(["a"]))["a"] <= 51
    await store.close()


async def test_one_that_is_full_is_an_error_and_still_reads(redis_url: str, redis: Redis) -> None:
    store = RedisStore(redis_url, CLOCK, LONG)
    await store.add({"a": 1}, {"a": LATER})
    redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreError, match="maxmemory"):
            await store.put("k", b"v", LATER)
        assert await store.counters(["a"]) == {"a": 1}
        await RedisStore(redis_url, CLOCK, LONG).close()  # the start does not stop for what may pass
    finally:
        redis.config_set("maxmemory", "0")
    await store.put("k", b"v", LATER)
    await store.close()


# --- who is let in: the start stops, and says what to do, and no password ---


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://:s3cret@127.0.0.1:{port}/0", "without any password configured"),
        ("redis://nobody:s3cret@127.0.0.1:{port}/0", "invalid username-password pair"),
        ("redis://127.0.0.1:{port}/99999", "DB index is out of range"),
        ("redis://:s3c/ret@127.0.0.1:{port}", "URL does not hold"),
        ("redis://reader:s3cret@127.0.0.1:{port}/0", "no permissions"),
    ],
)
async def test_a_url_that_redis_refuses(redis_place: RedisServer, redis: Redis, url: str, says: str) -> None:
    redis.acl_setuser("reader", enabled=True, passwords=["+s3cret"], keys=["*"], commands=["+get"])
    with pytest.raises(StoreNotOpenedError, match=says) as caught:
        RedisStore(url.format(port=redis_place.port), CLOCK)
    assert "s3c" not in str(caught.value)
    assert "user:password@host" in str(caught.value)


async def test_a_user_of_its_own_needs_little(redis_place: RedisServer, redis: Redis) -> None:
    rights = ["+@read", "+@write", "+@scripting", "+@connection", "+time"]
    redis.acl_setuser("llmux", enabled=True, passwords=["+p@ss/w:rd"], keys=["llmux:*"], commands=rights)
    store = RedisStore(f"redis://llmux:p%40ss%2Fw%3Ard@127.0.0.1:{redis_place.port}", CLOCK, LONG)
    for verb in VERBS.values():
        await verb(store)
    await store.close()


async def test_what_speaks_something_else(redis_place: RedisServer) -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(page, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(StoreNotOpenedError, match="Protocol"):
            await asyncio.to_thread(RedisStore, f"redis://127.0.0.1:{port}", CLOCK)
