"""The technician's page: equipment and its troubles, and nobody's name."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, sign_in
from tests.browser.test_board_use import TARGETS, TOO_WIDE, violations

MADE = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)  # 9 in Oslo
VERSION = 1768464000  # date -u -d 2026-01-15T08:00:00Z +%s


def config(town, name, *, in_use=VERSION, refused=""):
    row = """insert into gateway_config (gateway_id, version, content, digest, made_at, taken_version, refused)
             select id, %s, 'null', '', %s, %s, %s from gateway where name = %s"""
    town.sql(row, VERSION, MADE, in_use, refused, f"gw-{name}")


@pytest.fixture
def troubled(town):
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    said = {"outbox": "0123456789abcdef", "started": "fedcba9876543210", "version": "0.2.0"}
    strap = {
        "device": "C0:26:DA:00:00:02",
        "state": "connected",
        "seen_at": now_ms,
        "rssi_dbm": -71,
        "battery_percent": 80,
    }
    town.gateway_says(
        "anna",
        "online",
        **said,
        gateway="gw-anna",
        at=now_ms + 200_000,
        troubles=["no Bluetooth, trying again"],
        devices=[
            {**strap, "model": "Nonin 3230, firmware 1.02"},
            {"device": "A4:C1:38:00:00:09", "state": "never heard"},
        ],
    )
    config(town, "anna", in_use=VERSION - 3600, refused="device C0:26:DA:00:00:02: no profile 'oximeter_new'")
    town.gateway_says("arne", "silent", waiting_bulk=3)
    config(town, "arne")
    alarm = """insert into event (device_id, slot, type, occurred_at, received_at, clock, patient_id, gateway_id)
               select %s, 0, 'local_alarm', now() - interval '2 h', now(), 2, %s, id
               from gateway where name = 'gw-anna'"""
    town.sql(alarm, town.devices["anna"], town.patients["anna"])
    aside = "insert into set_aside (at, gateway, topic, reason, payload) values (now(), %s, 't', 'body: broken', '')"
    town.sql(aside, "gw-anna")
    return town


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_technician_sees_what_is_wrong_with_equipment_and_no_patient(screens, troubled, size):
    page = screens.login_page(size)
    sign_in(page, "tor")
    expect(page.get_by_text("body: broken")).to_be_visible()
    gateway = page.get_by_role("listitem").filter(has_text="gw-anna").first
    expect(gateway).to_contain_text("no Bluetooth, trying again")
    expect(page.get_by_role("listitem").filter(has_text="gw-arne")).to_contain_text("Hjemmesentral taus")
    expect(gateway).to_contain_text("avviser oppsettet: device C0:26:DA:00:00:02: no profile 'oximeter_new'")
    expect(gateway).to_contain_text("klokken går 3 min for fort")
    gateway.get_by_text("Apparater: 2").click()
    expect(gateway.get_by_text("Nonin 3230, firmware 1.02")).to_be_visible()
    expect(page.get_by_text("mens linjen var nede, på grunn av AA:BB:CC:DD:EE:01")).to_be_visible()
    assert not {"anna", "arne"} & set(page.locator("body").inner_text().split())
    assert violations(page) == []
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])


def test_a_technicians_page_says_when_it_can_no_longer_be_fetched_and_logs_out(screens, troubled):
    screens.expected = ("401", "ERR_FAILED", "Failed to load")
    page = screens.login_page()
    page.clock.install()
    sign_in(page, "tor")
    expect(page.get_by_text("body: broken")).to_be_visible()
    page.route("**/api/v1/technical", lambda route: route.abort())
    page.clock.run_for(11_000)
    expect(page.get_by_role("status")).to_contain_text("Kunne ikke hentes")
    page.get_by_role("button", name="Meny").click()
    page.get_by_role("button", name="Logg ut").click()
    expect(page.locator("[name=login]")).to_be_visible()
    expect(page.get_by_text("body: broken")).to_have_count(0)
