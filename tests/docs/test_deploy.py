"""What is shipped to run dangol on machines: the files are well formed, and keep what operators rely on."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from ruamel.yaml import YAML

from dangol.settings import Settings
from tests.commands import app
from tests.docs.pages import ROOT, read

COMMANDS: Any = typer.main.get_command(app)
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
MANIFESTS = sorted(DEPLOY.glob("kubernetes/*.yaml"))
PATIENCE = Settings.model_fields["stop_within"].default.total_seconds()
Object = dict[str, Any]


def documents(path: Path) -> list[Object]:
    return [one for one in YAML(typ="safe", pure=True).load_all(path.read_text(encoding="utf-8")) if one]


def manifests(kind: str) -> Iterator[Object]:
    for path in MANIFESTS:
        yield from (one for one in documents(path) if one.get("kind") == kind)


def compose() -> Object:
    (found,) = documents(ROOT / "compose.yaml")
    return found


def unit(path: Path) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(path.read_text(encoding="utf-8"))
    return parsed


def mistakes(words: list[str]) -> str:
    """What is wrong with the words after ``dangol``; empty if nothing is."""
    command = COMMANDS.commands.get(words[0])
    if command is None:
        return f"no command {words[0]}"
    known = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in words if word.startswith("--") and word not in known]
    return f"no option {unknown} of {words[0]}" if unknown else ""


def every_file() -> list[Path]:
    return [ROOT / "Dockerfile", ROOT / "compose.yaml", *(path for path in DEPLOY.rglob("*") if path.is_file())]


@pytest.mark.parametrize("path", every_file(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_names_a_setting_that_does_not_exist(path: Path) -> None:
    named = set(re.findall(r"\bDANGOL_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    assert named <= {f"DANGOL_{setting.upper()}" for setting in Settings.model_fields}


def test_no_file_holds_a_secret() -> None:
    for line in read("deploy/dangol.env.example").splitlines():
        name, _, value = line.partition("=")
        assert not (re.search(r"KEY|SECRET|TOKEN|PASSWORD", name) and value), line
    assert not [path for path in MANIFESTS if re.search(r"^kind: Secret", path.read_text(), re.MULTILINE)]


# The image.


def test_the_image_installs_what_is_locked_and_nothing_else() -> None:
    text = re.sub(r"\\\n\s*", "", read("Dockerfile"))
    installs = re.findall(r"pip install (.*?)(?: &&|$)", text, re.MULTILINE)
    assert installs == ["--require-hashes -r requirements/runtime.txt", "--no-deps --no-build-isolation ."]


def test_the_locked_requirements_hold_what_builds_the_package() -> None:
    assert re.search(r"^hatchling==", read("requirements/runtime.txt"), re.MULTILINE)


def test_the_image_runs_as_a_user_without_rights_and_tells_whether_it_is_ready() -> None:
    lines = read("Dockerfile").splitlines()
    assert "USER 10001:10001" in lines
    assert lines.index("USER 10001:10001") > max(n for n, line in enumerate(lines) if line.startswith("FROM"))
    assert "/readyz" in read("Dockerfile")
    words = re.findall(r'"([^"]+)"', next(line for line in lines if line.startswith("CMD [")))
    assert mistakes(words) == ""


def test_what_the_image_copies_is_not_ignored() -> None:
    kept = {line[1:].rstrip("/") for line in read(".dockerignore").splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", read("Dockerfile"), re.MULTILINE)
    for source in " ".join(copied).split():
        assert source in kept
        assert (ROOT / source).exists()


# Compose.


def test_compose_runs_every_process_on_what_it_needs() -> None:
    services = compose()["services"]
    assert set(services) == {"web", "worker", "scheduler", "migrate", "postgres", "redis"}
    for name in ("web", "worker", "scheduler"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    for name in ("web", "worker", "scheduler", "migrate"):
        assert mistakes(services[name]["command"]) == ""


def test_compose_opens_ports_to_this_machine_only() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_compose_tells_redis_to_keep_what_it_holds() -> None:
    words = " ".join(compose()["services"]["redis"]["command"])
    assert "--maxmemory-policy noeviction" in words
    assert "--appendonly yes" in words


def test_compose_knows_when_each_service_is_well() -> None:
    services = compose()["services"]
    assert [
        name for name in services if name not in {"web", "migrate"} and "test" not in services[name]["healthcheck"]
    ] == []


def test_compose_waits_longer_than_a_process_takes_to_stop() -> None:
    assert float(compose()["services"]["worker"]["stop_grace_period"].removesuffix("s")) > PATIENCE


# systemd.


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_runs_a_command_that_exists_without_rights(path: Path) -> None:
    service = unit(path)["Service"]
    program, *words = service["ExecStart"].split()
    assert program.endswith("/dangol")
    assert mistakes(words) == ""
    assert service["User"] == "dangol"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize("path", [one for one in UNITS if "migrate" not in one.stem], ids=lambda path: path.stem)
def test_a_process_that_ends_is_started_again_and_gets_time_to_stop(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["Restart"] == "always"
    assert float(service["TimeoutStopSec"]) > PATIENCE
    assert unit(path)["Unit"]["StartLimitIntervalSec"] == "0"


def test_processes_of_one_machine_have_figures_of_their_own() -> None:
    found = re.findall(r"DANGOL_METRICS_ADDRESS=(\S+)", "\n".join(path.read_text() for path in UNITS))
    assert len(found) == len(set(found)) == 3
    assert all(address.startswith("127.0.0.1:") for address in found)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_units() -> None:
    asked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, UNITS)], capture_output=True, text=True, check=False
    )
    ours = [line for line in asked.stderr.splitlines() if line.startswith(("dangol-", str(DEPLOY)))]
    assert [line for line in ours if "is not executable" not in line] == []


# Kubernetes.


def pods() -> Iterator[tuple[str, Object]]:
    for kind in ("Deployment", "Job"):
        for one in manifests(kind):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def test_there_is_a_deployment_for_each_process_and_a_job_for_migrations() -> None:
    assert {name for name, _ in pods()} == {"dangol-web", "dangol-worker", "dangol-scheduler", "dangol-migrate"}


@pytest.mark.parametrize(("name", "pod"), list(pods()), ids=lambda one: one if isinstance(one, str) else "")
def test_a_pod_has_no_rights_and_runs_a_command_that_exists(name: str, pod: Object) -> None:
    (container,) = pod["containers"]
    assert mistakes([str(word) for word in container["args"]]) == ""
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]


def test_a_pod_gets_longer_to_stop_than_its_process_takes() -> None:
    for deployment in manifests("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] >= PATIENCE + 5 + 5


def test_every_deployment_is_probed_and_may_lose_one_pod_at_a_time() -> None:
    budgets = {one["spec"]["selector"]["matchLabels"]["part"]: one["spec"] for one in manifests("PodDisruptionBudget")}
    for deployment in manifests("Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        ports = {port["name"] for port in container["ports"]}
        for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
            assert container[probe]["httpGet"]["path"] == path
            assert container[probe]["httpGet"]["port"] in ports
        assert budgets[container["name"]]["maxUnavailable"] == 1


def test_selectors_find_the_pods_that_they_mean() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in manifests("Deployment")]
    wanted = [one["spec"]["selector"] for one in manifests("Service")]
    wanted += [one["spec"]["selector"]["matchLabels"] for one in manifests("PodDisruptionBudget")]
    wanted += [one["spec"]["podSelector"]["matchLabels"] for one in manifests("NetworkPolicy")]
    assert [selector for selector in wanted if not any(selector.items() <= has.items() for has in labels)] == []


def test_web_pods_leave_the_service_before_they_stop() -> None:
    web = next(one for one in manifests("Deployment") if one["metadata"]["name"] == "dangol-web")
    assert web["spec"]["template"]["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][0] == "sleep"


def test_the_kustomization_names_every_manifest() -> None:
    (kustomization,) = documents(DEPLOY / "kubernetes/kustomization.yaml")
    assert set(kustomization["resources"]) == {path.name for path in MANIFESTS} - {"kustomization.yaml"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_understands_the_kustomization() -> None:
    folder = str(DEPLOY / "kubernetes")
    made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "image: registry.example.com/dangol:" in made.stdout
