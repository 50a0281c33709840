"""A Debian package of the gateway or of the server: `package.py gateway|server DIRECTORY`, after `make check`.

What is packed is what was tested: the packages of .venv, which were checked by hash, and our own code as it lies here.
The same sources make the same bytes. A package is for the Debian whose Python is that of .venv (3.11: Debian 12), and
for this machine's architecture.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[1]
DEPLOY: Final = ROOT / "deploy"
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
LEFT_OUT: Final = ("__pycache__", "*.pyc", "direct_url.json", "RECORD", "INSTALLER", "REQUESTED")
PROGRAMS_KEPT: Final = ("nats-server",)  # of what packages put into bin/
UPGRADED: Final = "hjemvakt-gateway"
UPGRADES: Final = "hjemvakt-gateway-upgrade.service"  # which runs while it is replaced, and goes on with what it was
DIRECTORY, PROGRAM, FILE = 0o755, 0o755, 0o644


@dataclass(frozen=True, kw_only=True)
class Product:
    name: str
    extras: tuple[str, ...]
    code: tuple[str, ...]
    """our packages"""
    command: str
    main: str
    depends: str
    summary: str
    units: tuple[str, ...]
    examples: tuple[str, ...]


PRODUCTS: Final = {
    "gateway": Product(
        name="hjemvakt-gateway",
        extras=("edge",),
        code=("devices", "edge"),
        command="hjemvakt-gateway",
        main="edge.__main__",
        depends=f"{PYTHON}, systemd, bluez, tzdata, ca-certificates",
        summary="Hjemvakt gateway: reads sensors at home and loses nothing",
        units=("hjemvakt-gateway.service", "hjemvakt-gateway-upgrade.service", "hjemvakt-gateway-upgrade.path"),
        examples=(
            "gateway.example.toml",
            "local-action.example.sh",
            "apt/52hjemvakt-gateway",
            "journald/hjemvakt.conf",
            "timesyncd/hjemvakt.conf",
        ),
    ),
    "server": Product(
        name="hjemvakt-server",
        extras=("server", "embedded"),
        code=("devices", "server"),
        command="hjemvakt",
        main="server.__main__",
        depends=f"{PYTHON}, systemd, tzdata, ca-certificates",
        summary="Hjemvakt server: stores, detects, alerts, and the board of the teams",
        units=(
            "hjemvakt.service",
            "hjemvakt@.service",
            "hjemvakt-migrate.service",
            "hjemvakt-guard.service",
            "hjemvakt-backup.service",
            "hjemvakt-backup.timer",
        ),
        examples=(
            "server.example.toml",
            "env/monitor.env",
            "env/clock.env",
            "env/api.env",
            "env/guard.env",
            "mosquitto/hjemvakt.conf",
            "mosquitto/hjemvakt.acl",
            "mosquitto/nothing.acl",
            "nats/hjemvakt.conf",
            "nats/cluster.conf",
            "nginx/hjemvakt.conf",
            "prometheus/prometheus.example.yml",
            "prometheus/hjemvakt.rules.yml",
            "grafana/hjemvakt.json",
            "apt/52hjemvakt-server",
            "journald/hjemvakt.conf",
            "timesyncd/hjemvakt.conf",
        ),
    ),
}

# -s: not the packages of whoever starts it; -P: not those of the directory where it is started.
LAUNCHER: Final = """#!/usr/bin/{python} -sP
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "{part}/lib/{python}/site-packages"))
from {main} import main  # noqa: E402

sys.exit(main())
"""
CONTROL: Final = """Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Depends: {depends}
Section: misc
Priority: optional
Installed-Size: {size}
Description: {summary}
 Home-monitoring telecare. Not CE-marked and not for clinical use until somebody
 takes the manufacturer's responsibility for it.
"""
# Runs on the machine, and with DPKG_ROOT on a directory that is to become one. Data and settings are never touched.
AFTER: Final = """#!/bin/sh
set -e
root=${{DPKG_ROOT:-}}
[ "$1" = configure ] || exit 0
systemd-sysusers --root="$root/" {sysusers}
mkdir -p "$root/etc/hjemvakt"
{tmpfiles}
[ -z "$root" ] || exit 0
{python} -m compileall -q /opt/hjemvakt/{part}
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
# What runs already goes on with the new program; the first start is a person's, who has written its settings.
systemctl try-restart {restarted}
"""
BEFORE_GONE: Final = """#!/bin/sh
set -e
if [ -z "$DPKG_ROOT" ] && [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now {ended} || true
fi
find "${{DPKG_ROOT:-}}/opt/hjemvakt/{part}" -name __pycache__ -type d -prune -exec rm -rf {{}} +
"""


def build(part: str, into: Path, *, scratch: Path) -> Path:
    product = PRODUCTS[part]
    tree = scratch / "tree"
    prefix = tree / "opt/hjemvakt" / part
    site = prefix / "lib" / PYTHON / "site-packages"
    for name in closure(product.extras):
        pack(name, site)
    for name in product.code:
        shutil.copytree(ROOT / name, site / name, ignore=shutil.ignore_patterns(*LEFT_OUT, ".*"))
    about_us(site)
    write(tree / "opt/hjemvakt/bin" / product.command, LAUNCHER, part=part, main=product.main)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin" / product.command).symlink_to(f"/opt/hjemvakt/bin/{product.command}")
    install(product, tree)
    scripts(product, part, tree)
    settle(tree)
    return packed(product, tree, into)


def closure(extras: Iterable[str]) -> list[str]:
    """Everything that these extras need here, by name."""
    wanted = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    seen: dict[str, set[str]] = {}
    todo = [Requirement(line) for line in wanted]
    while todo:
        each = todo.pop()
        name = canonicalize_name(each.name)
        if name in seen and each.extras <= seen[name]:
            continue
        seen.setdefault(name, set()).update(each.extras)
        todo += needs(name, each.extras)
    return sorted(seen)


def needs(name: str, extras: set[str]) -> Iterator[Requirement]:
    for line in distribution(name).requires or []:
        found = Requirement(line)
        if found.marker is None or any(found.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            yield found


def pack(name: str, site: Path) -> None:
    """Its files as they were installed, to the same places."""
    kept = []
    for file in distribution(name).files or []:
        source, target = Path(file.locate()), Path(os.path.normpath(site / file))
        is_wanted = target.is_relative_to(site) or source.name in PROGRAMS_KEPT
        if is_wanted and source.is_file() and not any(source.match(pattern) for pattern in LEFT_OUT):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
            kept.append(str(file))
    (about,) = {Path(file).parts[0] for file in kept if Path(file).parts[0].endswith(".dist-info")}
    write(site / about / "RECORD", "".join(f"{file},,\n" for file in sorted(kept)))


def about_us(site: Path) -> None:
    """So that the program knows its own version."""
    text = f"Metadata-Version: 2.4\nName: {PROJECT['name']}\nVersion: {PROJECT['version']}\n"
    write(site / f"{PROJECT['name']}-{PROJECT['version']}.dist-info" / "METADATA", text)


def install(product: Product, tree: Path) -> None:
    documents = f"usr/share/doc/{product.name}"
    places = {f"lib/systemd/system/{unit}": DEPLOY / "systemd" / unit for unit in product.units}
    places |= {f"usr/lib/sysusers.d/{sysusers_of(product)}": DEPLOY / "sysusers.d" / sysusers_of(product)}
    places |= {f"{documents}/examples/{example}": DEPLOY / example for example in product.examples}
    places |= {f"{documents}/{file.name}": file for file in (DEPLOY / "RUNBOOK.md", ROOT / "CHANGELOG.md")}
    places[f"{documents}/copyright"] = ROOT / "LICENSE"
    if tmpfiles_of(product).exists():
        places[f"usr/lib/tmpfiles.d/{tmpfiles_of(product).name}"] = tmpfiles_of(product)
    if product.name == UPGRADED:
        places["opt/hjemvakt/gateway/lib/upgrade.py"] = ROOT / "edge/upgrade.py"
    for place, source in places.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tree / place)


def sysusers_of(product: Product) -> str:
    return "hjemvakt-gateway.conf" if product.name == "hjemvakt-gateway" else "hjemvakt.conf"


def tmpfiles_of(product: Product) -> Path:
    return DEPLOY / "tmpfiles.d" / sysusers_of(product)


def scripts(product: Product, part: str, tree: Path) -> None:
    """What dpkg runs. Units are restarted by name, those of a template too, as far as they run."""
    control = tree / "DEBIAN"
    services = [unit for unit in product.units if unit.endswith(".service") and unit != UPGRADES]
    restarted = " ".join(f"'{unit.replace('@.', '@*.')}'" for unit in services)
    tmpfiles = f'systemd-tmpfiles --create --root="$root/" {tmpfiles_of(product).name}'
    given = {
        "part": part,
        "restarted": restarted,
        "ended": " ".join([restarted, *(f"'{unit}'" for unit in product.units if unit.endswith(".path"))]),
        "sysusers": sysusers_of(product),
        "tmpfiles": tmpfiles if tmpfiles_of(product).exists() else ":",
    }
    write(control / "postinst", AFTER, **given)
    write(control / "prerm", BEFORE_GONE, **given)


def packed(product: Product, tree: Path, into: Path) -> Path:
    architecture = said("dpkg", "--print-architecture")
    about = {
        "name": product.name,
        "version": PROJECT["version"],
        "architecture": architecture,
        "maintainer": "Hjemvakt <drift@hjemvakt.example>",
        "depends": product.depends,
        "summary": product.summary,
        "size": str(sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file()) // 1024),
    }
    write(tree / "DEBIAN" / "control", CONTROL, **about)
    made = into / f"{product.name}_{PROJECT['version']}_{architecture}.deb"
    into.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch()}
    command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z10", "--build", str(tree), str(made)]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return made


def epoch() -> str:
    """When these sources were committed; a copy without git is of no day."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return given or said("git", "log", "-1", "--format=%ct", may_fail=True) or "0"


def settle(tree: Path) -> None:
    """Modes that do not depend on whose umask it was: what can be run, and what is read."""
    for path in (tree, *tree.rglob("*")):
        if path.is_symlink():
            continue
        is_program = path.is_file() and (path.stat().st_mode & 0o100 or path.parent.name == "DEBIAN")
        path.chmod(DIRECTORY if path.is_dir() else PROGRAM if is_program else FILE)


def write(file: Path, text: str, **given: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.format(python=PYTHON, **given) if given else text, encoding="utf-8")
    if text.startswith("#!"):
        file.chmod(PROGRAM)


def said(*command: str, may_fail: bool = False) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=not may_fail)
    return done.stdout.strip()


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in PRODUCTS:
        sys.exit(str(__doc__))
    into = Path(arguments[1])
    scratch = into / "build"
    shutil.rmtree(scratch, ignore_errors=True)
    print(build(arguments[0], into, scratch=scratch))
    shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
