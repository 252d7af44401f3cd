"""What counting is to the rest of the house. It imports no library: a house that does not count loads none."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from llmux.telemetry import Fact


class WindowUse(Protocol):
    """How far a window is used. `seconds` is its span; 0: all time."""

    @property
    def seconds(self) -> int: ...
    @property
    def unit(self) -> str: ...
    @property
    def limit(self) -> float: ...
    @property
    def used(self) -> float: ...


class Standing(Protocol):
    """How a backend stands now. `state` is "up" unless it rests, or is tried again after a rest."""

    @property
    def backend(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def windows(self) -> Sequence[WindowUse]: ...


Look = Callable[[], Awaitable[Iterable[Standing]]]
Page = Callable[[str], Awaitable[tuple[str, bytes]]]  # what a scraper accepts -> the content type, and the text


class Metrics(Protocol):
    """A listener that counts, and shows what it has counted."""

    def __call__(self, fact: Fact) -> None:
        """Count a fact."""

    def know(self, models: Iterable[str], clients: Iterable[str]) -> None:
        """These names are the owner's: they are counted by themselves, however many there are."""

    def page(self, look: Look) -> Page:
        """Answers scrapers. `look` says how the backends stand at that moment."""
