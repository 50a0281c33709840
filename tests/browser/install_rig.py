"""A phone in a hallway, and what a gateway there says to the server."""

import json
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from devices.wire.columns import to_millis
from tests.browser.conftest import sign_in

POCKET = (320, 700)
DOOR, PENDANT, THEIRS = "A4:C1:38:00:00:09", "A4:C1:38:00:4C:19", "AA:BB:CC:DD:EE:03"
NEARBY = (
    {"device": DOOR, "profiles": ["bthome_door", "bthome_sos"], "rssi_dbm": -48, "battery_percent": 88},
    {"device": PENDANT, "profiles": ["bthome_sos"], "rssi_dbm": -66, "encrypted": True},
    {"device": THEIRS, "profiles": ["oximeter"], "rssi_dbm": -81, "battery_percent": 9},
)


def ago(**time: float) -> int:
    return to_millis(datetime.now(UTC) - timedelta(**time))


def says(town, gateway="gw-anna", **more):
    """The newest word of a gateway, as the monitor keeps it."""
    said = {"v": 1, "gateway": gateway, "state": "online", "outbox": "0" * 16, "started": "1" * 16, "version": "0.3.0"}
    status = json.dumps(said | {"at": ago()} | more)
    row = "update gateway set state = 'online', state_since = now(), heard_at = now(), status = %s::jsonb"
    town.sql(f"{row} where name = %s", status, gateway)


def listens(town, gateway="gw-anna", devices=()):
    near = [each | {"seen_at": ago(seconds=1)} for each in NEARBY]
    says(town, gateway, listening_until=ago(seconds=-120), nearby=near, devices=list(devices))


def opened(screens, path="", size=POCKET, login="tor", **options) -> Page:
    page = screens.blank(size, **options)
    page.goto(f"/montering{path}")
    sign_in(page, login)
    expect(page.locator("main.install")).to_be_visible()
    return page


def at_home(screens, town, size=POCKET, **options) -> Page:
    page = opened(screens, f"/{town.homes['anna']}", size, **options)
    expect(page.locator("main nav")).to_be_visible()
    return page


def step(page: Page, name: str) -> None:
    page.locator("main nav").get_by_role("button", name=name).click()
