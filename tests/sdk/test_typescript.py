"""The vendors' TypeScript SDKs as clients. The tests are in the .mjs files; each runs once for each kind of backend."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sdk.house import PROVIDERS, SDKS, Gateway

HERE = Path(__file__).parent
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (HERE / "node_modules").is_dir(), reason="the SDKs are not installed: npm ci --prefix tests/sdk"
    ),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("sdk", SDKS)
def test_typescript(gateway: Gateway, sdk: str, provider: str) -> None:
    run(gateway, sdk, provider)


def test_roles_whose_backends_are_all_asked(gateway: Gateway) -> None:
    run(gateway, "parallel")


def run(gateway: Gateway, script: str, provider: str = "") -> None:
    told = {
        "LLMUX_URL": gateway.url,
        "LLMUX_TOKEN": gateway.token,
        "LLMUX_NARROW_TOKEN": gateway.narrow_token,
        "LLMUX_PROVIDER": provider,
    }
    keep = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    command = [str(NODE), "--test-reporter=tap", str(HERE / f"{script}.mjs")]
    ran = subprocess.run(command, env={**keep, **told}, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert "\n# fail 0\n" in ran.stdout
    assert "\n# pass 0\n" not in ran.stdout
