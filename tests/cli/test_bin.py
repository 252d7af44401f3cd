"""bin/llmux and bin/cert as a person on a fresh machine finds them. A stand-in for uv keeps the network out."""

import os
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.running import ROOT

# Makes an environment that sees this one's packages, and takes note of what it was asked to install.
UV = f"""#!/bin/sh
case $1 in
  venv)
    for folder; do :; done
    [ ! -e "$FAKE/interrupted" ] || {{ : >"$folder/half"; kill -9 $PPID; }}
    {sys.executable} -m venv --without-pip --system-site-packages "$folder"
    echo {" ".join(path for path in sys.path if "site-packages" in path)} \
      >"$(echo "$folder"/lib/python*/site-packages)/these.pth" ;;
  pip)
    [ ! -e "$FAKE/offline" ] || {{ echo "no route to the index"; exit 2; }}
    [ ! -e "$FAKE/slow" ] || sleep 1
    echo install >>"$FAKE/log" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone, in a folder whose name has a space, beside a folder with the stand-in."""
    root = tmp_path / "a clone"
    shutil.copytree(ROOT / "llmux", root / "llmux", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "bin", root / "bin")
    shutil.copy(ROOT / "pyproject.toml", root)
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "uv").write_text(UV)
    (fake / "uv").chmod(0o755)
    monkeypatch.setenv("FAKE", str(fake))
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    monkeypatch.delenv("LLMUX_VENV", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return root


def start(checkout: Path, *args: str, by: Path | None = None, cwd: Path | None = None):
    return subprocess.run(
        [by or checkout / "bin/llmux", *(args or ("--version",))],
        cwd=cwd or checkout.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def installs(checkout: Path) -> int:
    log = checkout.parent / "fake/log"
    return log.read_text().count("install") if log.exists() else 0


def test_the_first_start_makes_the_environment_and_the_second_is_quiet(checkout: Path) -> None:
    first, second = start(checkout), start(checkout)
    assert first.stdout.startswith("llmux 0.")
    assert "making its environment" in first.stderr
    assert (second.stdout, second.stderr) == (first.stdout, "")
    assert installs(checkout) == 1


def test_through_a_symlink_from_anywhere(checkout: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    (tmp_path / "hop").symlink_to("a clone/bin/llmux")
    link.symlink_to(tmp_path / "hop")
    assert start(checkout, by=link, cwd=Path("/")).returncode == 0


def test_a_folder_named_llmux_where_one_stands_is_not_it(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "llmux").mkdir()
    (tmp_path / "llmux/__main__.py").write_text("raise SystemExit(9)")
    assert start(checkout, cwd=tmp_path).returncode == 0


def test_arguments_arrive_as_they_are(checkout: Path) -> None:
    told = start(checkout, "check", "--config", "a file that is * not there")
    assert told.returncode == 2
    assert "a file that is * not there" in told.stderr


def test_what_the_project_needs_has_changed(checkout: Path) -> None:
    start(checkout)
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("# more\n")
    assert "bringing its environment up to date" in start(checkout).stderr
    assert installs(checkout) == 2


def test_a_moved_checkout_runs_its_own_code(checkout: Path) -> None:
    start(checkout)
    moved = checkout.rename(checkout.with_name("moved"))
    (moved / "llmux/__init__.py").write_text('__version__ = "9.9.9"\n')
    assert start(moved).stdout == "llmux 9.9.9\n"


def test_offline_it_says_so_and_tries_again(checkout: Path) -> None:
    (checkout.parent / "fake/offline").touch()
    told = start(checkout)
    assert told.returncode == 1
    assert "no route to the index" in told.stderr
    assert "Is this machine online?" in told.stderr
    (checkout.parent / "fake/offline").unlink()
    assert start(checkout).returncode == 0


def test_a_half_made_environment_is_not_taken_for_whole(checkout: Path) -> None:
    (checkout.parent / "fake/interrupted").touch()
    assert start(checkout).returncode == -signal.SIGKILL
    assert (checkout / ".venv/half").exists()
    (checkout.parent / "fake/interrupted").unlink()
    assert start(checkout).returncode == 0
    assert not (checkout / ".venv/half").exists()


def test_two_starts_at_once_make_one_environment(checkout: Path) -> None:
    (checkout.parent / "fake/slow").touch()
    both = [
        subprocess.Popen([checkout / "bin/llmux", "--version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert installs(checkout) == 1
    assert sum(b"waiting for it" in stderr for _, stderr in said) == 1


def test_a_folder_of_somebody_elses_is_left_alone(checkout: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years")
    monkeypatch.setenv("LLMUX_VENV", str(tmp_path / "mine"))
    told = start(checkout)
    assert told.returncode == 1
    assert "not of llmux's making" in told.stderr
    assert (tmp_path / "mine/thesis.txt").read_text() == "years"


def test_without_a_python_it_says_what_to_install(checkout: Path, tmp_path: Path, monkeypatch) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "cksum", "date", "mkdir"):
        (tools / name).symlink_to(shutil.which(name) or name)
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    told = start(checkout)
    assert told.returncode == 1
    assert told.stderr.startswith("llmux: needs Python 3.11 or newer")
    assert "apt install python3" in told.stderr


def test_the_script_costs_next_to_nothing(checkout: Path) -> None:
    start(checkout)
    for python in (checkout / ".venv/bin/python", checkout / ".venv/bin/python3"):
        python.unlink(missing_ok=True)
    (checkout / ".venv/bin/python").symlink_to(shutil.which("true") or "/bin/true")
    began = time.perf_counter()
    assert start(checkout).returncode == 0
    assert time.perf_counter() - began < 0.25  # it takes 5 ms; a busy machine may take longer


# --- bin/cert ----------------------------------------------------------------------------------------------------

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """The folder that a copy of bin/cert writes to."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "certs").mkdir()
    shutil.copy(ROOT / "bin/cert", tmp_path / "bin")
    return tmp_path / "certs"


def cert(certs: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [certs.parent / "bin/cert", *args]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


@needs_openssl
def test_a_pair_that_servers_and_clients_take(certs: Path) -> None:
    told = cert(certs, "--host", "gateway.lan", "--host", "192.168.1.7", "--days", "30")
    assert told.returncode == 0
    assert f'ssl_key_file = "{certs}/key.pem"' in told.stdout
    assert f'ssl_cert_file = "{certs}/cert.pem"' in told.stdout
    assert stat.S_IMODE((certs / "key.pem").stat().st_mode) == 0o600
    assert sorted(path.name for path in certs.iterdir()) == ["cert.pem", "key.pem"]
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certs / "cert.pem", certs / "key.pem")
    text = subprocess.run(
        ["openssl", "x509", "-in", certs / "cert.pem", "-noout", "-ext", "subjectAltName"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(name in text for name in ("DNS:localhost", "127.0.0.1", "DNS:gateway.lan", "IP Address:192.168.1.7"))


@needs_openssl
def test_a_pair_is_not_replaced_unasked(certs: Path) -> None:
    cert(certs)
    before = (certs / "cert.pem").read_bytes()
    told = cert(certs)
    assert told.returncode == 1
    assert "--force" in told.stderr
    assert (certs / "cert.pem").read_bytes() == before
    assert cert(certs, "--force").returncode == 0
    assert (certs / "cert.pem").read_bytes() != before


@pytest.mark.parametrize(
    "args", [["--host"], ["--host", "a\nb"], ["--host", "x,IP:1.2.3.4"], ["--days", "x"], ["--days"], ["--frob"]]
)
def test_wrong_use(certs: Path, args: list[str]) -> None:
    told = cert(certs, *args)
    assert told.returncode == 2
    assert told.stderr.startswith("bin/cert: ")
    assert list(certs.iterdir()) == []


def test_help_teaches(certs: Path) -> None:
    assert "--host NAME" in cert(certs, "--help").stdout
