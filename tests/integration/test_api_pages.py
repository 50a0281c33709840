"""The dashboard's files as the api serves them."""

import httpx
import pytest

from server.api.app import create_app

INDEX = "<!doctype html><title>Hjemvakt</title><script type=module src=/assets/main-1a2b.js></script>"


@pytest.fixture
async def pages(tmp_path):
    """The application without its start: pages need no database."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text(INDEX)
    (static / "assets" / "main-1a2b.js").write_text("export {}")
    (static / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "secret.txt").write_text("not a page")
    async with browser(static) as client:
        yield client


def browser(static):
    app = create_app(database_url="", static=static)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hjemvakt.test")


@pytest.mark.parametrize("path", ["/", "/patients/7", "/alerts/3?from=board", "/index.html"])
async def test_the_dashboard_finds_its_own_way_from_every_path(pages, path):
    answer = await pages.get(path)
    assert answer.text == INDEX
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"]


async def test_files_whose_names_change_with_their_content_are_kept_for_ever(pages):
    answer = await pages.get("/assets/main-1a2b.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert (await pages.get("/icon.svg")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/assets/main-old.js", "/api/v1/nothing", "/api"])
async def test_a_file_that_is_gone_and_a_wrong_route_are_not_the_page(pages, path):
    answer = await pages.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/%00", "/" + "x" * 5000]
)
async def test_nothing_outside_the_pages_is_served(pages, path):
    answer = await pages.get(path)
    assert "not a page" not in answer.text
    assert answer.status_code in (200, 404)


async def test_pages_are_only_read(pages):
    answer = await pages.post("/patients/7", json={})
    assert answer.status_code == 405
    assert answer.json()["detail"] == "/patients/7 does not take POST; it takes GET, HEAD."


async def test_a_server_without_built_pages_says_how_to_build_them(tmp_path):
    async with browser(tmp_path) as client:
        answer = await client.get("/")
    assert answer.status_code == 503
    assert "bootstrap.py run" in answer.text
