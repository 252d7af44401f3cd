"""Who may scrape, and what they are asked for and given."""

from typing import Any

import pytest

from llmux.responder import Client
from llmux.server.auth import digest
from tests.server.house import running

KEYS = {"secret": Client("front")}
ADMIN = {"metrics_auth": "admin", "admin_key": digest("boss")}


async def page(accept: str) -> tuple[str, bytes]:
    return "text/plain; version=0.0.4", f"asked for {accept}".encode()


# how the house is set -> the headers of a scraper, and the status that it gets
DOORS: dict[str, tuple[dict[str, Any], dict[str, str], int]] = {
    "open": ({"metrics_auth": "none"}, {}, 200),
    "open, though clients need tokens": ({"metrics_auth": "none", "tokens": KEYS}, {}, 200),
    "on this machine": ({"metrics_auth": "token"}, {}, 200),
    "from a web page": ({"metrics_auth": "token"}, {"host": "evil.example"}, 403),
    "a client's token": ({"metrics_auth": "token", "tokens": KEYS}, {"authorization": "Bearer secret"}, 200),
    "no token": ({"metrics_auth": "token", "tokens": KEYS}, {}, 401),
    "the admin key": (ADMIN, {"x-admin-key": "boss"}, 200),
    "the admin key as a bearer": (ADMIN, {"authorization": "Bearer boss"}, 200),
    "a client's token is none": ({**ADMIN, "tokens": KEYS}, {"authorization": "Bearer secret"}, 401),
    "a wrong one beside the right": (ADMIN, {"x-admin-key": "x", "authorization": "Bearer boss"}, 401),
    "nothing": (ADMIN, {}, 401),
    "no admin key configured": ({"metrics_auth": "admin"}, {"x-admin-key": ""}, 404),
    "nothing is counted": ({"metrics": None}, {}, 404),
}


@pytest.mark.parametrize(("services", "headers", "status"), DOORS.values(), ids=DOORS)
async def test_who_may_scrape(services: dict[str, Any], headers: dict[str, str], status: int) -> None:
    handed = {"metrics": page, **{key: value for key, value in services.items() if key != "tokens"}}
    async with running(tokens=services.get("tokens"), services=handed) as house:
        answer = await house.session.get(house.url + "/metrics", headers=headers)
        assert answer.status == status
        if status == 200:
            assert await answer.text() == "asked for */*"
            assert answer.headers["content-type"] == "text/plain; version=0.0.4"
        else:
            assert (await answer.json())["request_id"]


async def test_the_scraper_says_in_which_form() -> None:
    async with running(services={"metrics": page}) as house:
        answer = await house.session.get(house.url + "/metrics", headers={"accept": "application/openmetrics-text"})
        assert await answer.text() == "asked for application/openmetrics-text"
