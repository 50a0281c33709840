"""A technician makes a home safe with a phone: against the real server, and a gateway that really asks to be let in."""

import asyncio
import json
import re
import threading
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from devices.vocabulary import EventType
from devices.wire.enrolment import Birth
from edge.core.trust import Waiting, WaitingPace
from edge.enrol import enrol
from edge.identity import Identity, IdentityFiles
from server.pki import fingerprint
from tests.browser.conftest import sign_in
from tests.browser.install_rig import DOOR, PENDANT, POCKET, ago, at_home, listens, opened, says, step
from tests.integration.enrol_rig import CODE
from tests.integration.monitor_rig import LIMIT_S, await_true

KEY = "231d39c1d7cc1ab1aee224cd096db932"  # bthome.io/encryption
HEALTH = {"device": DOOR, "state": "heard", "rssi_dbm": -58, "battery_percent": 88}


def is_asked(town):
    """The screen has the gateway listen."""
    await_true(lambda: town.one("select count(*) from gateway_command where content like '%%listen%%'") > 0)


def happens(town, device, type_="door_opened"):
    row = """insert into event (device_id, slot, type, occurred_at, received_at, clock, gateway_id, patient_id, home_id)
             select d.id, 0, %s, now(), now(), 2, (select min(id) from gateway), b.patient_id, b.home_id
             from device d join binding b on b.device_id = d.id and b.valid_to = 'infinity' where d.address = %s"""
    town.sql(row, type_, device)


class Enrolling:
    """What `hjemvakt-gateway enrol` does, until it has its certificate."""

    def __init__(self, birth: Birth, directory: Path) -> None:
        self.identity: Identity | None = None
        self.asked = threading.Event()
        self._birth, self._files = birth, IdentityFiles(directory)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._enrol()), daemon=True)
        self._thread.start()

    async def _enrol(self) -> None:
        self.identity = await enrol(
            self._birth,
            self._files,
            model="Raspberry Pi 4",
            version="0.3.0",
            is_clock_right=lambda: True,
            tell=lambda sentence: self.asked.set() if "until a technician accepts" in sentence else None,
            waiting=Waiting(WaitingPace(first_s=0.1, cap_s=0.3, longest_s=0.3)),
        )

    def comes(self) -> Identity:
        self._thread.join(LIMIT_S)
        assert self.identity is not None
        return self.identity


@pytest.fixture
def box(api, town, signer) -> Birth:
    return Birth(server=api.url, authority=fingerprint(town.one("select certificate from authority")), code=CODE)


def bound(page: Page, text: str):
    return page.get_by_role("region", name="Koblet til").get_by_role("article").filter(has_text=text)


def let_in(page: Page, town, box, directory: Path) -> str:
    step(page, "Sentral")
    page.get_by_label("Koden på esken").fill(CODE.lower().replace("-", " "))
    page.get_by_role("button", name="Slipp inn her").click()
    expect(page.get_by_text(f"{CODE}: venter på at hjemmesentralen melder seg")).to_be_visible()
    gateway = Enrolling(box, directory).comes().gateway
    card = page.get_by_role("article").filter(has_text=gateway)
    expect(card).to_contain_text("ikke hørt ennå")
    expect(page.get_by_text("venter på at hjemmesentralen")).to_have_count(0)
    says(town, gateway)
    expect(card).to_contain_text("på nett")
    return gateway


def bind_the_door(page: Page, town, gateway: str) -> None:
    step(page, "Sensorer")
    page.get_by_role("combobox", name="Hjemmesentral").select_option(gateway)
    is_asked(town)
    listens(town, gateway)
    page.get_by_role("button", name="Koble til … : Dørsensor eller trygghetsalarm 0009").click()
    form = page.get_by_role("form", name="Koble til")
    form.get_by_label("Hjemmet, i rommet").check()
    form.get_by_role("button", name="Koble til").click()
    expect(form.get_by_text("Skriv hvor den henger.")).to_be_visible()
    form.get_by_label("Rom eller sted").fill("Gang")
    form.get_by_role("button", name="Koble til").click()
    expect(bound(page, "hjemmet, Gang")).to_be_visible()


def prove_the_door(page: Page, town, gateway: str) -> None:
    step(page, "Pasient")
    card = page.get_by_role("region", name="Rett person").get_by_role("article").filter(has_text="0009")
    expect(card).to_contain_text("Venter på en måling")
    listens(town, gateway, [HEALTH | {"seen_at": ago()}])
    card.get_by_role("button", name="Jeg har slått den av og på").click()
    await_true(lambda: town.one("select count(*) from pairing_part") == 1)
    listens(town, gateway, [HEALTH | {"seen_at": ago(seconds=-1)}])
    happens(town, DOOR)
    card.get_by_role("button", name="Ja, det stemmer").click()
    expect(card.get_by_text("Bestått", exact=True)).to_be_visible()


def walk(page: Page, town, gateway: str) -> None:
    round_ = page.get_by_role("region", name="Dekning")
    round_.get_by_label("Sensor du bærer").select_option(DOOR)
    round_.get_by_role("button", name="Soverom").click()
    listens(town, gateway, [HEALTH | {"seen_at": ago()}])
    round_.get_by_role("button", name="Mål her").click()
    expect(round_.get_by_role("listitem").filter(has_text="Soverom")).to_contain_text("god −48 dBm")


def try_the_chain(page: Page, town, gateway: str) -> None:
    step(page, "Prøve")
    page.get_by_role("combobox", name="Hjemmesentral").select_option(gateway)
    page.get_by_role("button", name="Start prøvealarm").click()
    chain = page.get_by_role("region", name="Prøvealarm")
    expect(chain.get_by_text("Prøven går")).to_be_visible()
    town.sql("update alarm_proof set made_at = now(), received_at = now() + interval '0.2 s'")
    expect(chain.locator("li.lit")).to_have_count(3)
    town.sql("update alarm_proof set stored_at = received_at, raised_at = received_at + interval '0.1 s'")
    town.sql("update alarm_proof set seen_at = received_at + interval '0.3 s'")
    expect(chain.get_by_text("Bestått", exact=True)).to_be_visible()
    expect(chain.locator("li.lit")).to_have_count(6)


def test_a_technician_takes_a_home_from_a_box_to_its_protocol(screens, town, box, tmp_path):
    page = opened(screens)
    page.get_by_role("link", name="anna").click()
    gateway = let_in(page, town, box, tmp_path)
    bind_the_door(page, town, gateway)
    prove_the_door(page, town, gateway)
    walk(page, town, gateway)
    try_the_chain(page, town, gateway)
    page.get_by_role("textbox", name="Hvorfor er det ferdig likevel?").fill("Oksymeteret kommer i morgen.")
    page.get_by_role("button", name="Lag protokoll").click()
    page.get_by_role("button", name=re.compile("^Vis ?:")).click()
    sheet = page.get_by_role("article", name="Monteringsprotokoll")
    expect(sheet).to_contain_text("Oksymeteret kommer i morgen.")
    expect(sheet).to_contain_text("Soverom: god (−48 dBm)")


def test_what_is_decided_in_a_cellar_waits_is_never_green_and_is_done_once(api, screens, town):
    screens.expected = ("401", "ERR_FAILED", "ERR_INTERNET_DISCONNECTED")
    says(town)
    page = at_home(screens, town)
    keys: list[str] = []
    sensors = "**/api/v1/installation/homes/*/sensors"

    def lost(route):
        keys.append(route.request.headers["idempotency-key"])
        route.abort()

    step(page, "Sensorer")
    is_asked(town)
    listens(town)
    page.route(sensors, lost)
    page.get_by_role("button", name="Koble til … : Dørsensor").click()
    form = page.get_by_role("form", name="Koble til")
    form.get_by_label("Hjemmet, i rommet").check()
    form.get_by_label("Rom eller sted").fill("Bod")
    form.get_by_role("button", name="Koble til").click()
    waits = page.get_by_role("region", name="Ikke bekreftet ennå")
    expect(waits).to_contain_text("Koble til sensor 0009")
    expect(page.get_by_role("region", name="Koblet til").get_by_text("hjemmet, Bod")).to_have_count(0)
    kept = page.evaluate("JSON.stringify(localStorage)")
    assert "Bod" in kept and "anna" not in kept
    page.reload()
    expect(waits).to_contain_text("Koble til sensor 0009")
    page.unroute(sensors)
    step(page, "Sensorer")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.get_by_role("region", name="Koblet til").get_by_text("hjemmet, Bod")).to_be_visible()
    expect(waits).to_have_count(0)
    assert town.one("select count(*) from binding where place = 'Bod'") == 1
    assert len(set(keys)) == 1 and town.sql("select key from done_once where key = %s", keys[0]) == [(keys[0],)]


def test_a_neighbours_sensor_says_so_without_a_name_and_cannot_be_chosen(screens, town):
    says(town)
    page = at_home(screens, town)
    step(page, "Sensorer")
    is_asked(town)
    listens(town)
    near = page.get_by_role("region", name="Sensorer i nærheten")
    theirs = near.get_by_role("listitem").filter(has_text="EE03")
    expect(theirs).to_contain_text("tilhører en annen pasient")
    expect(theirs.get_by_role("button")).to_have_count(0)
    expect(near.get_by_role("listitem").first).to_contain_text("0009")
    assert "berta" not in page.content().lower()
    near.get_by_role("button", name="Koble til … : Trygghetsalarm 4C19").click()
    form = page.get_by_role("form", name="Koble til")
    form.get_by_role("radio", name="anna").check()
    form.get_by_role("button", name="Koble til").click()
    expect(form.get_by_text("Nøkkelen er 32 tegn")).to_be_visible()
    form.get_by_label("Nøkkel, 32 tegn").fill(KEY.upper())
    form.get_by_role("button", name="Koble til").click()
    expect(bound(page, "4C19")).to_contain_text("anna")
    assert KEY not in page.evaluate("JSON.stringify(localStorage)").lower()


def test_a_true_alarm_is_tried_only_when_whoever_is_on_duty_knows(api, screens, town):
    says(town)
    wish = {"device": PENDANT, "profile": "bthome_sos", "patient": town.patients["anna"]}
    path = f"/api/v1/installation/homes/{town.homes['anna']}/sensors"
    api.signed_in("tor").post(path, json=wish, headers={"Idempotency-Key": "the-pendant"}).raise_for_status()
    page = at_home(screens, town)
    step(page, "Prøve")
    page.get_by_label("Prøv med").select_option(label="Trygghetsalarm …4C19")
    options = page.get_by_label("Prøv med").locator("option")
    expect(options).to_have_text(["Hjemmesentralen selv", "Trygghetsalarm …4C19"])  # the oximeter calls nobody
    expect(page.get_by_text("Det er en virkelig alarm, og den ringer hos vakten")).to_be_visible()
    page.get_by_role("button", name="Start prøvealarm").click()
    expect(page.get_by_text("Si fra til vakten først")).to_be_visible()
    assert town.one("select count(*) from trial") == 0
    page.get_by_label("Vakten vet at dette er en prøve").check()
    page.get_by_role("button", name="Start prøvealarm").click()
    expect(page.get_by_text("Trykk på sensoren nå.")).to_be_visible()
    happens(town, PENDANT, "sos")
    alert = town.press("anna", EventType.SOS)
    expect(page.locator("li.lit")).to_have_count(5)
    board = screens.signed_in("kari")
    expect(board.locator(f"article[data-alert='{alert}']")).to_be_visible()
    expect(page.get_by_role("region", name="Prøvealarm").get_by_text("Bestått", exact=True)).to_be_visible()
    expect(page.get_by_text("vist på skjermer: 1")).to_be_visible()


def test_a_stolen_gateway_is_shut_out_by_one_button_with_its_reason(screens, town, box, tmp_path):
    page = at_home(screens, town)
    step(page, "Sentral")
    page.get_by_label("Koden på esken").fill(CODE)
    page.get_by_role("button", name="Slipp inn her").click()
    gateway = Enrolling(box, tmp_path).comes().gateway
    card = page.get_by_role("article").filter(has_text=gateway)
    card.get_by_text("Mistet, stjålet eller returnert").click()
    card.get_by_role("button", name="Sperr hjemmesentralen").click()
    assert town.one("select count(*) from certificate where revoked_at is not null") == 0, "it needs a reason"
    card.get_by_label("Stjålet").check()
    card.get_by_role("button", name="Sperr hjemmesentralen").click()
    expect(card.get_by_text("Sperret: slippes ikke inn mer")).to_be_visible()
    assert town.one("select why from certificate where revoked_at is not null") == "stolen"


def test_a_gateway_is_prepared_at_the_depot_and_taken_into_use_in_a_home(screens, town, box, tmp_path):
    page = opened(screens, "/lager")
    page.get_by_label("Koden på esken").fill(CODE)
    page.get_by_role("button", name="Slipp inn på lageret").click()
    gateway = Enrolling(box, tmp_path).comes().gateway
    card = page.get_by_role("region", name=gateway)
    expect(card).to_be_visible()
    says(town, gateway)
    card.get_by_label("Merket på posen").fill("Pose 7")
    card.get_by_role("button", name="Lagre merket").click()
    card = page.get_by_role("region", name="Pose 7")
    card.get_by_role("button", name="Finn sensorer").click()
    is_asked(town)
    listens(town, gateway)
    card.get_by_role("button", name="Klargjør … : Dørsensor").click()
    card.get_by_role("form", name="Klargjør").get_by_role("button", name="Klargjør").click()
    expect(card.get_by_text("Dørsensor …0009", exact=True)).to_be_visible()
    town.sql("update gateway set home_id = %s where name = 'gw-anna'", town.homes["arne"])  # hers has none
    page.goto(f"/montering/{town.homes['anna']}")
    step(page, "Sentral")
    page.get_by_role("button", name="Ta i bruk her : Pose 7").click()
    expect(page.get_by_role("article").filter(has_text=gateway)).to_contain_text("Pose 7")
    assert town.one("select home_id from gateway where name = %s", gateway) == town.homes["anna"]


CAMERA = """
window.BarcodeDetector = class { detect() { return Promise.resolve([{ rawValue: PICTURE }]) } }
navigator.mediaDevices.getUserMedia = () => Promise.resolve(document.createElement('canvas').captureStream(5))
HTMLMediaElement.prototype.play = () => Promise.resolve()
"""


def test_the_code_is_read_by_the_camera_where_the_browser_can(screens, town):
    page = screens.blank(POCKET)
    picture = json.dumps(json.dumps({"v": 1, "server": "https://h.example", "authority": "0" * 64, "code": CODE}))
    page.add_init_script(CAMERA.replace("PICTURE", picture))
    page.goto(f"/montering/{town.homes['anna']}")
    sign_in(page, "tor")
    step(page, "Sentral")
    page.get_by_role("button", name="Skann koden").click()
    expect(page.get_by_label("Koden på esken")).to_have_value(CODE)
    expect(page.locator("video")).to_have_count(0)
    answer = page.request.get("/")
    assert "camera=(self)" in answer.headers["permissions-policy"]


def test_whoever_installs_nothing_is_not_shown_the_way_here(screens, town):
    page = screens.signed_in("kari")
    page.goto("/montering")
    expect(page).to_have_url(f"{screens.url}/")
