"""`hjemvakt import` and `hjemvakt user`, as an administrator runs them, on the real database."""

import json

import pytest

from server.__main__ import main
from server.store import sealing

pytestmark = pytest.mark.integration
# Published by NAV for testing (navikt/fnrvalidator).
NUMBER, OTHER_NUMBER = "13097248022", "29029648784"
HEADING = "referanse;navn;født;forløp;lag;hjem;adresse;kommunenummer;kommune;telefon;fødselsnummer"
LIV = f"P-50;Liv;13.09.1972;kols;east;lia-7;Lia 7;0301;Oslo;90000001;{NUMBER}"


@pytest.fixture
def run(town, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", town.owner)
    monkeypatch.setenv("HJEMVAKT_PEOPLE_KEY", str(tmp_path / "people.key"))
    monkeypatch.delenv("HJEMVAKT_DATA", raising=False)
    sealing.read_or_make(tmp_path / "people.key")

    def run(*arguments: str) -> tuple[int, str]:
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out if code == 0 else said.err

    return run


@pytest.fixture
def take(run, tmp_path):
    def take(*lines: str, heading: str = HEADING, options: tuple[str, ...] = ()) -> tuple[int, str]:
        file = tmp_path / "people.csv"
        file.write_text("\r\n".join([heading, *lines]), encoding="utf-8-sig")
        return run("import", str(file), *options)

    return take


def test_people_come_with_home_municipality_and_sealed_number(take, town, tmp_path):
    assert take(LIV) == (
        0,
        "Changed: 1 municipalities, 1 homes, 1 new patients, 1 numbers. Lines read: 1.\n",
    )
    found = town.sql(
        """select p.name, h.address, m.name, p.phone from patient p join home h on h.id = p.home_id
           join municipality m on m.number = p.municipality where reference = 'P-50'"""
    )
    assert found == [("Liv", "Lia 7", "Oslo", "90000001")]
    assert town.sql("select municipality, team_id from municipality_team") == [("0301", town.teams["east"])]
    ((sealed, lookup),) = town.sql("select sealed, lookup from national_number")
    assert sealing.read(tmp_path / "people.key").open(sealed, lookup, sealing.Purpose.NUMBERS) == NUMBER


def test_the_same_list_again_changes_nothing_and_a_newer_one_what_differs(take, town):
    take(LIV)
    assert take(LIV) == (0, "Changed: nothing. Lines read: 1.\n")
    code, said = take(LIV.replace("Lia 7", "Lia 9").replace("90000001", ""))
    assert (code, said) == (0, "Changed: 1 addresses. Lines read: 1.\n")
    assert town.one("select address from home_address") == "Lia 9"
    assert town.one("select phone from patient where reference = 'P-50'") == "90000001"


def test_a_dry_run_says_what_would_change_and_changes_nothing(take, town):
    code, said = take(LIV, options=("--dry-run",))
    assert code == 0 and said.startswith("Would change: 1 municipalities, 1 homes, 1 new patients")
    assert town.sql("select 1 from patient where reference = 'P-50'") == []
    assert town.sql("select * from municipality") == []


def test_one_line_that_is_wrong_keeps_all_out_and_every_one_is_said(take, town):
    town.sql("update patient set active = false, ended_at = now(), ended_why = 'dead' where reference = 'P-2'")
    code, said = take(
        LIV,
        "P-51;Ola;13.09.1972;kols;north;;;;;;",
        "P-2;arne;17.05.1940;diabetes;east;;;;;;",
        "P-3;berta;17.05.1940;kols;east;;;;;;",
        "P-52;Eva;13.09.1972;kols;east;somewhere;;;;;",
        "P-53;Eva;13.09.1972;kols;east;berta;;;;;",
        "P-54;Eva;13.09.1972;kols;east;;;9999;;;",
        "P-55;Eva;10.11.1955;kols;east;;;;;;10915596784",
    )
    assert code == 1
    lines = said.replace("hjemvakt: ", "").splitlines()
    assert lines[0] == "Nothing was imported."
    starts = {line.partition(":")[0]: line for line in lines[1:]}
    assert list(starts) == [f"Line {number}" for number in range(3, 10)]
    for number, why in {3: "no such team", 4: "ended", 5: "another team's", 6: "new", 7: "another team's"}.items():
        assert why in starts[f"Line {number}"]
    assert "municipality is not known" in starts["Line 8"] and "for tests" in starts["Line 9"]
    assert town.sql("select 1 from patient where reference = 'P-50'") == []


def test_a_number_that_somebody_else_has_is_refused_and_never_said(take, town, caplog):
    take(LIV)
    code, said = take(LIV.replace("P-50", "P-60"))
    assert code == 1 and "one person" in said
    assert NUMBER not in said and NUMBER not in caplog.text
    assert town.one("select count(*) from patient where reference = 'P-60'") == 0


def test_an_old_enrolment_list_wakes_nobody_who_has_ended(run, take, town, tmp_path):
    take(LIV)
    town.sql("update patient set active = false, ended_at = now(), ended_why = 'dead' where reference = 'P-50'")
    listed = tmp_path / "list.json"
    liv = {"reference": "P-50", "name": "Liv", "born_on": "1972-09-13", "pathway": "kols", "team": "east"}
    listed.write_text(json.dumps({"patients": [liv]}))
    code, _ = run("load", str(listed))
    assert code == 0
    assert town.one("select active from patient where reference = 'P-50'") is False


def test_who_ends_cannot_log_in_and_what_was_done_stays(run, api, town):
    kari = api.signed_in("kari")
    code, said = run("user", "list")
    assert code == 0
    assert "kari\tKari\teast=nurse\n" in said
    assert run("user", "end", "kari") == (0, "kari cannot log in any more.\n")
    assert kari.get("/api/v1/board").status_code == 401
    again = api.client().post("/api/v1/session", json={"login": "kari", "password": "a long sentence about nothing"})
    assert again.status_code == 401
    assert "kari\tKari\tno team\tcannot log in\n" in run("user", "list")[1]
    code, said = run("user", "end", "kari")
    assert code == 1 and "kari" in said
    assert town.one("select count(*) from staff where login = 'kari'") == 1
