"""The log: a listener that writes a line a fact. Text for a person's terminal, JSON for everything else.

It holds no key, because facts hold none, and a prompt only where the owner says log_bodies = true. Lines are gathered
and written together.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from llmux.clock import Clock
from llmux.config.schema import Config
from llmux.telemetry import (
    Administered,
    AnswerRepaired,
    AttemptFailed,
    BodySeen,
    CacheUsed,
    ConfigReloaded,
    CooldownEnded,
    CooldownStarted,
    Fact,
    FieldLearnt,
    Hedged,
    Notice,
    Planned,
    RequestFinished,
    RequestStarted,
    Spent,
    StoreFault,
)

_encode = msgspec.json.Encoder().encode
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
# How long a line may wait for others before it is written, in seconds.
GATHER_S = 0.1
SERVER_FAULT = 500


def _of_request(fact: RequestFinished) -> str:
    if fact.status >= SERVER_FAULT:
        return "WARNING"
    return "INFO" if fact.dialect else "DEBUG"  # a health check is not news


LEVEL_OF: Mapping[type[Fact], Callable[[Any], str]] = {
    RequestFinished: _of_request,
    Planned: lambda _: "DEBUG",
    BodySeen: lambda _: "INFO",
    AttemptFailed: lambda _: "INFO",
    Hedged: lambda _: "INFO",
    CooldownStarted: lambda _: "WARNING",
    CooldownEnded: lambda _: "INFO",
    Administered: lambda _: "WARNING",
    Spent: lambda _: "DEBUG",
    FieldLearnt: lambda _: "INFO",
    AnswerRepaired: lambda _: "INFO",
    ConfigReloaded: lambda fact: "ERROR" if fact.error else "INFO",
    StoreFault: lambda _: "WARNING",
    Notice: lambda fact: fact.level.upper(),
}


def _request_text(fact: RequestFinished) -> str:
    words = [str(fact.status), fact.dialect or fact.path]
    if fact.model:
        words.append(f"{fact.model} -> {fact.backend or '-'}")
    if fact.attempts > 1:
        words.append(f"attempts {fact.attempts}")
    if fact.usage is not None:
        words.append(f"tokens {fact.usage.total_input_tokens}>{fact.usage.output_tokens}")
    if fact.first_event_s is not None:
        words.append(f"first {fact.first_event_s:.3f} s")
    words.append(f"{fact.duration_s:.3f} s")
    if fact.client:
        words.append(fact.client)
    if fact.error:
        words.append(fact.error)
    return "  ".join((*words, fact.request_id))


def _price(usd: float | None) -> str:
    return "an unknown price" if usd is None else f"${usd:.6f}"


def _plan_text(fact: Planned) -> str:
    refused = (f"not {name}: {reason}" for name, reason in fact.refused.items())
    order = [f"{fact.policy}: {fact.order}"] if fact.policy != "first" else []
    return "; ".join([" then ".join(fact.plan) or "nobody", *order, *refused])


TEXT_OF: Mapping[type[Fact], Callable[[Any], str]] = {
    RequestFinished: _request_text,
    Planned: lambda f: f"{f.model}: {_plan_text(f)}  {f.request_id}",
    BodySeen: lambda f: f"{f.whose}: {f.text}  {f.request_id}",
    AttemptFailed: lambda f: f"{f.backend} failed after {f.after_s:.3f} s: {f.error}: {f.message}  {f.request_id}",
    Hedged: lambda f: f"{f.first} was slow, {f.second} asked too: {f.won} after {f.after_s:.3f} s  {f.request_id}",
    CooldownStarted: lambda f: f"{f.backend} rests for {f.seconds:.0f} s: {f.cause}",
    CooldownEnded: lambda f: f"{f.backend} answers again",
    Administered: lambda f: f"admin: {f.action} {f.target}  {f.remote}",
    Spent: lambda f: f"{f.backend}: {_price(f.usd)} for {f.client or '-'}  {f.request_id}",
    CacheUsed: lambda f: f"cache: {f.outcome}  {f.request_id}",
    FieldLearnt: lambda f: f"{f.backend} does not take {f.field!r}: it is left out from now on",
    AnswerRepaired: lambda f: f"{f.backend}: {' '.join(f.repairs)}  {f.request_id}",
    ConfigReloaded: lambda f: (
        f"{f.path}: not reloaded, the old one stays: {f.error}" if f.error else f"{f.path}: reloaded"
    ),
    StoreFault: lambda f: f"the store is away, limits are kept by this process alone: {f.message}",
    Notice: lambda f: f.message,
}


class Log:
    """Hears facts and writes lines."""

    def __init__(self, write: Callable[[str], object], clock: Clock, *, level: str, as_json: bool) -> None:
        self._write = write
        self._clock = clock
        self._least = LEVELS.index(level)
        self._line = self._json if as_json else self._text
        self._lines: list[str] = []

    def __call__(self, fact: Fact) -> None:
        """Note a fact."""
        if type(fact) is RequestStarted:
            return  # its end says all of it
        level = LEVEL_OF.get(type(fact), lambda _: "DEBUG")(fact)
        if LEVELS.index(level) < self._least:
            return
        self._lines.append(self._line(level, fact))
        if len(self._lines) == 1:
            self._clock.timer(GATHER_S, self.flush)

    def flush(self) -> None:
        """Write what has been gathered."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._write("".join(lines))

    def _json(self, level: str, fact: Fact) -> str:
        # A fact's own JSON, opened once more at its front: half the cost of a dictionary between the two.
        head = f'{{"time":{self._clock.now():.3f},"severity":"{level}","event":"{type(fact).__name__}",'
        return head + _encode(fact)[1:].decode() + "\n"

    def _text(self, level: str, fact: Fact) -> str:
        moment = datetime.fromtimestamp(self._clock.now(), UTC).astimezone().strftime("%H:%M:%S")
        make = TEXT_OF.get(type(fact), repr)
        told = "\n  ".join(map(_shown, make(fact).rstrip().split("\n")))
        return f"{moment} {level:<7} {told}\n"


def _shown(line: str) -> str:
    """`line` without what moves a terminal's cursor: a client chooses its model's name."""
    return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def open_log(config: Config, clock: Clock) -> Log:
    """The log as the owner wants it: on standard error, text for a terminal, JSON lines otherwise."""
    as_json = config.log_format == "json" or (config.log_format == "auto" and not sys.stderr.isatty())

    def write(lines: str) -> None:
        with contextlib.suppress(OSError):  # a full disk or a closed pipe must not end an answer
            sys.stderr.write(lines)
            sys.stderr.flush()

    return Log(write, clock, level=config.log_level, as_json=as_json)
