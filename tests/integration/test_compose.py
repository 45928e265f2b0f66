"""docker-compose.yml: valid by the schema of its specification, and at one with itself, Dockerfile and settings."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator

from service.config import load

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "tests/data/compose-spec.json"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def read() -> dict[str, Any]:
    """The file as compose reads it where no variable is set."""
    text = VARIABLE.sub(lambda found: found[2], (ROOT / "docker-compose.yml").read_text())
    assert "${" not in text, "each variable needs a default"
    compose: dict[str, Any] = yaml.safe_load(text)
    return compose


COMPOSE = read()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def problems(compose: dict[str, Any]) -> list[str]:
    schema = json.loads(SCHEMA.read_text())
    return [f"{error.json_path}: {error.message}" for error in Draft201909Validator(schema).iter_errors(compose)]


def test_it_is_valid_by_the_specification() -> None:
    assert problems(COMPOSE) == []


def test_the_schema_refuses_what_is_wrong() -> None:
    wrong = read()
    wrong["services"]["server"]["depend_on"] = {}
    wrong["services"]["postgres"]["healthcheck"]["retries"] = "many"
    assert len(problems(wrong)) == 2


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_can_come_about(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        condition = how["condition"]
        if condition == "service_healthy":
            assert "healthcheck" in SERVICES[other] or other == "server", "only the server's image brings its own check"
        else:
            assert condition == "service_completed_successfully"
            assert SERVICES[other].get("restart", "no") == "no", "what restarts for ever never completes"


def test_the_order_of_the_start() -> None:
    assert set(SERVICES["migrate"]["depends_on"]) == {"postgres"}
    assert SERVICES["server"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_every_volume_is_declared_and_used() -> None:
    mounted = {volume.partition(":")[0] for one in SERVICES.values() for volume in one.get("volumes", ())}
    assert mounted == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", ["migrate", "server"])
def test_the_environment_is_made_of_settings(name: str) -> None:
    environ = SERVICES[name]["environment"]
    assert all(key.startswith("BASIN_") for key in environ)
    settings = load({}, environ, None).settings
    assert not settings.on_sqlite
    assert not settings.migrates, "the migrate service does that, once"


def test_the_server_trusts_its_network_only_as_it_is_published_on_loopback() -> None:
    settings = load({}, SERVICES["server"]["environment"], None).settings
    assert not settings.loopback_only
    assert settings.trust_network
    assert SERVICES["server"]["ports"] == ["127.0.0.1:8420:8420"]
    assert {name for name, one in SERVICES.items() if "ports" in one} == {"server"}


def test_workers_find_the_server_by_a_name_that_it_answers_to() -> None:
    allowed = load({}, SERVICES["server"]["environment"], None).settings.allowed_hosts
    for name in ("worker", "worker-gpu"):
        command = SERVICES[name]["command"]
        assert command[command.index("--server") + 1] == f"http://{allowed[0]}:8420"
        assert SERVICES[name]["profiles"], "workers start only where they are asked for"


def test_every_image_is_built_from_a_stage_that_exists() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    targets = {one["build"]["target"] for one in SERVICES.values() if "build" in one}
    assert targets == {"server", "worker-cpu", "worker-gpu"}
    assert targets <= stages


def test_the_database_keeps_its_password_to_itself() -> None:
    """Whoever sets POSTGRES_PASSWORD sets it for both sides, and no other password stands in the file."""
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"basin:([^@\s]+)@", text)) == {"${POSTGRES_PASSWORD:-basin}"}
    assert re.search(r"POSTGRES_PASSWORD: \$\{POSTGRES_PASSWORD:-basin\}", text)


def test_the_gpu_worker_reserves_gpus() -> None:
    (device,) = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]
