"""Which store a URL opens."""

from pathlib import Path

import pytest

from llmux.clock import SystemClock
from llmux.store.base import StoreNotOpenedError
from llmux.store.memory import MemoryStore
from llmux.store.open import open_store, state_file
from llmux.store.sqlite import SqliteStore

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
        ("", '"memory:", "sqlite:"'),
        ("postgres://user:secret@db/x", '"memory:", "sqlite:"'),
        ("redis://:secret@cache/0", "redis is not supported yet"),
    ],
)
def test_an_unknown_scheme_names_the_known_ones_and_no_password(url: str, says: str) -> None:
    with pytest.raises(StoreNotOpenedError, match=says) as caught:
        open_store(url, CLOCK, {})
    assert "secret" not in str(caught.value)
