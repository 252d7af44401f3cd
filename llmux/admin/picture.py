"""Reports of workers -> one picture for the page, and from one picture to the next what has changed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from llmux.admin.board import Report
from llmux.admin.feed import MOST_NEWS, MOST_ROWS, Tally
from llmux.admin.series import COARSE, FINE, Span, merged, told

Picture = Mapping[str, Any]


def picture(reports: Sequence[Report], standings: Sequence[Mapping[str, Any]], now: float) -> Picture:
    """Everything that the page shows, by section and key. Times are Unix seconds."""
    return {
        "now": round(now, 1),
        "workers": len(reports),
        "backends": _backends(reports, standings),
        "requests": _requests(reports),
        "minutes": _series([report.minutes for report in reports], FINE, now),
        "quarters": _series([report.quarters for report in reports], COARSE, now),
        "clients": _clients(reports),
        "news": _news(reports),
    }


def patch(before: Picture, after: Picture) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396): what makes `after` of `before`. None stands for what is gone, and for null."""
    gone = dict.fromkeys(before.keys() - after.keys())
    changed = {key: value for key, value in after.items() if key not in before or before[key] != value}
    return gone | {key: _patched(before.get(key), value) for key, value in changed.items()}


def _patched(before: Any, after: Any) -> Any:
    return patch(before, after) if isinstance(before, dict) and isinstance(after, dict) else after


def _backends(reports: Sequence[Report], standings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Rests and windows are everybody's: the store has them. Only what is in flight is each worker's own."""
    told: dict[str, Any] = {}
    for place, standing in enumerate(standings):
        name = standing["backend"]
        in_flight = sum(report.in_flight.get(name, 0) for report in reports)
        told[name] = {**standing, "place": place, "in_flight": in_flight}
    return told


def _requests(reports: Sequence[Report]) -> dict[str, Any]:
    rows = [(row, report.worker) for report in reports for row in report.requests]
    rows.sort(key=lambda one: one[0].at)
    return {row.id: msgspec.to_builtins(row) | {"worker": worker} for row, worker in rows[-MOST_ROWS:]}


def _series(series: Sequence[Mapping[int, Any]], span: Span, now: float) -> dict[str, Any]:
    return {str(start): told(bucket) for start, bucket in merged(series, span, now).items()}


def _clients(reports: Sequence[Report]) -> dict[str, Any]:
    totals: dict[str, Tally] = {}
    for report in reports:
        for name, tally in report.clients.items():
            before = totals.get(name, Tally())
            totals[name] = Tally(*(getattr(before, field) + getattr(tally, field) for field in Tally.__struct_fields__))
    return {name: msgspec.to_builtins(tally) | {"usd": round(tally.usd, 6)} for name, tally in totals.items()}


def _news(reports: Sequence[Report]) -> dict[str, Any]:
    lines = [(line, f"{report.worker}.{line.id}") for report in reports for line in report.news]
    lines.sort(key=lambda one: one[0].at)
    return {key: msgspec.to_builtins(line) for line, key in lines[-MOST_NEWS:]}
