"""Errors are values: equal when they say the same; each says a status, a kind and what a retry may do."""

from collections.abc import Iterator

import pytest

from llmux.errors import BackendCut, BackendFailed, BadRequest, GatewayError, RateLimited, Retry


def kinds(of: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def test_equal_when_everything_is() -> None:
    error = RateLimited("slow down", retry_after=3.0, param="model", code="rpm", upstream_status=429)
    same = RateLimited("slow down", retry_after=3.0, param="model", code="rpm", upstream_status=429)
    assert error == same
    assert hash(error) == hash(same)
    assert str(error) == "slow down"


@pytest.mark.parametrize(
    "other",
    [
        RateLimited("slow"),
        RateLimited("slow down", retry_after=3.0),
        RateLimited("slow down", param="model"),
        RateLimited("slow down", code="rpm"),
        RateLimited("slow down", upstream_status=429),
        BackendCut("slow down"),
        GatewayError("slow down"),
        "slow down",
    ],
    ids=repr,
)
def test_different_when_anything_is(other: object) -> None:
    assert RateLimited("slow down") != other


@pytest.mark.parametrize("kind", list(kinds(GatewayError)))
def test_every_error_can_be_told(kind: type[GatewayError]) -> None:
    assert 400 <= kind.status <= 599
    assert kind.kind.replace("_", "").isalpha()
    assert kind.__doc__


def test_a_clients_fault_is_never_tried_again() -> None:
    assert BadRequest.retry is Retry.NEVER
    assert BackendFailed.retry is Retry.AGAIN
