"""Every recorded answer that llmux tells is heard by the vendors' TypeScript SDKs as by their Python ones."""

import pytest

from llmux.dialects.registry import TABLE
from tests import corpus
from tests.amount import sampled
from tests.judges import typescript
from tests.judges.heard import JSON
from tests.laws.known import MISHEARD
from tests.laws.pairs import Telling, sources, tellings, through_llmux, told

pytestmark = [corpus.needed, *typescript.needed]


def spoken(telling: Telling) -> typescript.Spoken:
    kind = TABLE[telling.client].content_type if telling.way == "stream" else JSON
    return typescript.Spoken(telling.client, telling.way, kind, told(telling))


@pytest.mark.parametrize("client", TABLE)
def test_both_sdks_hear_the_same(client: str) -> None:
    some = sampled(sources(), 5)
    everything = [telling for source in some for telling in tellings(source) if telling.client == client]
    heard = typescript.hear(map(spoken, everything))
    different = {
        "-".join([*telling.source, telling.way]): said
        for telling, said in zip(everything, heard, strict=True)
        if said != (other := through_llmux(telling)) and not isinstance(other, str)
    }
    assert different.keys() == set(MISHEARD.get(client, {})), different
