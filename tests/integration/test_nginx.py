"""deploy/nginx before a real api: TLS, cookies, pages, changes, the live socket, and what is not believed."""

import asyncio
import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from websockets.asyncio.client import connect

from tests import programs
from tests.integration.conftest import PASSWORD, Api
from tests.integration.monitor_rig import await_true
from tests.ports import free_ports, listens

pytestmark = pytest.mark.integration
EXAMPLE: Final = Path(__file__).parents[2] / "deploy" / "nginx" / "hjemvakt.conf"
MAIN: Final = """
daemon off;
{user}
pid {here}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    include {here}/hjemvakt.conf;
}}
"""


@dataclass(frozen=True, kw_only=True)
class Front:
    port: int
    plain_port: int
    certificate: Path
    log: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trusting(), trust_env=False, timeout=30)


def make_certificate(here: Path) -> None:
    asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    files = ("-keyout", here / "privkey.pem", "-out", here / "fullchain.pem")
    names = ("-addext", "subjectAltName=DNS:localhost")
    subprocess.run(["openssl", *asked.split(), *names, *files], check=True, capture_output=True)


def fitted(here: Path, *, api: int, secure: int, plain: int) -> str:
    """The example with this test's ports and files in place of the usual ones; nothing else of it is changed."""
    text = re.sub(r"^ *listen \[::\].*\n", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    places = {
        "listen 443 ": f"listen 127.0.0.1:{secure} ",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{api};",
        "/etc/hjemvakt/tls/": f"{here}/",
        "/var/log/nginx/": f"{here}/",
        "hjemvakt.kommune.example": "localhost",
    }
    for written, here_it_is in places.items():
        assert written in text
        text = text.replace(written, here_it_is)
    return text


@pytest.fixture
def front(api: Api, own_place: Path) -> Iterator[Front]:
    nginx = programs.needed("nginx")
    here = own_place / "nginx"
    here.mkdir()
    make_certificate(here)
    secure, plain = free_ports(2)
    user = "user root;" if os.geteuid() == 0 else ""
    (here / "nginx.conf").write_text(MAIN.format(here=here, user=user))
    (here / "hjemvakt.conf").write_text(fitted(here, api=api.port, secure=secure, plain=plain))
    command = [str(nginx), "-e", "stderr", "-p", str(here), "-c", str(here / "nginx.conf")]
    environment = programs.environment("nginx")
    tried = subprocess.run([*command, "-t"], env=environment, capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    assert "warn" not in tried.stderr
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        await_true(lambda: listens(secure) and listens(plain))
        yield Front(port=secure, plain_port=plain, certificate=here / "fullchain.pem", log=here / "hjemvakt.log")
    finally:
        process.terminate()
        process.wait(30)


def test_a_nurse_comes_in_by_tls_with_a_cookie_that_only_tls_carries(front: Front, town) -> None:
    with front.client() as nurse:
        said = nurse.post(
            "/api/v1/session", json={"login": "kari", "password": PASSWORD}, headers={"Origin": front.url}
        )
        assert said.status_code == 200
        cookie = said.headers["set-cookie"]
        assert cookie.startswith("__Host-hjemvakt_session=") and "Secure" in cookie and "HttpOnly" in cookie
        board = nurse.get("/api/v1/board").raise_for_status()
        assert "max-age" in board.headers["strict-transport-security"]
        assert board.headers["cache-control"] == "no-store"
        assert "content-encoding" not in board.headers  # BREACH
        assert "nginx/" not in board.headers["server"]


def test_the_live_socket_goes_through_and_says_something(front: Front, town) -> None:
    async def talk(cookie: str, board: dict[str, object]) -> str:
        url = f"wss://localhost:{front.port}/api/v1/live"
        headers = {"Cookie": cookie, "Origin": front.url}
        async with connect(url, ssl=front.trusting(), additional_headers=headers, proxy=None) as line:
            hello = {"type": "hello", "epoch": board["epoch"], "cursors": board["cursors"], "screen": "a" * 16}
            await line.send(json.dumps(hello))
            first = json.loads(await line.recv())["type"]
            assert json.loads(await line.recv())  # the next heartbeat
            return str(first)

    with front.client() as nurse:
        nurse.post("/api/v1/session", json={"login": "kari", "password": PASSWORD}).raise_for_status()
        cookie = "; ".join(f"{name}={value}" for name, value in nurse.cookies.items())
        assert asyncio.run(talk(cookie, nurse.get("/api/v1/board").json())) == "resumed"


def test_a_page_of_another_site_changes_nothing_through_it(front: Front, town) -> None:
    with front.client() as nurse:
        body = {"login": "kari", "password": PASSWORD}
        assert nurse.post("/api/v1/session", json=body, headers={"Origin": "https://evil.example"}).status_code == 403


def test_metrics_need_a_token_through_it_whatever_the_client_says_of_itself(front: Front, api: Api) -> None:
    assert api.client().get("/metrics").status_code == 200  # on the machine itself
    with front.client() as stranger:
        for said in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}):
            assert stranger.get("/metrics", headers=said).status_code == 401


def test_plain_http_is_sent_to_https(front: Front) -> None:
    with httpx.Client(trust_env=False) as client:
        answer = client.post(f"http://localhost:{front.plain_port}/api/v1/session?x=1", json={})
        assert (answer.status_code, answer.headers["location"]) == (308, "https://localhost/api/v1/session?x=1")


@pytest.mark.parametrize(
    ("flag", "opens"), [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)], ids=["1.1", "1.2", "1.3"]
)
def test_tls_is_at_least_1_2(front: Front, flag: str, opens: bool) -> None:
    """Asked by openssl, with its own bar for old versions taken away."""
    where = ["-connect", f"127.0.0.1:{front.port}", "-servername", "localhost", "-CAfile", str(front.certificate)]
    asked = subprocess.run(
        ["openssl", "s_client", *where, "-verify_return_error", flag, "-cipher", "ALL:@SECLEVEL=0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode == 0) is opens, asked.stdout + asked.stderr


def test_its_log_holds_no_path_and_no_address(front: Front, town) -> None:
    with front.client() as nurse:
        nurse.get(f"/api/v1/patients/{town.patients['anna']}/readings")
    await_true(lambda: front.log.exists() and front.log.read_text().endswith("\n"))
    logged = front.log.read_text()
    assert re.fullmatch(r"\S+ 4\d\d GET [\d.]+ \d+ 4\d\d\n", logged), logged


def test_a_body_that_is_too_large_and_an_api_that_is_away_are_answered(front: Front, api: Api) -> None:
    with front.client() as client:
        assert client.post("/api/v1/session", content=b"x" * 70_000).status_code == 413
        api.stop()
        try:
            assert client.get("/healthz").status_code == 502
        finally:
            api.start()
        await_true(lambda: client.get("/healthz").status_code == 200)


def test_the_example_is_whole_and_asks_for_no_more_than_it_needs() -> None:
    """No path of anybody, and every header that says who asks is set or emptied."""
    text = EXAMPLE.read_text(encoding="utf-8")
    told = dict(re.findall(r"proxy_set_header (\S+) (\S+);", text))
    assert {"Host", "X-Forwarded-For", "X-Forwarded-Proto"} <= set(told)
    assert told["X-Forwarded-For"] == "$remote_addr"
    assert told["Forwarded"] == told["X-Real-IP"] == '""'
    assert re.findall(r"ssl_protocols (.*);", text) == ["TLSv1.2 TLSv1.3"]  # openssl of today refuses 1.1 by itself
