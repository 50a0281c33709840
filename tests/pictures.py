"""`make pictures`: the README's pictures, taken from the running demo, so that they stay true.

The demo begins with empty histories; two weeks of readings are written before its patients' first day."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from devices.vocabulary import Kind
from tests.browser.conftest import ARGS, chromium
from tests.browser.patient_rig import Stream, fill, say, write
from tests.integration.conftest import Town

ROOT: Final = Path(__file__).parents[1]
PICTURES: Final = ROOT / "dashboard" / "pictures"
DESK: Final = {"width": 1440, "height": 900}
PAPER: Final = {"width": 760, "height": 700}
PHONE: Final = {"width": 390, "height": 844}
EPISODES_WITHIN_MS: Final = 240_000
PROOF_WITHIN_MS: Final = 60_000
PAST: Final = {
    "DEMO-1": (
        Stream(kind=Kind.SPO2, n=8 * 288, every=300, middle=91.8, swing=0.9, mode=1, gap=(40, 31)),
        Stream(kind=Kind.HEART_RATE, n=8 * 288, every=300, middle=84, swing=9, mode=1, gap=(40, 31)),
        Stream(kind=Kind.RESPIRATORY_RATE, n=28, every=43_200, middle=18, swing=2),
    ),
    "DEMO-2": (Stream(kind=Kind.GLUCOSE_ISF, n=15 * 288, every=300, middle=7.8, swing=3.1, mode=1, gap=(60, 52)),),
}


def main() -> int:
    executable = chromium()
    if executable is None:
        print("There is no Chromium: apt-get install chromium, or set HJEMVAKT_CHROMIUM.", file=sys.stderr)
        return 1
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hvp-") as place, _demo(Path(place)) as (ready, password):
        patients = _write_the_past(ready["dsn"])
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=list(ARGS))
            _take(browser, ready["http"], password, patients)
            browser.close()
    return 0


@contextmanager
def _demo(data: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Where it can be reached, and its password."""
    command = [sys.executable, str(ROOT / "deploy" / "demo.py")]
    environment = {**os.environ, "HJEMVAKT_DATA": str(data), "PYTHONUNBUFFERED": "1"}
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert demo.stdout is not None
    try:
        for line in demo.stdout:
            if found := re.search(r"Log in +\w+ +(\S+)", line):
                yield json.loads((data / "ready.json").read_text()), found[1]
                return
        raise SystemExit("The demo ended before it was up.")
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.stdout.read()
        demo.wait(60)


def _write_the_past(dsn: str) -> dict[str, int]:
    """The patients' numbers, by reference."""
    town, now = Town(owner=dsn), datetime.now(UTC).replace(microsecond=0)
    town.patients = dict(town.sql("select reference, id from patient"))  # type: ignore[arg-type]
    bound = (
        "select distinct on (p.reference) p.reference, b.device_id from patient p join binding b on b.patient_id = p.id"
    )
    town.devices = dict(town.sql(bound))  # type: ignore[arg-type]
    for reference, streams in PAST.items():
        for stream in streams:
            fill(town, reference, stream, now)
    town.let_go()
    return town.patients


def _write_the_record(url: str, password: str, patient: int) -> None:
    with httpx.Client(base_url=url, trust_env=False) as client:
        client.post("/api/v1/session", json={"login": "vakt", "password": password}).raise_for_status()
        daughter = {"name": "Lise Prøvestad", "relation": "datter", "phone": "+47 900 00 002", "has_key": True}
        neighbour = {"name": "Bjørn Naboesen", "relation": "nabo", "phone": "+47 900 00 003"}
        write(client, patient, "contacts", contacts=[daughter, neighbour])
        write(
            client,
            patient,
            "self_treatment",
            green=[{"when": "Puster som vanlig", "then": "Faste medisiner og tur hver dag"}],
            yellow=[{"when": "Mer slim eller tyngre pust", "then": "Mål to ganger om dagen og ring oss"}],
            red=[{"when": "", "then": "Ring vakttelefonen"}],
        )
        say(client, patient, type="oxygen", on=True, litres_per_min=1.5)
        say(client, patient, type="cave", reactions=[{"to": "Penicillin", "how": "utslett"}])


def _take(browser: Browser, url: str, password: str, patients: dict[str, int]) -> None:
    nurse = _signed_in(browser, url, "vakt", password, DESK)
    _write_the_record(url, password, patients["DEMO-1"])
    nurse.get_by_role("button", name="Meny").click()
    nurse.get_by_role("button", name="Gå på: Vakt").click()
    nurse.keyboard.press("Escape")
    nurse.locator("article[data-alert]", has_text="SpO₂").first.wait_for(timeout=EPISODES_WITHIN_MS)
    fallen = nurse.locator("article[data-alert]", has_text="Fall")
    fallen.get_by_role("button", name=re.compile("^Kvitter")).first.click()
    _picture(nurse, "board")
    alert = nurse.locator("article[data-alert]", has_text="SpO₂").first.get_attribute("data-alert")
    _opened(nurse, f"/pasient/{patients['DEMO-1']}", ".plot canvas")
    _picture(nurse, "patient")
    nurse.goto(f"/pasient/{patients['DEMO-2']}")
    nurse.locator("#tab-glucose").click()
    nurse.locator(".paper svg").first.wait_for()
    _picture(nurse, "agp", printed=True)
    phone = _signed_in(browser, url, "vakt", password, PHONE)
    _opened(phone, f"/varsel/{alert}", "main button")
    _picture(phone, "alert")
    technician = _signed_in(browser, url, "tekniker", password, DESK, cares=False)
    _opened(technician, "/administrasjon", "main h2")
    _picture(technician, "administration")
    _try_the_chain(_signed_in(browser, url, "tekniker", password, PHONE, cares=False))


def _try_the_chain(technician: Page) -> None:
    """In the first home; the nurse's screen, which is still open, answers."""
    technician.goto("/montering")
    technician.locator("main li a").first.click()
    technician.locator("main nav").get_by_role("button", name="Prøve").click()
    technician.get_by_role("button", name="Start prøvealarm").click()
    technician.get_by_text("Bestått", exact=True).wait_for(timeout=PROOF_WITHIN_MS)
    _picture(technician, "montering")


def _signed_in(
    browser: Browser, url: str, login: str, password: str, size: dict[str, int], *, cares: bool = True
) -> Page:
    context = browser.new_context(base_url=url, viewport=size, service_workers="block", locale="nb-NO")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    page.locator("[name=login]").fill(login)
    page.locator("[name=password]").fill(password)
    page.locator("button.submit").click()
    page.locator("header .link.live" if cares else "main h2").first.wait_for()
    return page


def _opened(page: Page, path: str, there: str) -> None:
    page.goto(path)
    page.locator(there).first.wait_for()
    page.get_by_text("Henter …").first.wait_for(state="detached")


def _picture(page: Page, name: str, *, printed: bool = False) -> None:
    page.wait_for_timeout(1500)  # small charts are drawn when they are seen
    path = PICTURES / f"{name}.png"
    if printed:
        page.emulate_media(media="print")
        page.set_viewport_size(PAPER)  # type: ignore[arg-type]
    page.screenshot(path=path, full_page=printed)
    print(f"dashboard/pictures/{name}.png")


if __name__ == "__main__":
    sys.exit(main())
