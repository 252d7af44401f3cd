"""Roles that hold, however their backends answer together. Those that do not are in test_bad_files.py."""

import pytest

from tests.config.places import Place

BACKENDS = """
[[backend]]
model = "demo:echo"
[[backend]]
model = "demo:think"
name = "deep"
weight = 0
[[backend]]
model = "demo_claude:*"
[role.quick]
backends = ["demo:echo", "deep"]
execution = "hedge"
hedge_after = 0.3
[role.r]
backends = ["demo:echo", "deep", "demo:think"]
"""

ALL = 'execution = "parallel"\njoin = "all"\n'
HOLD = {
    "weighted": 'execution = "weighted"',
    "weighted, and said twice": 'execution = "weighted"\npolicy = "weighted_round_robin"',
    "weighted by other weights": 'execution = "weighted"\nweights = { "demo:echo" = 0, deep = 3 }',
    "in its own order": 'policy = "latency"',
    "the first, in some order": 'execution = "first"\npolicy = "sticky"',
    "in parallel": 'execution = "parallel"',
    "all of them": 'execution = "parallel"\njoin = "all"',
    "all of them, beside a role of this name": f'{ALL}[role.all]\nbackends = ["deep"]\nexecution = "parallel"',
    "joined by a backend": 'execution = "parallel"\njoin = "deep"',
    "joined by a role": 'execution = "parallel"\njoin = "quick"',
    "joined by any model of a provider": 'execution = "parallel"\njoin = "demo_claude:claude-opus-4-6"',
}


@pytest.mark.parametrize("role", HOLD.values(), ids=HOLD)
def test_a_role_that_holds(place: Place, role: str) -> None:
    place.load(BACKENDS + role)
