"""A phone in the hallway, the real agent on its radio, and a nurse's board: one test alarm from box to screen."""

import asyncio
import threading
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.integration.agent_rig import DOOR, Home, living
from tests.integration.box_rig import api, box, nils, server
from tests.integration.enrol_rig import CODE
from tests.integration.monitor_rig import LIMIT_S

__all__ = ["api", "nils", "server"]

POCKET = (390, 844)


class Hallway:
    """The virtual home and its gateway, in a thread and a loop of their own: the browser has the test's."""

    def __init__(self) -> None:
        self.home = Home()
        self._loop = asyncio.new_event_loop()
        self._packets = 1
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def does(self, work: Awaitable[Any]) -> Any:
        async def done() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(LIMIT_S)

    def turn_the_door(self) -> None:
        for opened in (True, False):
            self._packets += 1
            self.does(self.home.door.publish(self.home.says_door(opened=opened, packet_id=self._packets)))

    def take_out_the_battery(self) -> None:
        self.does(self.home.door.stop())
        self.does(self.home.door.start())

    @contextmanager
    def alive(self, tmp_path: Path, town: Any, api: Any) -> Iterator[None]:
        stack = AsyncExitStack()

        async def begin() -> None:
            virtual = await stack.enter_async_context(living(self.home))
            await stack.enter_async_context(box(tmp_path, town, api, virtual))

        try:
            self.does(begin())
            yield
        finally:
            self.does(stack.aclose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(LIMIT_S)
            self._loop.close()


def step(page: Page, name: str) -> None:
    page.locator("main nav").get_by_role("button", name=name).click()


def let_in(page: Page) -> None:
    page.get_by_label("Koden på esken").fill(CODE)
    page.get_by_role("button", name="Slipp inn her").click()
    expect(page.get_by_role("article").filter(has_text="på nett")).to_be_visible()


def bind_the_door(page: Page, hallway: Hallway) -> None:
    step(page, "Sensorer")
    page.get_by_role("button", name=f"Dørsensor {DOOR[-5:].replace(':', '')}").click()
    form = page.get_by_role("form", name="Koble til")
    form.get_by_label("Hjemmet, i rommet").check()
    form.get_by_label("Rom eller sted").fill("Gang")
    form.get_by_role("button", name="Koble til").click()
    bound = page.get_by_role("region", name="Koblet til").get_by_role("article").filter(has_text="Gang")
    expect(bound).to_contain_text("Nyeste: Dør lukket")  # the gateway was told of it, and read it


def prove_the_door(page: Page, hallway: Hallway) -> None:
    step(page, "Pasient")
    card = page.get_by_role("region", name="Rett person").get_by_role("article")
    hallway.turn_the_door()
    expect(card.get_by_role("button", name="Ja, det stemmer")).to_be_visible()
    card.get_by_role("button", name="Jeg har slått den av og på").click()
    expect(card.get_by_role("button", name="Jeg har slått den av og på")).to_have_count(0)
    hallway.take_out_the_battery()
    hallway.turn_the_door()
    card.get_by_role("button", name="Ja, det stemmer").click()
    expect(card.get_by_text("Bestått", exact=True)).to_be_visible()


def walk(page: Page) -> None:
    round_ = page.get_by_role("region", name="Dekning")
    round_.get_by_role("button", name="Soverom").click()
    round_.get_by_role("button", name="Mål her").click()
    expect(round_.get_by_role("listitem").filter(has_text="Soverom")).to_contain_text("dBm")


def try_the_chain(page: Page) -> None:
    step(page, "Prøve")
    page.get_by_role("button", name="Start prøvealarm").click()
    chain = page.get_by_role("region", name="Prøvealarm")
    expect(chain.get_by_text("Bestått", exact=True)).to_be_visible()
    expect(chain.locator("li.lit")).to_have_count(6)


def test_a_home_is_made_safe_with_a_phone_a_real_gateway_and_a_board_that_shows_it(
    screens, town, api, server, nils, tmp_path
):
    hallway = Hallway()
    with hallway.alive(tmp_path, town, api):
        board = screens.signed_in("kari")
        page = screens.blank(POCKET)
        page.goto(f"/montering/{nils}")
        sign_in(page, "tor")
        let_in(page)
        bind_the_door(page, hallway)
        prove_the_door(page, hallway)
        walk(page)
        try_the_chain(page)
        expect(board.locator("article[data-alert]")).to_have_count(0)
        expect(page.get_by_text("Alt er på plass.")).to_be_visible()
        page.get_by_role("button", name="Lag protokoll").click()
        expect(page.get_by_role("button", name="Vis")).to_be_visible()
    assert town.one("select count(*) from installation_protocol") == 1
    assert town.one("select count(*) from alarm_proof where made_at < stored_at and stored_at < seen_at") == 1
