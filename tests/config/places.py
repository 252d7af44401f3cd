"""A place to load from: a working directory, a home, an environment, and nobody who answers on this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmux.config.load import Loaded, load


class Place:
    def __init__(self, root: Path) -> None:
        self.cwd, self.home = root / "project", root / "home"
        self.cwd.mkdir()
        self.home.mkdir()
        self.servers: dict[str, Sequence[str]] = {}

    def write(self, text: str, name: str = "config.toml") -> Path:
        path = self.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def write_user(self, text: str) -> Path:
        path = self.home / ".config/llmux/config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def load(
        self,
        text: str | None = None,
        *,
        path: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Loaded:
        if text is not None:
            self.write(text)
        return load(path, overrides=overrides, env=env or {}, cwd=self.cwd, home=self.home, look=self.servers.get)
