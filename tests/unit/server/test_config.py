from pathlib import Path

import pytest

from server.config import Config, read
from server.errors import ConfigError


def test_without_any_setting_everything_is_embedded_and_on_loopback() -> None:
    config = read({"HOME": "/homes/someone"})
    assert config == Config(data=Path("/homes/someone/.local/share/hjemvakt"))
    assert config.http_host == "127.0.0.1"


def test_other_programs_variables_are_none_of_our_business() -> None:
    assert read({"HOME": "/h", "PATH": "/bin", "PGHOST": "elsewhere"}) == read({"HOME": "/h"})


def test_the_environment_wins_over_the_file() -> None:
    config = read({"HOME": "/h", "HJEMVAKT_HTTP_PORT": "9000"}, 'http_port = 8000\ndata = "/srv/hv"')
    assert (config.http_port, config.data) == (9000, Path("/srv/hv"))


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert read({"HOME": "/h", "HJEMVAKT_DATABASE_URL": ""}).database_url is None


CLUSTER = {"HJEMVAKT_MQTT_URL": "mqtts://a:8883,mqtts://b:8883"}


@pytest.mark.parametrize(
    ("environment", "file", "says"),
    [
        (
            {"HJEMVAKT_DATABSE_URL": "x"},
            None,
            "unknown setting HJEMVAKT_DATABSE_URL; did you mean HJEMVAKT_DATABASE_URL",
        ),
        ({}, "databse_url = 'x'", "unknown key 'databse_url'; did you mean 'database_url'"),
        ({}, "zzz = 1", "unknown key 'zzz'."),
        ({}, "http_port = '8080'", "http_port in the configuration file must be a whole number, not '8080'"),
        ({}, "http_port = true", "must be a whole number, not True"),
        ({}, "mqtt_url = 1883", "must be text in quotes, not 1883"),
        ({}, "http_port = ", "is not TOML"),
        ({"HJEMVAKT_HTTP_PORT": "eighty"}, None, "http_port must be a port from 1 to 65535, not 'eighty'"),
        ({"HJEMVAKT_HTTP_PORT": "65536"}, None, "http_port must be a port"),
        ({"HJEMVAKT_HTTP_PORT": "0"}, None, "http_port must be a port"),
        ({"HJEMVAKT_MQTT_URL": "localhost:1883"}, None, "mqtt_url must look like mqtt://host:1883"),
        ({"HJEMVAKT_DATABASE_URL": "mysql://x"}, None, "database_url must look like postgresql://"),
        ({"HJEMVAKT_API_DATABASE_URL": "postgresql://a@b/c"}, None, "set both, or neither"),
        ({"HJEMVAKT_MQTT_URL": "mqtt://broker:99999"}, None, "mqtt_url must look like mqtt://host:1883"),
        ({"HJEMVAKT_MQTT_URL": "mqtt://broker:port"}, None, "mqtt_url must look like mqtt://host:1883"),
        ({"HJEMVAKT_MQTT_URL": "mqtt://[::1"}, None, "mqtt_url must look like mqtt://host:1883"),
        ({"HJEMVAKT_DATABASE_URL": "host=a tabel=b"}, None, "database_url must look like postgresql://"),
        ({"HJEMVAKT_DATABASE_URL": "postgresql://a@b:port/c"}, None, "database_url must look like postgresql://"),
        ({"HJEMVAKT_MQTT_URL": "mqtts://a:8883,mqtt:b"}, None, "mqtt_url must look like mqtt://host:1883"),
        (
            {"HJEMVAKT_MQTT_URL": "mqtts://a:8883, mqtt://b:1883"},
            None,
            "mqtt_url is not encrypted and leaves this machine",
        ),
        ({"HJEMVAKT_NATS_URL": "tls://a:4222"}, None, "nats_url is set, but mqtt_url is not"),
        ({**CLUSTER, "HJEMVAKT_NATS_URL": "tls://a:4222,b:4222"}, None, "nats_url must look like tls://nats-1:4222,"),
        ({**CLUSTER, "HJEMVAKT_NATS_URL": "nats://a:4222"}, None, "nats_url is not encrypted and leaves this machine"),
        ({"HJEMVAKT_HTTP_PORT": "9000"}, "mqtt_port = 9000", "http_port and mqtt_port are both 9000"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(environment: dict[str, str], file: str | None, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read({"HOME": "/h", **environment}, file)
    assert says in str(caught.value)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_several_servers_of_a_cluster_are_named_with_commas_between() -> None:
    given = CLUSTER | {"HJEMVAKT_NATS_URL": "tls://a:4222, tls://b:4222"}
    config = read({"HOME": "/h", **given})
    assert (config.mqtt_url, config.nats_url) == tuple(given.values())


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///hjemvakt?host=/run/postgresql",
        "postgresql://u@one:5432,two:5433/db",
        "host=/a dbname=b port=5432",
    ],
)
def test_every_way_to_write_a_database_is_taken_as_it_is(url: str) -> None:
    assert read({"HOME": "/h", "HJEMVAKT_DATABASE_URL": url}).database_url == url


def test_a_password_in_a_url_is_never_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        read({"HOME": "/h", "HJEMVAKT_MQTT_URL": "http://user:verysecret@host"})
    assert "verysecret" not in str(caught.value)


def test_a_role_alone_says_what_it_needs() -> None:
    config = read({"HOME": "/h"})
    with pytest.raises(ConfigError, match="HJEMVAKT_DATABASE_URL"):
        config.needed_database_url()
    with pytest.raises(ConfigError, match="HJEMVAKT_MQTT_URL"):
        config.needed_mqtt_url()


OIDC = {
    "HJEMVAKT_OIDC_ISSUER": "https://id.kommune.example",
    "HJEMVAKT_OIDC_CLIENT_ID": "hjemvakt",
    "HJEMVAKT_PUBLIC_URL": "https://hjemvakt.kommune.example",
}


@pytest.mark.parametrize("missing", list(OIDC))
def test_an_identity_provider_is_told_whole_or_not_at_all(missing):
    assert read(OIDC).oidc_issuer == OIDC["HJEMVAKT_OIDC_ISSUER"]
    with pytest.raises(ConfigError, match=missing.removeprefix("HJEMVAKT_").lower()):
        read({name: value for name, value in OIDC.items() if name != missing} | {"HJEMVAKT_OIDC_NAME": "The town hall"})


@pytest.mark.parametrize("key", ["HJEMVAKT_OIDC_ISSUER", "HJEMVAKT_PUBLIC_URL"])
@pytest.mark.parametrize(
    ("url", "guarded"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://localhost:9000/", True),
        ("http://[::1]:9000", True),
        ("http://id.kommune.example", False),
        ("http://127.0.0.1.elsewhere.example", False),
        ("http://localhost@elsewhere.example", False),
    ],
)
def test_people_come_in_over_https_unless_it_is_this_machine(key, url, guarded):
    if guarded:
        read(OIDC | {key: url})
        return
    with pytest.raises(ConfigError, match="https"):
        read(OIDC | {key: url})


def test_the_secret_of_the_identity_provider_is_not_shown():
    assert "verysecret" not in repr(read(OIDC | {"HJEMVAKT_OIDC_CLIENT_SECRET": "verysecret"}))
