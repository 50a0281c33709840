"""Tokens of other programs: what each scope opens, that nothing else opens, and how a token ends."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from devices.vocabulary import EventType, Kind
from server.__main__ import main
from server.access import MAY, OPENS, ROLE_OF, Scope
from server.api.desk import digest
from tests.integration.care_rig import get, refused, send
from tests.integration.walk_entries import NOW, operations

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
TECHNICAL = {Scope.TECHNICAL}
CARE = {scope for scope in Scope if ROLE_OF[scope] == "nurse"}
AUDIT = {Scope.ACCESS_LOG}


@pytest.fixture
def command(database, town, monkeypatch, capsys) -> Any:
    """What `hjemvakt token ...` prints, and its exit code."""
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", database.owner)

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["token", *arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture
def machine(api, command) -> Any:
    """A program of the eastern team with these scopes."""

    def made(*scopes: Scope, name: str = "journal", days: int = 90) -> httpx.Client:
        wished = [each for scope in scopes for each in ("--scope", scope.value)]
        code, said = command("add", name, "--team", "east", "--days", str(days), "--by", "Kari", *wished)
        assert code == 0, said
        found = re.search(r"The token is (\S{43})$", said, re.MULTILINE)
        assert found is not None, said
        client = api.client()
        client.headers["Authorization"] = f"Bearer {found[1]}"
        return client

    return made


@pytest.fixture
def happened(town) -> tuple[dict[str, int], dict[str, int]]:
    """What the own team has, and what another has, in place of the parameters of paths."""
    teams = []
    for team, name in (("east", "anna"), ("west", "berta")):
        town.measure(name, Kind.SPO2, 81, NOW - timedelta(minutes=5))
        alert = town.press(name, EventType.FALL)
        whom = {"patient": town.patients[name], "team": town.teams[team], "home": town.homes[name]}
        teams.append(whom | {"alert": alert, "staff": town.staff["ola"], "session": 999_999, "access": 999_999})
    return teams[0], teams[1]


def signed(document: dict[str, Any]) -> set[str]:
    """The names of the operations that one has to be signed in for."""
    return {said["operationId"] for path in document["paths"].values() for said in path.values() if "security" in said}


@pytest.mark.parametrize("scopes", [CARE, TECHNICAL, AUDIT], ids=["care", "technical", "audit"])
def test_a_token_opens_what_its_scopes_say_of_its_own_team_and_nothing_else_by_any_route(
    api, town, machine, happened, scopes
):
    document = api.client().get("/api/v1/openapi.json").json()
    own, theirs = happened
    program, opened = machine(*scopes), frozenset().union(*(OPENS[scope] for scope in scopes))
    assert opened <= signed(document), "a scope of something that there is not"
    for operation in operations(document):
        if operation.name not in signed(document) or operation.name == "sign_out":
            continue
        answer, of_theirs = (program.request(**operation.request(**whom)) for whom in (own, theirs))
        if operation.name in opened:
            assert answer.is_success, (operation.name, answer.text)
            assert of_theirs.status_code == 404 or "berta" not in of_theirs.text.replace("gw-berta", ""), operation.name
        else:
            assert "This token is not for that" in refused(answer, 403), operation.name
            refused(of_theirs, 403)


def test_what_a_program_saw_is_in_the_access_log_by_its_name(api, town, machine):
    program = machine(Scope.BOARD, Scope.READINGS)
    get(program, "/board")
    query = {"kind": "spo2", "from": (NOW - timedelta(hours=1)).isoformat(), "to": NOW.isoformat()}
    get(program, f"/patients/{town.patients['anna']}/series", **query)
    entries = get(api.signed_in("rune"), "/access-log")["entries"]
    assert [(each["staff"]["name"], each["deed"], each["role"]) for each in entries] == [
        ("journal", "look", "nurse"),
        ("journal", "board", "nurse"),
    ]


def test_the_token_itself_is_not_stored(town, machine):
    program = machine(Scope.BOARD)
    token = program.headers["Authorization"].removeprefix("Bearer ")
    assert town.sql("select token_hash from machine_token") == [(digest(token),)]
    assert token not in str(town.sql("select machine_token::text from machine_token"))


@pytest.mark.parametrize("header", ["Bearer x", "Bearer", "Basic eDp5", "Bearer hjemvakt_session"])
def test_what_is_no_token_opens_nothing(api, town, header):
    refused(api.client().get("/api/v1/board", headers={"Authorization": header}), 401)


def test_a_session_is_no_token_and_a_token_no_session(api, town, machine):
    program, kari = machine(Scope.BOARD), api.signed_in("kari")
    token = program.headers["Authorization"].removeprefix("Bearer ")
    refused(api.client().get("/api/v1/board", headers={"Cookie": f"hjemvakt_session={token}"}), 401)
    cookie = kari.cookies["hjemvakt_session"]
    refused(api.client().get("/api/v1/board", headers={"Authorization": f"Bearer {cookie}"}), 401)
    both = kari.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert "not for that" in refused(both, 403), "a program gets no more by a cookie beside its token"


def test_it_ends_by_itself_when_revoked_when_made_anew_and_with_its_team(api, town, machine, command):
    program = machine(Scope.BOARD)
    get(program, "/board")
    newer = machine(Scope.BOARD)
    refused(program.get("/api/v1/board"), 401)
    get(newer, "/board")
    town.sql("update machine_token set made_at = made_at - interval '1 y', expires_at = now() - interval '1 s'")
    refused(newer.get("/api/v1/board"), 401)
    third = machine(Scope.BOARD)
    assert command("revoke", "journal") == (0, "Nothing opens with the token of journal any more.\n")
    refused(third.get("/api/v1/board"), 401)
    assert command("revoke", "journal")[0] == 1
    fourth = machine(Scope.BOARD)
    town.sql("delete from staff_team using staff where staff.id = staff_id and machine")
    assert "Your role" in refused(fourth.get("/api/v1/board"), 403)


def test_one_sees_which_there_are_and_when_each_was_used(town, machine, command):
    program = machine(Scope.BOARD)
    assert "never used" in command("list")[1]
    get(program, "/board")
    assert re.search(
        r"^journal\teast\tboard:read\tuntil \d{4}-\d\d-\d\d\tused 20\S+ \S+ \(UTC\)\tby Kari$", command("list")[1]
    )
    used_at = town.one("select used_at from machine_token")
    assert datetime.now(UTC) - used_at < timedelta(minutes=5)


def test_a_program_is_nobody_whom_an_alert_is_given_or_who_signs_in(api, town, machine):
    machine(Scope.BOARD)
    alert, kari = town.press("anna"), api.signed_in("kari")
    assert "journal" not in str(get(kari, f"/alerts/{alert}/colleagues"))
    for password in ("!", "a long sentence about nothing"):
        wish = {"login": "machine:journal", "password": password}
        refused(api.client().post("/api/v1/session", json=wish), 401)


def test_a_program_is_in_no_list_of_staff_and_nobody_can_be_it(api, town, machine, monkeypatch, capsys):
    machine(Scope.BOARD)
    journal = town.one("select id from staff where machine")
    siv = api.signed_in("siv")
    duty = {"staff": journal, "part": "duty"}
    assert "can be on duty" in refused(send(siv, f"/teams/{town.teams['east']}/duty", **duty), 422)
    monkeypatch.setenv("HJEMVAKT_OIDC_ISSUER", "https://id.example")
    monkeypatch.setenv("HJEMVAKT_OIDC_CLIENT_ID", "hjemvakt")
    monkeypatch.setenv("HJEMVAKT_PUBLIC_URL", "https://hjemvakt.example")
    monkeypatch.setattr("sys.stdin", io.StringIO("a long sentence\n" * 2))
    assert main(["user", "list"]) == 0
    assert "journal" not in capsys.readouterr().out
    login = "machine:journal"
    member = ["--name", "J", "--initials", "J", "--team", "west=nurse"]
    for command in (["password", login], ["link", login, "somebody"], ["add", login, *member]):
        assert main(["user", *command]) == 1, command
    with pytest.raises(psycopg.errors.CheckViolation):
        town.sql("update staff set password_hash = 'x' where machine")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--team", "east", "--scope", "board:read", "--scope", "technical:read"), "different roles"),
        (("--team", "nowhere", "--scope", "board:read"), "no team nowhere"),
        (("--team", "east", "--scope", "board:read", "--days", "0"), "from one to 400 days"),
        (("--team", "east", "--scope", "board:read", "--days", "401"), "from one to 400 days"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_makes_nothing(town, command, arguments, said):
    code, sentence = command("add", "journal", "--by", "Kari", *arguments)
    assert code == 1 and said in sentence
    assert town.sql("select * from staff where machine") == []


def test_no_scope_lets_a_program_do_what_its_role_may_not():
    for scope in Scope:
        assert OPENS[scope] and MAY[ROLE_OF[scope]]
        assert not [name for name in OPENS[scope] if not name.startswith("get_")], "tokens read"
