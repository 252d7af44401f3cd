"""What one provider lists, looked up as a client may spell it. Pure; who asks the provider is `gateway/registry.py`."""

from collections.abc import Iterable, Mapping

from llmux.ir.card import ModelCard
from llmux.ir.naming import key, plain, undated
from llmux.ir.value import Value

# Ways to have a model served that a list does not repeat for each of them:
# https://openrouter.ai/docs/guides/routing/model-variants
VARIANTS = frozenset({"exacto", "extended", "floor", "free", "nitro", "online", "thinking"})

Lists = Mapping[str, tuple[ModelCard, ...]]  # provider -> what it lists; who has not been heard is not in it
NOTHING: Lists = {}


class Listed(Value):
    """The models of one provider. A list that is not `whole` says what there is, not what there is not."""

    cards: tuple[ModelCard, ...]
    by_key: Mapping[str, ModelCard]
    by_line: Mapping[str, ModelCard]  # without the date of a build
    whole: bool = True

    def find(self, name: str) -> ModelCard | None:
        """The card of this name: in any spelling, of any build where none is named, in any variant."""
        wanted = key(name)
        found = self.by_key.get(wanted) or self.by_line.get(undated(name))
        if found is not None:
            return found
        base, _, variant = wanted.rpartition(":")
        return self.by_key.get(base) if variant in VARIANTS else None


def listed(cards: Iterable[ModelCard], *, whole: bool = True) -> Listed:
    """`cards`, made ready to be looked up. The first of a name counts."""
    cards = tuple(cards)
    by_key = {key(card.id): card for card in reversed(cards)}
    by_line = {undated(card.id): card for card in reversed(cards)}
    return Listed(cards, by_key, by_line, whole)


def sent(card: ModelCard, asked: str) -> str:
    """What the provider is asked for: the name that it lists where only the spelling differs, else the client's."""
    return card.id if key(card.id) == key(asked) else plain(asked)
