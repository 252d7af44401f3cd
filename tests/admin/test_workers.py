"""Two real workers: the page shows what both do, whichever it has reached, and does not hold up their stop."""

import http.client
import json
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.admin.chromium import CONFIG, ask
from tests.cli.running import running, surroundings
from tests.whole.test_lifetime import free_port

KEY = {"x-admin-key": "office"}
ASKED = 12


def opened(url: str, path: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("GET", path, headers=KEY)
    return connection, connection.getresponse()


def state(url: str) -> Any:
    connection, reply = opened(url, "/admin/state")
    with closing(connection):
        return json.load(reply)


def test_every_worker_is_seen_and_stops_at_once(tmp_path: Path) -> None:
    config = CONFIG.replace("memory:", f"sqlite:{tmp_path}/store.db").replace("port = 0", f"port = {free_port()}")
    (tmp_path / "config.toml").write_text(f"workers = 2\n{config}")
    with running("start", env=surroundings(tmp_path), cwd=tmp_path, stderr=subprocess.DEVNULL) as gateway:
        connection, live = opened(gateway.url, "/admin/live")  # somebody watches one of the two
        with closing(connection):
            assert live.readline() == b"event: snapshot\n"
            until, asked = time.monotonic() + 20, 0
            while True:  # each over a connection of its own, which lands at either worker
                assert ask(gateway.url, "m") == 200
                asked += 1
                told = state(gateway.url)
                workers = {row["worker"] for row in told["requests"].values()}
                if len(workers) == 2 and asked >= ASKED:
                    break
                assert time.monotonic() < until, "both are seen within some seconds"
                time.sleep(0.1)
            assert told["workers"] == 2
            began = time.monotonic()
            assert gateway.stop() == 0
            assert time.monotonic() - began < 10, "less than drain_timeout"
