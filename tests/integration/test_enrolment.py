"""From a box to a gateway of ours, with keys and requests that `openssl` makes, and certificates that it verifies."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography import x509

from devices.wire import enrolment
from server.store import authority, enrolments
from tests.integration.care_rig import done, get, refused, send
from tests.integration.enrol_rig import CODE, OTHER_CODE, Box, comes, let_in, openssl, standing
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration


@pytest.fixture
def stranger(api: Any, signer: None) -> httpx.Client:
    """Any program, signed in as nobody."""
    return api.client()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(directory=tmp_path / "box")


def ticket_of(answer: httpx.Response) -> str:
    said = done(answer)
    assert said["state"] == "waiting", said
    return str(said["ticket"])


def enrolled(stranger: httpx.Client, tor: httpx.Client, town: Any, box: Box) -> dict[str, Any]:
    ticket = ticket_of(box.asks(stranger))
    let_in(tor, town)
    return comes(stranger, ticket, "issued")


def verified(directory: Path, answer: dict[str, Any]) -> str:
    """By openssl, as a TLS server looks at its client; the text of the certificate."""
    (directory / "ca.pem").write_text(answer["authority"])
    (directory / "own.pem").write_text(answer["certificate"])
    strict = ("-x509_strict", "-purpose", "sslclient", "-CAfile", directory / "ca.pem")
    openssl("verify", *strict, directory / "own.pem")
    return openssl("x509", "-in", directory / "own.pem", "-noout", "-text").decode()


def test_a_box_becomes_a_gateway_when_the_technician_accepts_its_code(stranger, tor, town, box):
    ticket = ticket_of(box.asks(stranger))
    (waits,) = get(tor, "/enrolments")["enrolments"]
    assert (waits["code"], waits["model"], waits["version"], waits["doubtful"]) == (CODE, "Pi", "0.1.0", False)
    assert waits["key"] == box.public_key()
    assert standing(stranger, ticket)["state"] == "waiting"
    assert let_in(tor, town)["gateway"] == "gw-new"
    answer = comes(stranger, ticket, "issued")
    assert (answer["gateway"], answer["bucket"]) == ("gw-new", 0)
    assert answer["mqtt"] == "mqtts://hjemvakt.kommune.example:8883"
    assert abs(answer["at"] / 1000 - datetime.now(UTC).timestamp()) < 60
    home = "select h.name, g.enrolled from gateway g join home h on h.id = g.home_id where g.name = 'gw-new'"
    assert town.sql(home) == [("anna", True)]
    awaited = """select count(*) from deadline d join subject s on s.id = d.subject_id
                 where s.type = 'gateway' and s.reference = (select id::text from gateway where name = 'gw-new')"""
    assert town.one(awaited) == 1, "a gateway that is let in and never heard of is an alert"
    assert get(tor, "/enrolments")["enrolments"] == []
    log = "select what, deed, team_id from access_log where what like '%%gateway%%'"
    assert town.sql(log) == [("lets in gateway gw-new", "change", town.teams["east"])]


def test_openssl_takes_the_certificate_for_what_rfc_5280_says_a_tls_client_is(stranger, tor, town, box):
    text = verified(box.directory, enrolled(stranger, tor, town, box))
    assert "Version: 3 (0x2)" in text
    assert "Signature Algorithm: ecdsa-with-SHA256" in text
    assert "Subject: CN = gw-new\n" in text and "ASN1 OID: prime256v1" in text, "nothing of the request but its key"
    for extension in (
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
        "X509v3 Subject Key Identifier:",
        "X509v3 Authority Key Identifier:",
    ):
        assert extension in text, extension
    mine = openssl("x509", "-in", box.directory / "own.pem", "-noout", "-pubkey")
    assert mine == openssl("pkey", "-in", box.key, "-pubout")
    day_s = 24 * 3600
    openssl("x509", "-in", box.directory / "own.pem", "-noout", "-checkend", str(89 * day_s))
    with pytest.raises(AssertionError):
        openssl("x509", "-in", box.directory / "own.pem", "-noout", "-checkend", str(91 * day_s))


def test_the_authority_may_sign_and_nothing_else_and_says_so(stranger, tmp_path):
    pem = stranger.get("/api/v1/authority").raise_for_status()
    assert pem.headers["content-type"] == "application/x-pem-file"
    (tmp_path / "ca.pem").write_bytes(pem.content)
    text = openssl("x509", "-in", tmp_path / "ca.pem", "-noout", "-text").decode()
    assert "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0" in text
    assert "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n" in text
    openssl("verify", "-x509_strict", "-CAfile", tmp_path / "ca.pem", tmp_path / "ca.pem")


def test_the_same_request_again_is_the_same_request(stranger, tor, town, box):
    first = ticket_of(box.asks(stranger))
    assert ticket_of(box.asks(stranger)) == first
    assert town.one("select count(*) from enrolment") == 1
    let_in(tor, town)
    issued = comes(stranger, first, "issued")
    assert done(box.asks(stranger))["certificate"] == issued["certificate"], "also after it was let in"


def test_a_code_that_comes_with_another_key_is_doubtful_and_lets_neither_in(stranger, tor, town, box, tmp_path):
    thief = Box(directory=tmp_path / "thief")
    ticket_of(box.asks(stranger))
    ticket_of(thief.asks(stranger))
    both = get(tor, "/enrolments")["enrolments"]
    assert [each["doubtful"] for each in both] == [True, True]
    assert {each["key"] for each in both} == {box.public_key(), thief.public_key()}
    for each in both:
        said = refused(send(tor, f"/enrolments/{each['id']}/accept", home=town.homes["anna"]), 409)
        assert "same code" in said
    assert town.one("select count(*) from certificate") == 0
    third = Box(directory=tmp_path / "third")
    assert done(third.asks(stranger))["state"] == "refused"


def test_a_thief_who_came_first_cannot_be_followed_by_the_true_box_unseen(stranger, tor, town, box, tmp_path):
    thief = Box(directory=tmp_path / "thief")
    enrolled(stranger, tor, town, thief)
    ticket_of(box.asks(stranger))
    (waits,) = get(tor, "/enrolments")["enrolments"]
    assert waits["doubtful"] and waits["key"] == box.public_key()


def test_who_is_refused_is_told_why(stranger, tor, town, box):
    ticket = ticket_of(box.asks(stranger))
    (waits,) = get(tor, "/enrolments")["enrolments"]
    done(send(tor, f"/enrolments/{waits['id']}/refuse", why="Feil boks."))
    answer = standing(stranger, ticket)
    assert (answer["state"], answer["why"]) == ("refused", "Feil boks.")
    refused(send(tor, f"/enrolments/{waits['id']}/accept", home=town.homes["anna"], name="gw-new"), 409)


def test_a_gateway_is_let_into_homes_of_ones_own_teams_only(stranger, tor, town, box):
    ticket_of(box.asks(stranger))
    (waits,) = get(tor, "/enrolments")["enrolments"]
    path = f"/enrolments/{waits['id']}/accept"
    refused(send(tor, path, home=town.homes["berta"]), 404)
    refused(send(tor, path, home=town.homes["anna"], name="gw-berta"), 409)
    assert town.one("select state from enrolment") == "waiting"


def test_a_nurse_lets_no_gateway_in_not_even_by_sql(api, stranger, town, box):
    ticket_of(box.asks(stranger))
    kari = api.signed_in("kari")
    refused(kari.get("/api/v1/enrolments"), 403)
    refused(send(kari, "/enrolments/1/accept", home=town.homes["anna"]), 403)
    refused(send(kari, "/gateways/gw-anna/revoke", why="lost"), 403)
    with psycopg.connect(town.owner) as conn:
        conn.execute("set role hjemvakt_api")
        conn.execute("select set_config('hjemvakt.staff', %s, false)", (str(town.staff["kari"]),))
        assert conn.execute("select * from my_enrolments").fetchall() == []
        assert enrolments.accept(conn, 1, town.homes["anna"], "gw-x", datetime.now(UTC)) == "forbidden"
        assert enrolments.revoke(conn, "gw-anna", "lost", datetime.now(UTC)) is None
        assert not enrolments.refuse(conn, 1, "no", datetime.now(UTC))


@pytest.mark.parametrize(
    "table", ["authority", "birth", "enrolment", "certificate", "part_certificate", "revocation_list"]
)
@pytest.mark.parametrize("deed", ["select * from", "delete from", "truncate"])
def test_the_apis_role_reads_and_changes_nothing_of_the_authority(town, signer, deed, table):
    with psycopg.connect(town.owner) as conn:
        conn.execute("set role hjemvakt_api")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(f"{deed} {table}".encode())


def test_the_key_in_the_database_is_of_no_use_without_the_key_file(town, signer):
    from server.errors import SealError
    from server.store.sealing import Seals

    sealed = town.one("select sealed_key from authority")
    assert b"PRIVATE KEY" not in sealed
    with psycopg.connect(town.owner) as conn, pytest.raises(SealError):
        authority.ours(conn, Seals(b"1" * 32), datetime.now(UTC))


# ---- renewal


def test_a_new_certificate_is_had_with_a_proof_and_the_old_one_is_good_until_it_is_used(
    stranger, tor, town, box, tmp_path
):
    first = enrolled(stranger, tor, town, box)
    new = Box(directory=tmp_path / "new")
    ticket = ticket_of(box.renews(stranger, first["certificate"], new))
    second = comes(stranger, ticket, "issued")
    assert "Subject: CN = gw-new\n" in verified(new.directory, second)
    assert second["certificate"] != first["certificate"]
    serials = [serial_of(answer) for answer in (first, second)]
    with town.connection() as conn:
        now = datetime.now(UTC)
        assert [each.serial for each in enrolments.in_force(conn, now)] == serials, "both"
        for gateway, serial in (("gw-new", serials[0]), ("gw-anna", serials[1])):
            connected_by(town, gateway, serial)
            enrolments.end_followed(conn, now)
            assert len(enrolments.in_force(conn, now)) == 2
        connected_by(town, "gw-new", serials[1])
        enrolments.end_followed(conn, now)
        assert [each.serial for each in enrolments.in_force(conn, now)] == [serials[1]]
        assert [(each.serial, each.why) for each in enrolments.revoked(conn, now)] == [(serials[0], "renewed")]
    again = done(box.renews(stranger, first["certificate"], Box(directory=tmp_path / "newest")))
    assert again["state"] == "refused" and "newer certificate" in again["why"]


def connected_by(town: Any, gateway: str, serial: str) -> None:
    """As its heartbeat says it."""
    town.sql("update gateway set status = jsonb_build_object('certificate', %s::text) where name = %s", serial, gateway)


def serial_of(answer: dict[str, Any]) -> str:
    text = openssl("x509", "-noout", "-serial", said=answer["certificate"].encode()).decode()
    return text.strip().partition("=")[2].lower().lstrip("0")


def test_the_same_renewal_again_is_the_same(stranger, tor, town, box, tmp_path):
    first, new = enrolled(stranger, tor, town, box), Box(directory=tmp_path / "new")
    ticket = ticket_of(box.renews(stranger, first["certificate"], new))
    second = comes(stranger, ticket, "issued")
    assert done(box.renews(stranger, first["certificate"], new))["certificate"] == second["certificate"]


def test_a_renewal_without_the_key_or_with_the_old_key_is_refused(stranger, tor, town, box, tmp_path):
    first, thief = enrolled(stranger, tor, town, box), Box(directory=tmp_path / "thief")
    thief.make_key()
    said = refused(thief.renews(stranger, first["certificate"], Box(directory=tmp_path / "new")), 422)
    assert "has not shown the key" in said
    assert "new key" in refused(box.renews(stranger, first["certificate"], box), 422)
    assert town.one("select count(*) from enrolment") == 1


def test_a_certificate_of_another_authority_renews_nothing(stranger, tor, town, box, tmp_path):
    enrolled(stranger, tor, town, box)
    own, new = tmp_path / "own.pem", Box(directory=tmp_path / "new")
    openssl("req", "-x509", "-new", "-key", box.key, "-subj", "/CN=gw-new", "-days", "9", "-out", own)
    assert "not of our authority" in refused(box.renews(stranger, own.read_text(), new), 422)


def test_a_gateway_that_lay_without_clock_renews_for_thirty_days_after_the_end(stranger, api, tor, town, box, tmp_path):
    first = enrolled(stranger, tor, town, box)
    end = x509.load_pem_x509_certificate(first["certificate"].encode()).not_valid_after_utc
    api.stop()
    moment = end + timedelta(days=30, seconds=1)
    api.now = lambda: moment
    api.start()
    client, new = api.client(), Box(directory=tmp_path / "new")
    in_1970 = 946_684_800_000  # what a clock without a battery may say: the time in the proof is not judged
    assert "enrol this gateway anew" in refused(box.renews(client, first["certificate"], new, at=in_1970), 422)
    moment = end + timedelta(days=29, hours=23)
    ticket_of(box.renews(client, first["certificate"], new, at=in_1970))


def test_a_revoked_gateway_is_told_to_wipe_and_renews_never(stranger, tor, town, box, tmp_path):
    first = enrolled(stranger, tor, town, box)
    said = done(send(tor, "/gateways/gw-new/revoke", why="stolen"))
    assert (said["gateway"], said["certificates"]) == ("gw-new", 1)
    with town.connection() as conn:
        assert enrolments.in_force(conn, datetime.now(UTC)) == []
    new = Box(directory=tmp_path / "new")
    assert done(box.renews(stranger, first["certificate"], new)) == {"v": 1, "state": "revoked"}
    assert done(box.asks(stranger)) == {"v": 1, "state": "revoked"}
    assert town.one("select count(*) from certificate where revoked_at is null") == 0
    log = "select what from access_log where what like 'revokes%%'"
    assert town.sql(log) == [("revokes gateway gw-new: stolen",)]


def test_nobody_revokes_gateways_of_another_team(api, stranger, tor, town, box):
    enrolled(stranger, tor, town, box)
    refused(send(api.signed_in("vera"), "/gateways/gw-new/revoke", why="lost"), 404)
    assert town.one("select count(*) from certificate where revoked_at is null") == 1


# ---- what strangers may not do


def test_keys_that_are_not_p_256_and_requests_that_are_none_are_refused(stranger, box):
    box.make_key("secp384r1")
    assert "P-256" in refused(box.asks(stranger), 422)
    header = "-----BEGIN CERTIFICATE REQUEST-----\n"
    assert "no certificate request" in refused(box.asks(stranger, csr=header + "AAAA"), 422)
    assert "does not fit" in refused(box.asks(stranger, v=2), 422)
    refused(stranger.post("/api/v1/enrolment", content=b"{" * 16_000), 422)
    refused(stranger.post("/api/v1/enrolment", content=b" " * 70_000), 413)


def test_a_request_that_somebody_else_signed_is_refused(stranger, box, tmp_path):
    other = Box(directory=tmp_path / "other")
    der = [bytearray(openssl("req", "-outform", "DER", said=each.request().encode())) for each in (box, other)]
    point = [der_.index(b"\x03\x42\x00\x04") + 4 for der_ in der]
    der[0][point[0] : point[0] + 64] = der[1][point[1] : point[1] + 64]
    forged = b"-----BEGIN CERTIFICATE REQUEST-----\n" + openssl("base64", said=bytes(der[0]))
    text = (forged + b"-----END CERTIFICATE REQUEST-----\n").decode()
    refused(box.asks(stranger, csr=text), 422)


def test_a_ticket_that_nobody_was_given_opens_nothing(stranger):
    refused(stranger.post("/api/v1/enrolment/ticket", json={"v": 1, "ticket": "0" * 32}), 404)


def test_strangers_cannot_take_the_places_of_boxes_that_were_prepared(stranger, town, tmp_path):
    town.sql("insert into birth values (%s, 'gw-born', now())", CODE)
    crowd = """insert into enrolment (code, key, csr, ticket_hash, asked_at, heard_at)
               select n::text, n::text, '', n::text::bytea, now(), now() from generate_series(1, 100) n"""
    town.sql(crowd)
    answer = Box(directory=tmp_path / "stranger", code=OTHER_CODE).asks(stranger)
    refused(answer, 503)
    assert answer.headers["retry-after"] == "600"
    ticket_of(Box(directory=tmp_path / "born").asks(stranger))
    town.sql("update enrolment set asked_at = now() - interval '8 days' where code <> %s", CODE)
    ticket_of(Box(directory=tmp_path / "stranger", code=OTHER_CODE).asks(stranger))
    assert town.one("select count(*) from enrolment") == 2, "after a week they are forgotten"


def test_who_asks_too_often_from_one_address_waits(stranger, box):
    for _ in range(60):
        ticket_of(box.asks(stranger))
    answer = box.asks(stranger)
    assert "your address" in refused(answer, 429) and int(answer.headers["retry-after"]) <= 300


def test_a_prepared_box_is_called_as_it_was_named_and_any_other_by_its_key(stranger, tor, town, box, tmp_path):
    town.sql("insert into birth values (%s, 'gw-born', now())", CODE)
    ticket_of(box.asks(stranger))
    assert get(tor, "/enrolments")["enrolments"][0]["gateway"] == "gw-born"
    assert let_in(tor, town, name=None)["gateway"] == "gw-born"
    await_true(lambda: get(tor, "/enrolments")["enrolments"] == [])
    other = Box(directory=tmp_path / "other", code=OTHER_CODE)
    ticket_of(other.asks(stranger))
    assert let_in(tor, town, name=None)["gateway"] == f"hjem-{other.public_key()[:8]}"


def test_an_answer_sent_again_is_not_done_again(stranger, tor, town, box):
    ticket_of(box.asks(stranger))
    (waits,) = get(tor, "/enrolments")["enrolments"]
    wish = {"home": town.homes["anna"], "name": "gw-new"}
    first = done(send(tor, f"/enrolments/{waits['id']}/accept", key="one-key-for-it", **wish))
    assert done(send(tor, f"/enrolments/{waits['id']}/accept", key="one-key-for-it", **wish)) == first
    assert town.one("select count(*) from access_log where what like 'lets in%%'") == 1


def test_what_the_server_answers_is_what_the_contract_reads(stranger, tor, town, box):
    enrolled(stranger, tor, town, box)
    answer = enrolment.decode_answer(box.asks(stranger).content)
    assert answer.state is enrolment.State.ISSUED
