"""Only what a dialect's table names can be lost."""

import pytest

from llmux.dialects.losses import Losses


def test_losses_are_told_once_in_the_order_they_happened() -> None:
    losses = Losses({"seed": "It is left out.", "temperature": "It is clamped."})
    losses.drop("seed")
    losses.approx("temperature")
    losses.drop("seed")
    assert losses.warnings() == ("dropped=seed", "approx=temperature")


def test_a_loss_without_a_row_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Losses({}).drop("seed")
