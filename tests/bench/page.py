"""What the board costs the computer it stands on: 500 patients, 50 values a second, in Chromium on the real api.

Browser, api and database share this machine. `target` stands in the issue that asked for the board."""

import gzip
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep, time
from typing import Final

import numpy as np
import psycopg
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from devices.vocabulary import KINDS, EventType, Kind
from server.alerts.findings import HelpCall
from server.alerts.model import patient_subject
from server.api.passwords import hash_password
from server.store import alerts, pool, signals
from tests.api_process import ApiProcess
from tests.bench.own_database import migrated
from tests.browser.conftest import ARGS, chromium

STATIC: Final = Path(__file__).parents[2] / "server" / "api" / "static"
PATIENTS: Final = 500
RED: Final = 20
VALUES_PER_S: Final = 50
MEASURED_S: Final = 10.0
THROTTLE: Final = 6
ALERTS: Final = 25
WAKINGS: Final = 5
ASLEEP_S: Final = 20
PASSWORD: Final = "a long sentence about nothing"
TOWN: Final = """
insert into team (name) values ('bench');
insert into staff (login, name, initials, password_hash) values ('kari', 'Kari Bench', 'KB', '{password}');
insert into staff_team values (1, 1, 'nurse');
insert into home (name, address, team_id, bucket)
select 'home ' || n, 'Storgata ' || n, 1, n % 64 from generate_series(1, {patients}) n;
insert into patient (reference, name, born_on, pathway, team_id, home_id)
select 'p' || id, 'Prøvepasient Nummer-' || id, '1950-01-01', 'kols', 1, id
from home order by id;
insert into device (address, profile, first_heard_at) values ('AA:BB:CC:DD:EE:01', 'oximeter', '2020-01-01Z');
select observation_days(array[now() - interval '1 day', now(), now() + interval '1 day']);
insert into observation
select patient.id, {spo2}, now() - make_interval(mins => minute), 0, 1, 93 + minute % 5, null, null, 1, 0, 0, 0, 1,
       now()
from patient, generate_series(1, 14) minute;
insert into latest
(patient_id, kind, taken_at, value, quality, sign, mode, clock, device_id, received_at, batch, span_s)
select id, {spo2}, now() - interval '1 min', 94, 0, 0, 1, 0, 1, now(), nextval('ingest_batch'), 0 from patient;
"""
VALUES: Final = """
with told as (
    insert into latest
    (patient_id, kind, taken_at, value, quality, sign, mode, clock, device_id, received_at, batch, span_s)
    select patient, %(kind)s, clock_timestamp(), 90 + random() * 8, 0, 0, 1, 0, 1, clock_timestamp(), %(batch)s, 0
    from unnest(%(patients)s::int[]) patient
    on conflict (patient_id, kind)
    do update set taken_at = excluded.taken_at, value = excluded.value, batch = excluded.batch
    returning 1
) select count(*) from told"""
FRAMES: Final = """(seconds) => new Promise((done) => {
    const took = []
    let before = performance.now()
    const end = before + seconds * 1000
    const frame = (now) => {
        took.push(now - before)
        before = now
        now < end ? requestAnimationFrame(frame) : done(took)
    }
    requestAnimationFrame(frame)
})"""
# When each alert's card was there; what a screen shows is read off a clock that it shares with whoever raised it.
WATCH: Final = """() => {
    window.shown = {}
    new MutationObserver(() => {
        for (const {dataset} of document.querySelectorAll('article[data-alert]')) {
            window.shown[dataset.alert] ??= Date.now()
        }
    }).observe(document.body, {childList: true, subtree: true})
}"""


def rows() -> list[tuple[str, ...]]:
    return list(_measured())


def _measured() -> Iterator[tuple[str, ...]]:
    yield ("the board", "measured", "target", "load")
    if chromium() is None:
        yield ("not measured: there is no Chromium (apt-get install chromium, or set HJEMVAKT_CHROMIUM)", "-", "-", "-")
        return
    yield _row("JS of the board's route, gzipped", f"{board_script_bytes(STATIC) / 1000:.0f} kB", "120 kB")
    with _page() as (page, dsn):
        yield _row(f"first paint, {PATIENTS} patients, with an empty cache", f"{_first_paint_ms(page):.0f} ms", "-")
        tools = page.context.new_cdp_session(page)
        with _values(dsn):
            busy = _main_thread_ms(page, tools)
            yield _row(f"main thread at {VALUES_PER_S} values/s", f"{busy:.0f} ms a second", "80 ms")
            tools.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
            p95 = float(np.percentile(page.evaluate(FRAMES, MEASURED_S), 95))
            yield _row(f"p95 frame, {THROTTLE}x throttled", f"{p95:.1f} ms", "20 ms")
            tools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            p50, slowest = _alert_to_dom_ms(page, dsn)
            yield _row("alert to DOM, p50", f"{p50:.0f} ms (slowest {slowest:.0f})", "50 ms")
        yield _row(f"complete after {ASLEEP_S} s of sleep", f"{_back_after_sleep_ms(page, dsn):.0f} ms", "1000 ms")


def _row(what: str, measured: str, target: str) -> tuple[str, ...]:
    return (what, measured, target, f"{os.getloadavg()[0]:.1f}")


def board_script_bytes(static: Path) -> int:
    """Of the scripts that index.html asks for, and whatever they import without being asked."""
    wanted = set(re.findall(r"/(assets/[\w.-]+\.js)", (static / "index.html").read_text()))
    seen: set[str] = set()
    while wanted - seen:
        name = (wanted - seen).pop()
        seen.add(name)
        text = (static / name).read_text()
        wanted |= {f"assets/{each}" for each in re.findall(r"""(?:from|^import)\s*["']\./([\w.-]+\.js)["']""", text)}
    return sum(len(gzip.compress((static / name).read_bytes(), mtime=0)) for name in seen)


@contextmanager
def _page() -> Iterator[tuple[Page, str]]:
    with tempfile.TemporaryDirectory(prefix="hvb-") as place, ExitStack() as stack:
        dsn = stack.enter_context(migrated(Path(place)))
        with pool.connect(dsn, name="bench") as conn:
            given = {"password": hash_password(PASSWORD), "patients": PATIENTS, "spo2": KINDS[Kind.SPO2].number}
            conn.execute(TOWN.format(**given).encode())
            for patient in range(1, RED + 1):
                _raise(conn, patient)
        api = ApiProcess(dsn, Path(place))
        stack.callback(api.close)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGS))
        stack.callback(browser.close)
        yield _signed_in(browser, api.port), dsn


def _signed_in(browser: Browser, port: int) -> Page:
    context = browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto("/")
    page.locator("[name=login]").fill("kari")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("button.submit").click()
    page.locator("article[data-alert]").first.wait_for()
    return page


def _first_paint_ms(page: Page) -> float:
    """Of the page, loaded again."""
    tools = page.context.new_cdp_session(page)
    tools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    tools.send("Network.setBypassServiceWorker", {"bypass": True})
    page.reload()
    page.locator("article[data-alert]").first.wait_for()
    paint = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
    tools.detach()
    page.evaluate(WATCH)
    return float(paint)


def _main_thread_ms(page: Page, tools: CDPSession) -> float:
    tools.send("Performance.enable")

    def used_s() -> float:
        metrics = tools.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    page.wait_for_timeout(2000)  # the rows that one sees are drawn
    before_s, began_s = used_s(), monotonic()
    page.wait_for_timeout(MEASURED_S * 1000)
    return 1000 * (used_s() - before_s) / (monotonic() - began_s)


@contextmanager
def _values(dsn: str) -> Iterator[None]:
    """Fifty messages a second, each of one patient's value, until the end of the block."""
    over = threading.Event()

    def tell() -> None:
        kind = KINDS[Kind.SPO2].number
        with pool.connect(dsn, name="bench") as conn:
            began_s, told = monotonic(), 0
            while not over.wait(max(0.0, began_s + told / VALUES_PER_S - monotonic())):
                told += 1
                batch = conn.execute("select nextval('ingest_batch')").fetchone()
                assert batch is not None
                conn.execute(VALUES.encode(), {"kind": kind, "batch": batch[0], "patients": [told * 7 % PATIENTS + 1]})
                signals.send(conn, signals.Channel.READINGS, batch[0])
                conn.commit()

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _raise(conn: psycopg.Connection, patient: int) -> tuple[int, float]:
    """The alert, and when (s since 1970) it was just about to be committed."""
    now, subject = datetime.now(UTC), patient_subject(patient, home=patient)
    held = alerts.hold(conn, [subject])
    call = HelpCall(subject=subject, type=EventType.SOS, at=now, late=False)
    alerts.apply(conn, alerts.decided(conn, held, [call], now), now)
    row = conn.execute("select max(id) from alert where patient_id = %s", (patient,)).fetchone()
    assert row is not None
    told_s = time()
    conn.commit()
    return int(row[0]), told_s


def _alert_to_dom_ms(page: Page, dsn: str) -> tuple[float, float]:
    """The middle and the slowest."""
    took_ms = []
    with pool.connect(dsn, name="bench") as conn:
        for patient in range(RED + 1, RED + 1 + ALERTS):
            alert, told_s = _raise(conn, patient)
            took_ms.append(_shown_at_ms(page, alert) - told_s * 1000)
            page.wait_for_timeout(200)
    return float(np.median(took_ms)), max(took_ms)


def _shown_at_ms(page: Page, alert: int) -> float:
    for _ in range(1000):
        at = page.evaluate("(alert) => window.shown[alert] ?? null", str(alert))
        if at is not None:
            return float(at)
        sleep(0.01)
    raise AssertionError(f"alert {alert} is not on the board within 10 s")


def _back_after_sleep_ms(page: Page, dsn: str) -> float:
    """The median of some: the line is cut and the lid closed, an alert comes, the lid is opened."""
    took_ms = []
    with pool.connect(dsn, name="bench") as conn:
        for patient in range(RED + ALERTS + 1, RED + ALERTS + 1 + WAKINGS):
            page.context.set_offline(True)
            page.wait_for_timeout(ASLEEP_S * 1000)
            alert, _ = _raise(conn, patient)
            page.context.set_offline(False)
            woken_s = time()
            page.evaluate("dispatchEvent(new Event('pageshow'))")
            took_ms.append(_shown_at_ms(page, alert) - woken_s * 1000)
    return float(np.median(took_ms))
