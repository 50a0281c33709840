"""Debian's Chromium on the real page, served by the real api on a real database."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.integration.conftest import PASSWORD, Api, api, signer, town

__all__ = ["api", "signer", "town"]

DASHBOARD = Path(__file__).parents[2] / "dashboard"
STATIC = DASHBOARD.parent / "server" / "api" / "static"
AXE = DASHBOARD / "node_modules" / "axe-core" / "axe.min.js"
ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE = (320, 640)
DESK = (1440, 900)
expect.set_options(timeout=30_000)  # ms; a busy machine is not a defect
NO_WORKER = "Service Worker registration blocked"  # what Playwright says where it does so

Language = Literal["nb", "en"]
Theme = Literal["light", "dark"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


def chromium() -> str | None:
    """The whole browser, as people have it."""
    return os.environ.get("HJEMVAKT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def program() -> str | None:
    """The same engine without what a desktop needs, where there is one: it takes a third less of the processors. It
    cannot be pushed to; whoever tests that takes the whole browser."""
    return os.environ.get("HJEMVAKT_CHROMIUM") or shutil.which("chromium-headless-shell") or chromium()


def _newest_source() -> float:
    sources = (*DASHBOARD.joinpath("src").rglob("*"), DASHBOARD / "index.html", *DASHBOARD.glob("*.ts"))
    return max(path.stat().st_mtime for path in sources if ".test." not in path.name and path.is_file())


@pytest.fixture(scope="session")
def built_page() -> None:
    index = STATIC / "index.html"
    if not index.is_file():
        pytest.skip("the dashboard is not built: npm ci && npm run build in dashboard/")
    if index.stat().st_mtime < _newest_source():
        pytest.fail("the built dashboard is older than its source: npm run build in dashboard/")


@pytest.fixture(scope="module")
def browser(built_page: None, program: str | None) -> Iterator[Browser]:
    """Per module: while it lives, Playwright's loop is the thread's, and tests with a loop of their own cannot run."""
    if program is None:
        pytest.skip("there is no Chromium: apt-get install chromium, or set HJEMVAKT_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGS)
        yield browser
        browser.close()


@dataclass(kw_only=True)
class Screens:
    """Opens screens, and at the end says what their consoles complained of."""

    browser: Browser
    url: str
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    expected: tuple[str, ...] = ("401",)
    """a console line with one of these is no complaint: asking "am I signed in?" is answered with 401"""

    def blank(
        self,
        size: tuple[int, int] = DESK,
        *,
        language: Language = "nb",
        theme: Theme = "light",
        motion: bool = True,
        worker: bool = False,
    ) -> Page:
        """`worker`: with the service worker, behind whose back a test cannot answer requests itself."""
        width, height = size
        context = self.browser.new_context(
            base_url=self.url,
            viewport={"width": width, "height": height},
            color_scheme=theme,
            reduced_motion="no-preference" if motion else "reduce",
            service_workers="allow" if worker else "block",
            timezone_id="America/New_York",  # the page must show Oslo's time all the same
        )
        self.contexts.append(context)
        context.add_init_script(f"localStorage.getItem('language') ?? localStorage.setItem('language', '{language}')")
        page = context.new_page()
        page.on(
            "console", lambda message: self._complain(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self._complain(str(error)))
        return page

    def _complain(self, text: str) -> None:
        if not any(part in text for part in (*self.expected, NO_WORKER)):
            self.complaints.append(text)

    def login_page(self, size: tuple[int, int] = DESK, *, language: Language = "nb", theme: Theme = "light") -> Page:
        page = self.blank(size, language=language, theme=theme)
        page.goto("/")
        expect(page.locator("[name=login]")).to_be_visible()
        return page

    def signed_in(
        self,
        login: str,
        size: tuple[int, int] = DESK,
        *,
        language: Language = "nb",
        theme: Theme = "light",
        motion: bool = True,
        page: Page | None = None,
    ) -> Page:
        """The board, live."""
        page = page or self.blank(size, language=language, theme=theme, motion=motion)
        page.goto("/")
        sign_in(page, login)
        expect(link(page)).to_have_text("Direkte" if language == "nb" else "Live")
        return page


def sign_in(page: Page, login: str, password: str = PASSWORD) -> None:
    page.locator("[name=login]").fill(login)
    page.locator("[name=password]").fill(password)
    page.locator("button.submit").click()


def link(page: Page) -> Locator:
    return page.locator("header [role=status]")


def card(page: Page, alert: int) -> Locator:
    return page.locator(f"article[data-alert='{alert}']")


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=name)


@pytest.fixture
def screens(api: Api, browser: Browser) -> Iterator[Screens]:
    opened = Screens(browser=browser, url=api.url)
    yield opened
    for context in opened.contexts:
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")  # a request that is under way would fail the next test
        context.close()
    assert opened.complaints == []
