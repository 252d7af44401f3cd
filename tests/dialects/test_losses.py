"""Only what a dialect's table names can be lost."""

import orjson
import pytest

from llmux.dialects.losses import Losses
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Profile, Target
from llmux.ir.content import Text
from llmux.ir.request import Message, Request, Role, Sampling


def test_losses_are_told_once_in_the_order_they_happened() -> None:
    losses = Losses({"seed": "It is left out.", "temperature": "It is clamped."})
    losses.drop("seed")
    losses.approx("temperature")
    losses.drop("seed")
    assert losses.warnings() == ("dropped=seed", "approx=temperature")


def test_a_loss_without_a_row_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Losses({}).drop("seed")


ASKED = {
    "whether": Sampling(logprobs=True),
    "how many": Sampling(top_logprobs=2),
    "both": Sampling(logprobs=True, top_logprobs=2),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", TABLE)
def test_probabilities_that_no_translated_answer_tells_are_named_as_lost(name: str, asked: str) -> None:
    """And a backend is not asked for them in vain, but by its own clients, whose words stay as they are."""
    dialect, target = TABLE[name], Target("m", Profile())
    assert "logprobs" in dialect.losses
    for client in TABLE:
        messages = (Message(Role.USER, (Text(text="a"),)),)
        request = Request(dialect=client, model="m", messages=messages, sampling=ASKED[asked])
        outbound = dialect.encode_request(request, target)
        assert outbound.warnings == ("dropped=logprobs",)
        assert client == name or b"ogprobs" not in orjson.dumps(outbound.body)
