"""deploy/compose.yaml against the Compose specification's own schema and the program. No container is started."""

import json
import re
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
import yaml

from server import config
from tests import programs

pytestmark = pytest.mark.integration
DEPLOY: Final = Path(__file__).parents[2] / "deploy"
TEXT: Final = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(TEXT)
SERVICES: Final[dict[str, Any]] = COMPOSE["services"]


def filled(text: str) -> str:
    """As Compose fills it with an `.env`."""
    return re.sub(
        r"\$\{(\w+):\?[^}]*\}", lambda found: {"PUBLIC_NAME": "hjemvakt.example"}.get(found[1], "secret"), text
    )


def test_the_specification_takes_it() -> None:
    """Its schema as Debian's docker-compose carries it; `name` came to the specification after that."""
    schema = json.loads(programs.data("docker-compose", "compose_spec.json").read_text(encoding="utf-8"))
    of_today = {key: value for key, value in COMPOSE.items() if key != "name"}
    assert list(jsonschema_rs.validator_for(schema).iter_errors(of_today)) == []
    broken = {**of_today, "services": {"server": {**SERVICES["server"], "read_olny": True}}}
    assert list(jsonschema_rs.validator_for(schema).iter_errors(broken)) != []


def test_the_server_knows_every_setting_that_it_is_given() -> None:
    given = {name: filled(str(value)) for name, value in SERVICES["server"]["environment"].items()}
    read = config.read(given)
    assert read.database_url == "postgresql://hjemvakt:secret@database:5432/hjemvakt"
    assert read.gateway_mqtt_url == "mqtts://hjemvakt.example:8883"
    assert read.http_host == "127.0.0.1"  # nginx alone comes there


def test_what_it_says_of_a_cluster_is_understood() -> None:
    said = dict(re.findall(r"# (HJEMVAKT_\w+_URL): (\S+)", TEXT))
    assert set(said) == {"HJEMVAKT_MQTT_URL", "HJEMVAKT_NATS_URL"}
    read = config.read({name: filled(str(value)) for name, value in SERVICES["server"]["environment"].items()} | said)
    assert [str(url).count(",") for url in (read.mqtt_url, read.nats_url)] == [2, 2]


def test_nothing_starts_without_its_password_and_none_is_written_down() -> None:
    assert set(re.findall(r"\$\{(\w+)", TEXT)) == {"DATABASE_PASSWORD", "PUBLIC_NAME"}
    assert TEXT.count("${") == TEXT.count(":?write ")
    assert re.findall(r"postgresql://\w+:([^@]*)@", TEXT)[0].startswith("${")


def test_the_database_is_nobodys_but_the_servers() -> None:
    assert "ports" not in SERVICES["database"] and SERVICES["database"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_images_have_a_version_and_every_container_is_shut_in() -> None:
    for name, service in SERVICES.items():
        assert name == "server" or re.search(r":\d+\.\d+", service["image"]), name
        assert service["security_opt"] == ["no-new-privileges:true"] and service["restart"] == "unless-stopped"
    assert SERVICES["server"]["cap_drop"] == ["ALL"] and SERVICES["server"]["read_only"] is True


def test_every_file_that_it_mounts_or_builds_from_is_there() -> None:
    mounted = [volume.split(":")[0] for volume in SERVICES["front"]["volumes"]]
    assert [path for path in mounted if path != "./tls" and not (DEPLOY / path).exists()] == []
    assert (DEPLOY.parent / SERVICES["server"]["build"]["dockerfile"]).exists()
    recipe = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert "hjemvakt-server_*.deb" in recipe and '"/opt/hjemvakt/bin/hjemvakt"' in recipe
