"""llmux usage and llmux quota, from the store of a gateway that does not run; docs/ has them beside one that does."""

import asyncio
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmux.app import furnish
from llmux.cli.accounts import printable
from llmux.cli.quota import _said as said_by
from llmux.config.load import load
from llmux.errors import BackendModelNotFound, RateLimited
from llmux.ground import open_ground
from llmux.ir.usage import Usage
from llmux.telemetry import RequestFinished, Spent, Voice

CONFIG = """
port = 1
admin_key = "boss"
[[backend]]
model = "demo:*"
max_per_day = 10
[tokens]
ann = { key = "a", max_usd = 0.5 }
"""
ODD = "=cmd|'\x1b[31m"
DEAR, CHEAP = 12.5, 0.000021


def spend(home: Path) -> None:
    """What a gateway leaves behind: usage of two clients, a window that is used, a rest."""
    (home / "config.toml").write_text(CONFIG)

    async def work() -> None:
        loaded, voice = load(None), Voice()
        async with open_ground(loaded, voice) as ground:
            (one,) = furnish(loaded, ground).assembled.catalog.backends
            for number, (client, model, usd) in enumerate(
                [("ann", "m", DEAR), ("bob", ODD, CHEAP), ("bob", "x", None)]
            ):
                tell(voice, f"r{number}", client, model, usd)
            await ground.ledger.reserve(one)
            ground.ledger.failed(one, "m", RateLimited("no", retry_after=100))
            ground.ledger.failed(one, "ghost\n", BackendModelNotFound("?"))

    asyncio.run(work())


def tell(voice: Voice, request: str, client: str, model: str, usd: float | None) -> None:
    voice(
        Spent(
            request_id=request, client=client, backend="demo:*", provider="demo", model=model,
            usage=Usage(1_000_000, 20), usd=usd, complete=True,
        )
    )  # fmt: skip
    voice(
        RequestFinished(
            request_id=request, client=client, dialect="claude", path="/", model=model, backend="demo:*", attempts=1,
            status=200, stream=False, usage=None, first_event_s=None, duration_s=1, error="" if usd else "BackendCut",
        )
    )  # fmt: skip


def limit(what: str, **told: float) -> dict[str, Any]:
    """One that a provider tells of."""
    return {"what": what, "limit": None, "remaining": None, "used": None, "resets_in": None, **told}


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()[2:]]


def test_a_table_with_a_total(call, home: Path) -> None:
    spend(home)
    told = call("usage", "--by", "client")
    assert told.exit_code == 0, told.output
    assert lines(told.output) == [
        "client requests errors input output USD",
        "ann 1 0 1,000,000 20 12.5000",
        "bob 2 1 2,000,000 40 0.000021",
        "total 3 1 3,000,000 60 12.5000",
        "",
        "1 answers are of models whose price nobody knows; see [[price]].",
    ]


def test_a_chart(call, home: Path) -> None:
    spend(home)
    told = call("usage", "--by", "model,client", "--format", "chart")
    rows = [line.split() for line in lines(told.output)]
    assert [(row[0], row[-1]) for row in rows] == [("m", "12.5000"), (printable(ODD), "0.000021"), ("x", "0.0000")]
    assert len(rows[0][-2]) == 40
    assert lines(call("usage", "--by", "client", "--format", "chart", "--of", "tokens").output)[0].endswith("2,000,040")


def test_csv_that_no_spreadsheet_takes_for_a_formula(call, home: Path) -> None:
    spend(home)
    told = call("usage", "--by", "client,model", "--format", "csv")
    rows = list(csv.DictReader(told.output.splitlines()))
    assert [(row["client"], row["model"], row["usd"], row["input_tokens"], row["unpriced"]) for row in rows] == [
        ("ann", "m", "12.5", "1000000", "0"),
        ("bob", "'=cmd|'\\x1b[31m", "0.000021", "1000000", "0"),
        ("bob", "x", "0", "1000000", "1"),
    ]


def test_json_with_every_figure(call, home: Path) -> None:
    spend(home)
    told = json.loads(call("usage", "--format", "json", "--model", "=CMD*").output)
    assert [row["model"] for row in told["rows"]] == [ODD]
    assert told["total"]["usd"] == CHEAP


def test_nothing_was_used(call, home: Path) -> None:
    spend(home)
    for form in ("table", "chart"):
        assert "Nothing was used from " in call("usage", "--client", "nobody", "--format", form).output


WRONG = {
    "by": ("--by", "user"),
    "since": ("--since", "soon"),
    "until": ("--until", "32d", "--since", "1d"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_question_that_cannot_be_understood(call, home: Path, name: str) -> None:
    spend(home)
    told = call("usage", *WRONG[name])
    assert told.exit_code == 2
    assert told.output.startswith("llmux: ")
    assert told.output.count("\n") == 1


@pytest.mark.parametrize("command", ["usage", "quota"])
def test_what_is_in_another_process_s_memory_cannot_be_known(call, home: Path, command: str) -> None:
    (home / "config.toml").write_text('port = 1\nadmin_key = "boss"\n[store]\nurl = "memory:"\n')
    told = call(command)
    assert told.exit_code == 1
    assert "the store is in memory" in told.output


def test_quota_and_a_fresh_start(call, home: Path) -> None:
    spend(home)
    told = call("quota").output
    assert "1 of 10 requests per day" in told
    assert "after rate_limit; does not know ghost\\n" in told
    assert "ann     $0 of $0.5 in all" in told
    fresh = call("quota", "--reset")
    assert "Reset backends: demo:*" in fresh.output
    assert "demo:*   ready  0 of 10 requests per day  -" in fresh.output
    assert "demo:*   ready  0 of 10 requests per day  -" in call("quota").output
    (entry,) = asyncio.run(changes())
    assert (entry["action"], entry["target"]) == ("quota reset", "backends: demo:*")


async def changes() -> Sequence[Mapping[str, Any]]:
    """What the audit log has."""
    async with open_ground(load(None), Voice()) as ground:
        return await ground.access.audit.entries(9)


def test_quota_of_what_there_is_not(call, home: Path) -> None:
    spend(home)
    told = call("quota", "--reset", "demo:none")
    assert (told.exit_code, told.output) == (2, "llmux: there is no backend 'demo:none'; known: demo:*.\n")


def test_quota_as_json(call, home: Path) -> None:
    spend(home)
    told = call("quota", "--reset-client", "ann", "--json")
    assert json.loads(told.stdout)["backends"][0]["cooldown"]["cause"] == "rate_limit"
    assert told.stderr == "Reset clients: ann\n"


# What a provider says -> as a person reads it.
SAID: dict[str, tuple[dict[str, Any] | None, str]] = {
    "nothing": (None, "-"),
    "nothing that matters": ({"retry_in": None, "limits": []}, "-"),
    "numbers": (
        {"retry_in": 2.4, "limits": [limit("requests", limit=5000.0, remaining=4999.0, resets_in=60.0)]},
        "4,999 of 5,000 requests left, anew in 60 s; come back in 2 s",
    ),
    "what is left only": ({"retry_in": None, "limits": [limit("input_tokens", remaining=7.0)]}, "7 input tokens left"),
    "a limit only": ({"retry_in": None, "limits": [limit("requests", limit=9.0)]}, "9 requests"),
    "a share": (
        {"retry_in": None, "limits": [limit("unified_5h", used=0.42, resets_in=600.0), limit("x", resets_in=1.0)]},
        "42% of unified 5h used, anew in 600 s",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_provider_says(name: str) -> None:
    heard, words = SAID[name]
    assert said_by(heard) == words
