"""A command starts with its own module alone, and none is forgotten."""

import argparse
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import server.commands
from server.__main__ import COMMANDS, main

FOREIGN = ("server.serving", "server.roles", "server.pki", "server.api", "cryptography", "fastapi")
LOADED = """
import contextlib, sys
from server.__main__ import main
with contextlib.suppress(SystemExit):
    main(["replay", "--help"])
print("LOADED", *sys.modules)
"""


def test_every_command_is_found_by_its_name() -> None:
    modules = {each.name for each in pkgutil.iter_modules(server.commands.__path__)} - {"frame"}
    assert modules == set(COMMANDS)
    for module, names in COMMANDS.items():
        commands = argparse.ArgumentParser().add_subparsers()
        import_module(f"server.commands.{module}").add(commands)
        assert set(commands.choices) == set(names)


def test_a_limit_is_tried_without_waiting_for_what_only_a_whole_installation_needs() -> None:
    said = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60).stdout
    loaded = said.partition("LOADED ")[2].split()
    assert "server.commands.readings" in loaded
    assert [name for name in loaded if name.startswith(FOREIGN)] == []


@pytest.mark.parametrize("before", [[], ["--config", "replay"]])
def test_a_command_is_found_behind_the_name_of_a_configuration(
    before: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*before, "user", "list", "--help"])
    assert "user list" in capsys.readouterr().out


def test_who_names_no_command_is_told_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(name in said for names in COMMANDS.values() for name in names)
