"""What workers share, and who hears: made where it is wanted, and nothing loaded where it is not."""

import subprocess
import sys
from pathlib import Path

from llmux.config.schema import Config, Metrics
from llmux.metrics.prometheus import Prometheus
from llmux.metrics.workers import FOLDER, STARTED
from llmux.observers import counted_together, observers
from tests.cli.running import ROOT
from tests.fakes import FakeClock

OFF = Config(metrics=Metrics(enabled=False))
LIBRARIES = {"prometheus_client", "opentelemetry"}


def test_workers_share_a_folder_that_goes_with_the_gateway(clock: FakeClock) -> None:
    with counted_together(Config(), clock) as shared:
        assert shared is not None
        folder = Path(shared.environment[FOLDER])
        assert float(shared.environment[STARTED]) == clock.now()
        for name in ("gauge_livesum_7.db", "gauge_livesum_8.db", "counter_7.db"):
            (folder / name).touch()
        shared.bury(7)
        assert {path.name for path in folder.iterdir()} == {"gauge_livesum_8.db", "counter_7.db"}
    assert not folder.exists()


def test_a_worker_is_as_old_as_its_gateway(clock: FakeClock) -> None:
    metrics = Prometheus({STARTED: str(clock.now() - 60)}, clock, "")
    assert metrics._since == clock.now() - 60


def test_where_nothing_is_counted_nobody_hears(clock: FakeClock) -> None:
    with counted_together(OFF, clock) as shared, observers(OFF, {}, clock, lambda _: None) as heard:
        assert shared is None
        assert heard.listeners == ()
        assert heard.metrics is None


def test_who_counts_hears(clock: FakeClock) -> None:
    with observers(Config(), {}, clock, lambda _: None) as heard:
        assert heard.listeners == (heard.metrics,)


def test_no_library_is_loaded_before_it_is_wanted() -> None:
    told = "import sys, llmux.serve, llmux.cli.main; print({name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "aiohttp" in done.stdout
    assert not [name for name in LIBRARIES if f"'{name}'" in done.stdout]
