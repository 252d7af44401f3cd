"""`llmux keys`: at the store where no gateway runs, at a gateway that runs, and what is said where neither will do."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from llmux.access.key import SECRET


@pytest.fixture(autouse=True)
def configuration(home: Path) -> None:
    (home / "config.toml").write_text("port = 9\nprovider.demo = {}\n")  # nobody answers there


def line(output: str, word: str) -> list[str]:
    [found] = [line for line in output.splitlines() if word in line]
    return [cell.strip() for cell in found.split("  ") if cell.strip()]


def test_a_key_from_its_birth_to_its_end(call) -> None:
    made = call(
        "keys", "create", "ci", "--user", "anna", "--project", "search", "-m", "a*", "-m", "b", "--max-usd", "2.5"
    )
    assert made.exit_code == 0, made.output
    [secret] = made.stdout.split()
    assert SECRET.fullmatch(secret)
    assert "It is not shown again" in made.stderr
    listed = call("keys", "list").stdout
    assert secret not in listed
    key_id, *row = line(listed, "ci")
    assert row == ["ci", f"{secret[:8]}...{secret[-4:]}", "anna search", "a* b", "$0.00 of $2.50 in all", "never"]
    assert call("keys", "revoke", key_id).stdout == f"ci's key {key_id} is revoked.\n"
    assert call("keys", "list").stdout == "There is no API key. llmux keys create NAME makes one.\n"
    told = call("keys", "audit").stdout
    assert line(told, "revoked")[1:] == ["API key revoked", f"ci-{key_id}", "llmux keys"]
    assert line(told, "made")[1:] == ["API key made", f"ci-{key_id}", "llmux keys"]


def test_every_limit_has_an_option(call) -> None:
    options = {
        "--max-per-hour": ("maxPerHour", "0 of 7 requests per hour"),
        "--max-per-5hours": ("maxPer5Hours", "0 of 7 requests per 5 hours"),
        "--max-per-day": ("maxPerDay", "0 of 7 requests per day"),
        "--max-tokens-per-hour": ("maxTokensPerHour", "0 of 7 tokens per hour"),
        "--max-tokens-per-day": ("maxTokensPerDay", "0 of 7 tokens per day"),
        "--max-tokens-per-month": ("maxTokensPerMonth", "0 of 7 tokens per 30 days"),
        "--max-usd-per-day": ("maxUsdPerDay", "$0.00 of $7.00 per day"),
        "--max-usd-per-month": ("maxUsdPerMonth", "$0.00 of $7.00 per 30 days"),
        "--max-usd": ("maxUsd", "$0.00 of $7.00 in all"),
    }
    arguments = [word for option in options for word in (option, "7")]
    made = json.loads(call("keys", "create", "ci", *arguments, "--json").stdout)
    assert {made[name] for name, _ in options.values()} == {7}
    assert made["key"].startswith("lmx-")
    assert "; ".join(said for _, said in options.values()) in call("keys", "list").stdout


@pytest.mark.parametrize("written", ["60s", "90m", "12h", "30d", "8w", "2099-01-31", "2099-01-31T12:00Z"])
def test_when_it_ends(call, written: str) -> None:
    made = json.loads(call("keys", "create", "ci", "--expires", written, "--json").stdout)
    assert made["expiresAt"].startswith(written[:10] if "-" in written else "20")
    assert made["expired"] is False


WRONG = {
    ("create", "a/b"): (1, "llmux: name: up to 64 letters"),
    ("create", "a", "--expires", "soon"): (1, 'llmux: expiresAt: "2027-01-31"'),
    ("create", "a", "--expires", "2020-01-01"): (1, "llmux: expiresAt: a time within the next hundred years"),
    ("create", "a", "--expires", "0d"): (1, "llmux: expiresIn: expected float > 0.0"),
    ("create", "a", "--max-per-day", "0"): (2, "Invalid value for '--max-per-day'"),
    ("create", "a", "--max-usd", "nan"): (1, "llmux: The body is not JSON"),
    ("create",): (2, "Missing argument 'NAME'"),
    ("revoke", "a"): (1, "llmux: there is no API key 'a'. llmux keys list shows all."),
    ("revok", "a"): (2, "No such command 'revok'"),
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_what_is_wrong_is_said(call, arguments: tuple[str, ...]) -> None:
    told = call("keys", *arguments)
    assert told.exit_code == WRONG[arguments][0]
    assert WRONG[arguments][1] in told.stderr
    assert json.loads(call("keys", "list", "--json").stdout) == {"keys": []}


def test_of_two_that_have_one_name_one_must_be_named_by_its_id(call) -> None:
    ids = [json.loads(call("keys", "create", "ci", "--json").stdout)["id"] for _ in range(2)]
    told = call("keys", "revoke", "ci")
    assert told.exit_code == 1
    assert "2 keys are called 'ci': say which, by its id" in told.stderr
    assert all(key_id in told.stderr for key_id in ids)
    assert call("keys", "revoke", f"ci-{ids[1]}").exit_code == 0
    assert call("keys", "revoke", "ci").exit_code == 0


def test_what_is_kept_in_memory_is_out_of_reach(call, home: Path) -> None:
    (home / "config.toml").write_text('port = 9\nstore.url = "memory:"\n')
    told = call("keys", "list")
    assert told.exit_code == 1
    assert "no gateway answers at http://127.0.0.1:9" in told.stderr


def test_a_store_that_cannot_be_opened(call, home: Path) -> None:
    (home / "config.toml").write_text('port = 9\nstore.url = "sqlite:/proc/nowhere/llmux.db"\n')
    told = call("keys", "list")
    assert told.exit_code == 1
    assert told.stderr.startswith("llmux: the store /proc/nowhere/llmux.db cannot be opened")


@pytest.fixture
def gateway(home: Path) -> Iterator[HTTPServer]:
    """A gateway that is healthy, and answers `answer` to whatever else it is asked, which is in `asked`."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server = self.server
            status, told = 200, {"status": "ok"}
            if self.path != "/health":
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                server.asked.append((self.command, self.path, self.headers["x-admin-key"], body))  # type: ignore[attr-defined]
                status, told = server.answer  # type: ignore[attr-defined]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        do_POST = do_DELETE = do_GET  # noqa: N815 - names of http.server

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        server.asked, server.answer = [], (200, {})  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        text = f'port = {server.server_port}\nstore.url = "memory:"\nadmin_key = "boss"\nprovider.demo = {{}}\n'
        (home / "config.toml").write_text(text)
        yield server
        server.shutdown()
        thread.join()


def test_a_gateway_that_runs_is_asked(call, gateway) -> None:
    gateway.answer = 201, {"key": "lmx-secret", "id": "1", "name": "ci"}
    assert call("keys", "create", "ci", "--max-per-5hours", "4", "--expires", "1d").stdout == "lmx-secret\n"
    gateway.answer = (
        200,
        {"keys": [{"id": "1", "name": "ci", "client": "ci-1"}], "id": "1", "name": "ci", "entries": []},
    )
    assert call("keys", "revoke", "ci").exit_code == 0
    assert json.loads(call("keys", "audit", "--json", "--limit", "5").stdout) == {"entries": []}
    assert gateway.asked == [
        ("POST", "/admin/api-keys", "boss", {"name": "ci", "models": [], "maxPer5Hours": 4, "expiresIn": 86_400}),
        ("GET", "/admin/api-keys", "boss", None),
        ("DELETE", "/admin/api-keys/1", "boss", None),
        ("GET", "/admin/audit?limit=5", "boss", None),
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {"error": "llmux: this is not the admin key.", "request_id": "r"}), "llmux: this is not the admin key."),
        ((429, {"error": "llmux: too many wrong keys"}), "llmux: too many wrong keys"),
        ((500, {"odd": 1}), "llmux: {'odd': 1}"),
        ((500, "odd"), "llmux: odd"),
    ],
)
def test_what_it_refuses_is_said(call, gateway, answer: tuple[int, object], said: str) -> None:
    gateway.answer = answer
    told = call("keys", "list")
    assert (told.exit_code, told.stderr.strip()) == (1, said)


def test_a_gateway_that_runs_without_an_admin_key_keeps_what_is_in_memory_to_itself(call, gateway, home: Path) -> None:
    text = (home / "config.toml").read_text()
    (home / "config.toml").write_text(text.replace('admin_key = "boss"', ""))
    told = call("keys", "list")
    assert told.exit_code == 1
    assert "needs an admin_key" in told.stderr
    (home / "config.toml").write_text(text.replace('admin_key = "boss"', "").replace("memory:", "sqlite:"))
    assert call("keys", "list").exit_code == 0  # they share it
    assert gateway.asked == []


def test_help_teaches(call) -> None:
    for command in ("create", "list", "revoke", "audit"):
        assert f"llmux keys {command}" in call("keys", command, "--help").stdout
    assert "api_key_required" in call("keys", "--help").stdout
