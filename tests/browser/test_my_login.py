"""One's own login: codes turned on, seen once and turned off; where one is signed in; what is demanded of roles."""

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, link, sign_in
from tests.browser.test_board_use import TARGETS, TOO_WIDE, violations
from tests.browser.test_navigation import in_menu
from tests.integration.conftest import PASSWORD


def shows(page: Page) -> str:
    """What an app says that was given the key by hand."""
    return pyotp.TOTP(page.locator("code.secret").inner_text().replace(" ", "")).now()


def begin(page: Page) -> list[str]:
    """The codes on paper."""
    page.get_by_label("Passord", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Videre").click()
    expect(page.get_by_role("img", name="QR-kode for appen")).to_be_visible()
    page.get_by_label("Koden som appen viser nå").fill(shows(page))
    page.get_by_role("button", name="Bekreft").click()
    expect(page.get_by_role("heading", name="Skriv ned papirkodene")).to_be_visible()
    return page.locator("li code").all_inner_texts()


def test_a_nurse_turns_codes_on_sees_the_paper_ones_once_and_comes_in_with_one(town, screens):
    page = screens.signed_in("kari")
    in_menu(page, "Min innlogging").click()
    page.get_by_role("button", name="Slå på koder").click()
    papers = begin(page)
    assert len(set(papers)) == 10
    page.get_by_role("button", name="Jeg har skrevet dem ned").click()
    expect(page.get_by_text("10 papirkoder er igjen.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("10 papirkoder er igjen.")).to_be_visible()
    assert papers[0] not in page.content()
    other = screens.blank()
    other.goto("/")
    sign_in(other, "kari")
    other.locator("[name=code]").fill(papers[0])
    other.locator("button.submit").click()
    expect(link(other)).to_have_text("Direkte")
    page.get_by_role("button", name="Slå av koder").click()
    page.get_by_label("Passord", exact=True).fill(PASSWORD)
    page.get_by_label("Kode fra appen, eller en papirkode").fill(papers[1])
    page.get_by_role("button", name="Slå av koder").click()
    expect(page.get_by_text("Koder er av.")).to_be_visible()


def test_one_sees_where_one_is_signed_in_and_ends_it_there(town, screens):
    away = screens.signed_in("kari")
    page = screens.signed_in("kari")
    page.goto("/min-innlogging")
    expect(page.get_by_text("denne skjermen")).to_be_visible()
    page.get_by_role("button", name="Avslutt innloggingen fra").click()
    expect(page.get_by_text("Du er ikke logget inn andre steder.")).to_be_visible()
    expect(away.locator("[name=login]")).to_be_visible()


def test_what_is_demanded_of_a_role_stands_between_the_login_and_the_board(town, screens):
    town.add_staff("anne", east="administrator")
    page = screens.blank()
    page.goto("/min-innlogging")
    sign_in(page, "anne")
    page.get_by_label("Sykepleier").check()
    page.get_by_label("Begrunnelse").fill("Vedtatt i ledermøtet")
    page.get_by_role("button", name="Bestem").click()
    expect(page.get_by_text("Anne: Sykepleier")).to_be_visible()
    kari = screens.blank()
    kari.goto("/")
    sign_in(kari, "kari")
    expect(kari.get_by_text("Rollen din må ha kode i tillegg til passordet.")).to_be_visible()
    assert "anna" not in kari.content()
    assert violations(kari) == []
    begin(kari)
    kari.get_by_role("button", name="Jeg har skrevet dem ned").click()
    expect(link(kari)).to_have_text("Direkte")


@pytest.mark.parametrize("language", ["nb", "en"])
@pytest.mark.parametrize("size", [PHONE, DESK])
def test_everybody_can_use_it(town, screens, size, language):
    town.add_staff("anne", east="administrator")
    page = screens.blank(size, language=language)
    page.goto("/min-innlogging")
    sign_in(page, "anne")
    expect(page.locator("fieldset")).to_be_visible()
    codes = page.locator("section").first  # what stands below it may be there before its button is
    codes.locator("button.main").click()
    codes.locator("[name=password]").fill(PASSWORD)
    codes.locator("button.main").click()
    expect(codes.locator("svg")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(TARGETS) == []
