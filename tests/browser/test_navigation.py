"""Every screen has an address: links, back, forward and a link from a phone's message lead to it."""

from playwright.sync_api import expect

from tests.browser.conftest import link, row, sign_in
from tests.browser.test_board_use import PHONE, TARGETS, TOO_WIDE, violations


def in_menu(page, name):
    page.get_by_role("button", name="Meny").click()
    return page.locator("#menu").get_by_text(name)


def test_a_coordinator_goes_to_the_equipment_and_back_and_the_socket_stays(screens):
    page = screens.blank()
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket))
    screens.signed_in("siv", page=page)
    page.get_by_role("link", name="Utstyr").click()
    expect(page.get_by_role("heading", name="Hjemmesentraler")).to_be_visible()
    assert page.url.endswith("/utstyr")
    expect(page).to_have_title("Hjemvakt – Utstyr")
    page.go_back()
    expect(row(page, "anna")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="Hjemmesentraler")).to_be_visible()
    page.get_by_role("link", name="Vakttavle").click()
    expect(row(page, "anna")).to_be_visible()
    assert len(sockets) == 1


def test_back_finds_the_board_where_it_was_left(town, screens):
    for number in range(20):
        town.add_patient(f"pasient {number}", "east")
    page = screens.signed_in("siv", (1440, 500))
    page.wait_for_load_state("networkidle")  # what stands beside the readings comes late, and moves the rows
    row(page, "pasient 15").scroll_into_view_if_needed()
    stood = page.evaluate("scrollY")
    assert stood > 100
    page.evaluate("document.querySelector('nav a[href=\"/utstyr\"]').click()")
    expect(page.get_by_role("heading", name="Hjemmesentraler")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    page.go_back()
    expect(row(page, "pasient 15")).to_be_in_viewport()
    page.wait_for_function("stood => Math.abs(scrollY - stood) < 5", arg=stood)


def test_an_alert_is_counted_in_the_way_back_to_the_board(town, screens):
    page = screens.signed_in("siv")
    page.get_by_role("link", name="Utstyr").click()
    town.press("anna")
    expect(page.get_by_role("link", name="Vakttavle")).to_contain_text("1 røde og 0 gule venter")
    expect(page).to_have_title("(1) Rød – Hjemvakt – Utstyr")
    expect(page.get_by_role("alert")).to_contain_text("anna")


def test_the_address_asked_for_is_opened_after_signing_in(screens):
    page = screens.blank()
    page.goto("/utstyr")
    sign_in(page, "siv")
    expect(page.get_by_role("heading", name="Hjemmesentraler")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Hjemmesentraler")).to_be_visible()


def test_whoever_signs_out_leaves_no_address_to_the_next_one(screens):
    page = screens.blank()
    page.goto("/utstyr")
    sign_in(page, "siv")
    expect(page.get_by_role("heading", name="Hjemmesentraler")).to_be_visible()
    in_menu(page, "Logg ut").click()
    sign_in(page, "kari")
    expect(link(page)).to_have_text("Direkte")
    assert page.evaluate("location.pathname") == "/"


def test_a_screen_that_is_not_the_roles_leads_to_its_own(screens):
    page = screens.blank()
    page.goto("/varsel/1")
    sign_in(page, "tor")
    expect(page.get_by_role("heading", name="Hjemmesentraler")).to_be_visible()
    assert page.evaluate("location.pathname") == "/utstyr"


def test_an_address_that_is_none_says_so_and_shows_the_way(screens):
    page = screens.blank()
    page.goto("/ingenting/her")
    sign_in(page, "kari")
    expect(page.get_by_role("heading", name="Siden finnes ikke")).to_be_visible()
    page.locator("main").get_by_role("link", name="Vakttavle").click()
    expect(row(page, "anna")).to_be_visible()


def test_on_a_phone_the_other_places_are_in_the_menu_which_keys_open_and_close(screens):
    page = screens.signed_in("siv", PHONE)
    expect(page.locator("nav")).to_be_hidden()
    button = page.get_by_role("button", name="Meny")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#menu").get_by_role("link", name="Utstyr")).to_be_visible()
    assert violations(page) == []
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
    page.keyboard.press("Escape")
    expect(page.locator("#menu")).to_be_hidden()
    expect(button).to_be_focused()
    in_menu(page, "Utstyr").click()
    expect(page.get_by_role("heading", name="Hjemmesentraler")).to_be_visible()
    expect(page.locator("#menu")).to_be_hidden()
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
    page.get_by_role("link", name="Vakttavle").click()
    expect(row(page, "anna")).to_be_visible()


def test_a_page_that_cannot_be_fetched_says_so(screens):
    screens.expected = ("401", "ERR_FAILED", "Failed to load", "dynamically imported")
    page = screens.signed_in("siv")
    page.route("**/assets/Equipment-*.js", lambda route: route.abort())
    page.get_by_role("link", name="Utstyr").click()
    expect(page.get_by_role("button", name="Last på nytt")).to_be_visible()
    page.unroute("**/assets/Equipment-*.js")
    page.get_by_role("button", name="Last på nytt").click()
    expect(page.get_by_role("heading", name="Hjemmesentraler")).to_be_visible()
