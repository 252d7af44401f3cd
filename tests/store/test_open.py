"""Which store a URL opens."""

import subprocess
import sys
from pathlib import Path

import pytest

from llmux.clock import SystemClock
from llmux.store.base import StoreNotOpenedError
from llmux.store.memory import MemoryStore
from llmux.store.open import open_store, shown, state_file
from llmux.store.redis import RedisStore
from llmux.store.sqlite import SqliteStore
from tests.redis_server import needs_redis

CLOCK = SystemClock()


async def test_memory() -> None:
    assert isinstance(open_store("memory:", CLOCK, {}), MemoryStore)


async def test_sqlite_keeps_its_file_in_the_users_state_directory(tmp_path: Path) -> None:
    store = open_store("sqlite:", CLOCK, {"XDG_STATE_HOME": str(tmp_path)})
    await store.close()
    assert isinstance(store, SqliteStore)
    file = tmp_path / "llmux" / "llmux.db"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("url", ["sqlite:{}/here.db", "sqlite:here.db", "sqlite://{}/here.db"])
async def test_sqlite_takes_a_path(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await open_store(url.format(tmp_path), CLOCK, {}).close()
    assert (tmp_path / "here.db").exists()


@needs_redis
async def test_redis(redis_url: str) -> None:
    store = open_store(redis_url, CLOCK, {})
    await store.close()
    assert isinstance(store, RedisStore)


def test_without_the_extra_redis_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "llmux.store.redis", raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(StoreNotOpenedError, match=r"pip install 'llmux\[redis\]'"):
        open_store("redis://cache", CLOCK, {})


def test_redis_is_not_imported_unless_it_is_asked_for() -> None:
    code = "import sys, llmux.store.open; assert not {'redis', 'hiredis'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize(
    ("url", "people_see"),
    [
        ("redis://:secret@cache:6380/1", "redis://cache:6380/1"),
        ("rediss://me:se@cret@cache?ssl_ca_certs=/secret", "rediss://cache"),
        ("unix://me:secret@/run/redis?db=1", "unix:///run/redis"),
        ("redis://cache/0", "redis://cache/0"),
        ("sqlite:/home/me@work/llmux.db", "sqlite:/home/me@work/llmux.db"),
        ("sqlite:", "sqlite:/state/llmux/llmux.db"),
        ("memory:", "memory:"),
    ],
)
def test_people_see_no_password(url: str, people_see: str) -> None:
    assert shown(url, {"XDG_STATE_HOME": "/state"}) == people_see


def test_a_home_may_be_short_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "taken").mkdir()
    with pytest.raises(StoreNotOpenedError, match=str(tmp_path)):
        open_store("sqlite:~/taken", CLOCK, {})


@pytest.mark.parametrize("environ", [{}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}])
def test_without_an_absolute_xdg_state_home_it_is_below_home(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_file(environ) == tmp_path / ".local" / "state" / "llmux" / "llmux.db"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", '"memory:", "sqlite:", "redis:"'),
        ("postgres://user:secret@db/x", '"memory:", "sqlite:", "redis:"'),
    ],
)
def test_an_unknown_scheme_names_the_known_ones_and_no_password(url: str, says: str) -> None:
    with pytest.raises(StoreNotOpenedError, match=says) as caught:
        open_store(url, CLOCK, {})
    assert "secret" not in str(caught.value)
