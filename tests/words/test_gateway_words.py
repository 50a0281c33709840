"""What the documents say of the gateway, against the gateway."""

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from devices.profiles import PROFILES
from edge import status_file
from edge.__main__ import DEFAULT_CONFIG
from edge.__main__ import main as gateway
from edge.config import parse
from edge.core.signs import WORDS
from edge.errors import ConfigError
from server.__main__ import main as server

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
RUNBOOK = (REPOSITORY / "deploy/RUNBOOK.md").read_text(encoding="utf-8")
SENSORS = (REPOSITORY / "devices/README.md").read_text(encoding="utf-8")
EXAMPLE = (REPOSITORY / "deploy/gateway.example.toml").read_text(encoding="utf-8")
ACTION = (REPOSITORY / "deploy/local-action.example.sh").read_text(encoding="utf-8")
UNIT = (REPOSITORY / "deploy/systemd/hjemvakt-gateway.service").read_text(encoding="utf-8")

WHOLE = 'gateway = "hv-0001"\nbucket = 0\nmqtt = "mqtts://broker.example.org"\ndata_dir = "data"\n'
DEVICE = '[[devices]]\naddress = "C0:26:DF:01:23:45"\nprofile = "heart_rate"\n'
TABLES = {
    "": "",
    "[radio]": "[radio]\n",
    "[home]": "[home]\n",
    "[outbox]": "[outbox]\n",
    "[[devices]]": DEVICE,
    "[[devices.limits]]": f"{DEVICE}[[devices.limits]]\n",
}


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, without what stands above them."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rules = [number for number, line in enumerate(lines) if set(line) <= set("|-")]
    heads = {number - 1 for number in rules}
    kept = [line for number, line in enumerate(lines) if number not in heads and number not in rules]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in kept]


def commands(capsys: pytest.CaptureFixture[str], main: object) -> set[str]:
    assert callable(main)
    with pytest.raises(SystemExit):
        main(["--help"])
    return set(re.findall(r"^    ([a-z-]+) ", capsys.readouterr().out, re.MULTILINE))


def test_every_command_in_the_documents_exists_and_the_runbook_has_all_of_the_gateway(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = README + RUNBOOK + SENSORS
    ours = set(re.findall(r"hjemvakt-gateway ([a-z]+)\b", text))
    assert ours == commands(capsys, gateway)
    assert set(re.findall(r"(?:^    |`)hjemvakt ([a-z][a-z-]*)\b", text, re.MULTILINE)) <= commands(capsys, server)


def test_every_example_of_decode_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"hjemvakt-gateway (decode \w{4} [\w:]+)", README + RUNBOOK + SENSORS)
    assert examples
    for example in examples:
        assert gateway(shlex.split(example)) == 0
        assert "refused" not in capsys.readouterr().out


def test_the_readme_has_every_profile_once() -> None:
    told = [name for row in rows(README, "What a gateway reads") for name in re.findall(r"`(\w+)`", row[1])]
    assert sorted(told) == sorted(PROFILES)


def test_the_runbook_has_every_word_that_the_home_hears_and_what_it_says() -> None:
    told = {row[0].strip("`"): row[2] for row in rows(RUNBOOK, "Lamp and sound at home")}
    assert told == {str(state): sentence for state, sentence in WORDS.items()}


def test_the_example_action_knows_every_word() -> None:
    known = re.findall(r"^(\w+)\)", ACTION, re.MULTILINE)
    assert sorted(known) == sorted([*map(str, WORDS), "check"])


def test_the_example_is_right_when_all_that_is_commented_out_is_switched_on() -> None:
    """But for the virtual radio, which has no adapters, and the box, which says who the gateway is."""
    everything = re.sub(r"^# (?=\[|[a-z_]+ = )", "", EXAMPLE, flags=re.MULTILINE)
    born = re.sub(r"^(gateway|bucket|mqtt|virtual) = .*$", "", everything, flags=re.MULTILINE)
    assert parse(born, Path("gateway.toml")).birth == Path("/etc/hjemvakt/birth.json")
    everything = re.sub(r"^birth = .*$", "", everything, flags=re.MULTILINE)
    config = parse(re.sub(r"^virtual = .*$", "", everything, flags=re.MULTILINE), Path("gateway.toml"))
    assert config.radio.adapters and config.radio.canary and config.home.action
    assert any(device.key for device in config.devices) and any(device.limits for device in config.devices)
    virtual = re.sub(r"^adapters = .*$", "", everything, flags=re.MULTILINE)
    assert parse(virtual, Path("gateway.toml")).radio.virtual


@pytest.mark.parametrize("table", TABLES)
def test_the_example_has_every_key(table: str) -> None:
    with pytest.raises(ConfigError, match="is not a key that the gateway knows: write one of") as refusal:
        parse(f"{WHOLE if table else 'qqqq = 1'}\n{TABLES[table]}{'qqqq = 1' if table else ''}", Path("gateway.toml"))
    keys = str(refusal.value).split("write one of ")[1].removesuffix(", or remove it").split(", ")
    told = set(re.findall(r"^(?:# )?\[*(?:devices\.)?([a-z_]+)(?: =|\])", EXAMPLE, re.MULTILINE))
    assert set(keys) - told == {"insecure"} & set(keys)  # named in the comment beside `mqtt`
    assert "insecure = true" in EXAMPLE


def test_one_place_for_the_configuration_the_data_and_the_status() -> None:
    named = re.findall(r"/etc/[\w/.-]*gateway\.toml", README + RUNBOOK + UNIT)
    assert set(named) == {str(DEFAULT_CONFIG)}
    data = Path("/var/lib", re.findall(r"^StateDirectory=(.*)$", UNIT, re.MULTILINE)[0])
    assert f'data_dir = "{data}"' in EXAMPLE and f"`{data}`" in RUNBOOK
    assert Path("/run", re.findall(r"^RuntimeDirectory=(.*)$", UNIT, re.MULTILINE)[0]) == status_file.RUNTIME
    assert f"`{status_file.RUNTIME}`" in RUNBOOK


@cache
def said_by_the_programs() -> str:
    """Every text in the code; the parts of one text stand together."""
    found = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "dashboard/src/words").glob("*.ts")]
    for folder in ("edge", "server", "devices/wire"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    found.append("".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return "\n".join(found)


def test_every_sentence_that_the_runbook_explains_is_one_that_somebody_sees() -> None:
    seen = [row[0] for heading in ("What to do when", "What gateways have to do") for row in rows(RUNBOOK, heading)]
    quoted = [quote for cell in seen for quote in re.findall(r'"([^"]+)"', cell)]
    assert len(quoted) > 20
    assert [quote for quote in quoted if quote not in said_by_the_programs()] == []
