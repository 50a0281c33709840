"""Facts, excuses and the history of a patient as staff say and read them over the api."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def anna(town):
    return f"/patients/{town.patients['anna']}"


def rev(client, path):
    return get(client, f"{path}/facts")["rev"]


SEEN = {"type": "oxygen_seen", "on": True}
OXYGEN = {"type": "oxygen", "on": True, "litres_per_min": 1.5}
RANGE = {"type": "saturation_range", "low_percent": 88, "high_percent": 92}
FACTS = {
    "baseline": {"type": "baseline", "kind": "spo2", "center": 91, "mad": 1, "days": 14, "last_day": "2026-01-20"},
    "saturation_range": RANGE,
    "oxygen": OXYGEN,
    "oxygen_seen": SEEN,
    "consciousness": {"type": "consciousness", "acvpu": "confused"},
    "news2_scale": {"type": "news2_scale", "scale": "scale_2"},
    "symptoms": {"type": "symptoms", "day": "2026-01-20", "symptoms": ["cough", "dyspnoea"]},
}


@pytest.mark.parametrize("type_", FACTS)
def test_each_fact_is_kept_with_who_said_it_and_when(doctor, town, anna, type_):
    at = (NOW - timedelta(minutes=10)).isoformat()
    said = done(send(doctor, f"{anna}/facts", fact=FACTS[type_], at=at, reason="seen at home", rev=rev(doctor, anna)))
    (shown,) = get(doctor, f"{anna}/facts")["facts"]
    assert shown == said
    known = {name: value for name, value in shown["fact"].items() if value is not None}
    assert known == FACTS[type_]
    assert shown["said_by"] == {"id": town.staff["dag"], "name": "Dag", "initials": "DA"}
    assert (datetime.fromisoformat(shown["at"]), shown["reason"]) == (NOW - timedelta(minutes=10), "seen at home")
    assert abs(datetime.fromisoformat(shown["said_at"]) - datetime.now(UTC)) < timedelta(minutes=2)
    assert town.sql("select type, said_by from care_fact") == [(type_, town.staff["dag"])]


def test_what_is_sent_again_with_the_same_key_is_done_once_and_answered_alike(kari, town, anna):
    first, again = (send(kari, f"{anna}/facts", key="screen-1-click-7", fact=SEEN) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert town.one("select count(*) from care_fact") == 1
    sentence = refused(send(kari, f"{anna}/facts", key="screen-1-click-7", fact={**SEEN, "on": False}), 422)
    assert "new one for every change" in sentence
    done(send(kari, f"{anna}/facts", key="screen-1-click-8", fact=SEEN))
    assert town.one("select count(*) from care_fact") == 2


def test_the_same_key_of_another_person_is_another_change(api, kari, town, anna):
    for client in (kari, api.signed_in("ola")):
        done(send(client, f"{anna}/facts", key="the-same-key", fact=SEEN))
    assert town.sql("select said_by from care_fact order by id") == [(town.staff["kari"],), (town.staff["ola"],)]


def test_a_change_that_was_refused_can_be_sent_again_with_its_key(kari, town, anna):
    ahead = (NOW + timedelta(hours=1)).isoformat()
    assert "future" in refused(send(kari, f"{anna}/facts", key="a-key-of-mine", fact=SEEN, at=ahead), 422)
    done(send(kari, f"{anna}/facts", key="a-key-of-mine", fact=SEEN))


def test_eight_screens_that_send_the_same_change_at_once_do_it_once(kari, town, anna):
    gate = threading.Barrier(8)

    def one(_: int) -> tuple[int, int]:
        gate.wait(20)
        answer = send(kari, f"{anna}/facts", key="all-the-same", fact=SEEN)
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(one, range(8)))) == 1
    assert town.one("select count(*) from care_fact") == 1


def test_a_key_is_forgotten_after_a_day(kari, town, anna):
    done(send(kari, f"{anna}/facts", key="an-old-key", fact=SEEN))
    town.sql("update done_once set at = at - interval '25 hours'")
    done(send(kari, f"{anna}/facts", key="another-key", fact=SEEN))
    assert town.sql("select key from done_once") == [("another-key",)]


def test_a_change_without_a_proper_key_is_refused(kari, anna):
    for key in ("short", "x" * 81, "with a blank in it", ""):
        answer = kari.post(f"/api/v1{anna}/facts", json={"fact": SEEN}, headers={"Idempotency-Key": key})
        assert "Idempotency-Key" in refused(answer, 422)
    assert "Idempotency-Key" in refused(kari.post(f"/api/v1{anna}/facts", json={"fact": SEEN}), 422)


def test_a_decision_that_rests_on_what_has_changed_meanwhile_is_refused_with_the_new_revision(doctor, kari, town, anna):
    seen_by_both = rev(kari, anna)
    done(send(kari, f"{anna}/facts", fact=OXYGEN, rev=seen_by_both))
    answer = send(doctor, f"{anna}/facts", fact=RANGE, reason="hypercapnic", rev=seen_by_both)
    assert "look again" in refused(answer, 409)
    assert answer.json()["rev"] == rev(doctor, anna) != seen_by_both
    done(send(doctor, f"{anna}/facts", fact=RANGE, reason="hypercapnic", rev=answer.json()["rev"]))


def test_of_two_who_decide_at_once_one_sees_what_the_other_decided(doctor, kari, town, anna):
    before, gate = rev(kari, anna), threading.Barrier(2)

    def say(client, litres):
        gate.wait(20)
        return send(client, f"{anna}/facts", fact={**OXYGEN, "litres_per_min": litres}, rev=before).status_code

    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(say, client, litres) for client, litres in ((doctor, 1), (kari, 2))]
        assert sorted(each.result(30) for each in answers) == [201, 409]
    assert town.one("select count(*) from care_fact") == 1


def test_what_was_only_seen_is_in_nobodys_way(kari, anna):
    before = rev(kari, anna)
    done(send(kari, f"{anna}/facts", fact=SEEN))
    done(send(kari, f"{anna}/facts", fact=FACTS["symptoms"]))
    assert rev(kari, anna) == before
    assert "rev" in refused(send(kari, f"{anna}/facts", fact=OXYGEN), 422)


def test_what_was_said_by_mistake_is_withdrawn_once_with_a_reason_and_stays_in_the_history(kari, town, anna):
    said = done(send(kari, f"{anna}/facts", fact=OXYGEN, rev=rev(kari, anna)))
    path = f"{anna}/facts/{said['id']}/withdraw"
    taken = done(send(kari, path, reason="the wrong patient", rev=rev(kari, anna)))
    assert taken["withdrawn_by"]["name"] == "Kari"
    assert get(kari, f"{anna}/facts")["facts"] == []
    assert "withdrawn before" in refused(send(kari, path, reason="again", rev=rev(kari, anna)), 422)
    assert town.one("select withdrawn_because from care_fact") == "the wrong patient"
    withdrawn, said_before = get(kari, f"{anna}/changes")["changes"]
    assert (withdrawn["type"], withdrawn["reason"]) == ("fact_withdrawn", "the wrong patient")
    assert said_before["fact"]["fact"] == OXYGEN


def test_a_nurse_does_not_withdraw_what_a_doctor_prescribed(kari, doctor, anna):
    said = done(send(doctor, f"{anna}/facts", fact=RANGE, reason="hypercapnic", rev=rev(doctor, anna)))
    sentence = refused(send(kari, f"{anna}/facts/{said['id']}/withdraw", reason="no", rev=rev(kari, anna)), 403)
    assert "doctor" in sentence
    assert len(get(kari, f"{anna}/facts")["facts"]) == 1


def test_an_end_is_a_fact_of_its_own(doctor, anna):
    done(send(doctor, f"{anna}/facts", fact=RANGE, reason="hypercapnic", rev=rev(doctor, anna)))
    ended = done(send(doctor, f"{anna}/facts/end", type="saturation_range", reason="resolved", rev=rev(doctor, anna)))
    assert (ended["fact"], ended["reason"]) == (None, "resolved")
    newest = get(doctor, f"{anna}/changes")["changes"][0]
    assert (newest["type"], newest["fact"]["type"], newest["fact"]["fact"]) == ("fact", "saturation_range", None)


def test_a_fact_of_another_patient_is_not_there(kari, town, anna):
    said = done(send(kari, f"/patients/{town.patients['arne']}/facts", fact=SEEN))
    refused(send(kari, f"{anna}/facts/{said['id']}/withdraw", reason="r", rev=rev(kari, anna)), 404)


CANNOT_BE = (
    ({**RANGE, "low_percent": 92, "high_percent": 88}, "higher"),
    ({**RANGE, "low_percent": 40}, "at least 70"),
    ({**RANGE, "high_percent": 101}, "100"),
    ({"type": "oxygen", "on": False, "litres_per_min": 2}, "litres"),
    ({**OXYGEN, "litres_per_min": 1000}, "60"),
    ({**OXYGEN, "litres_per_min": -1}, "0"),
    ({"type": "lives_alone"}, "oxygen_seen"),
    ({"type": "consciousness", "acvpu": "asleep"}, "alert"),
    ({"type": "symptoms", "day": "2026-01-20", "symptoms": ["headache"]}, "dyspnoea"),
    ({"type": "symptoms", "day": "2150-01-20", "symptoms": []}, "has not come"),
    ({"type": "symptoms", "day": "2026-13-20", "symptoms": []}, "day"),
    ({"type": "symptoms", "day": "2026-01-20", "symptoms": ["cough"] * 5000}, "20"),
    ({**FACTS["baseline"], "kind": "happiness"}, "kind"),
    ({**FACTS["baseline"], "kind": "battery"}, "battery"),
    ({**FACTS["baseline"], "center": 400}, "not possible"),
    ({**FACTS["baseline"], "last_day": "0001-01-01"}, "last_day"),
    ({**FACTS["baseline"], "days": 10**30}, "days"),
    ({**SEEN, "surplus": 1}, "surplus"),
)


def test_what_cannot_be_is_refused_in_a_sentence(doctor, town, anna):
    seen = rev(doctor, anna)
    for fact, words in CANNOT_BE:
        assert words in refused(send(doctor, f"{anna}/facts", fact=fact, reason="r", rev=seen), 422), fact
    assert town.one("select count(*) from care_fact") == 0


def test_a_number_that_is_none_is_refused(doctor, town, anna):
    written = json.dumps({"fact": {**RANGE, "low_percent": 0}, "reason": "r", "rev": rev(doctor, anna)})
    headers = {"Idempotency-Key": "a-key-of-mine", "Content-Type": "application/json"}
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "1" * 5000):
        body = written.replace('"low_percent": 0', f'"low_percent": {number}')
        answer = doctor.post(f"/api/v1{anna}/facts", content=body, headers=headers)
        assert answer.status_code in (400, 422), number
        assert answer.headers["content-type"] == "application/problem+json"
    assert town.one("select count(*) from care_fact") == 0


def test_a_reason_that_cannot_be_kept_is_refused(kari, town, anna):
    for reason in ("nul\x00", "x" * 501, "escape\x1b[31m", "lone \ud800"):
        refused(send_raw(kari, anna, reason), 422)
    assert town.one("select count(*) from care_fact") == 0


def send_raw(client, path, reason):
    """As JSON in ASCII, which can say what UTF-8 cannot."""
    body = json.dumps({"fact": SEEN, "reason": reason}).encode("ascii")
    headers = {"Idempotency-Key": "a-key-of-mine", "Content-Type": "application/json"}
    return client.post(f"/api/v1{path}/facts", content=body, headers=headers)


def test_an_impossible_time_is_refused(kari, anna):
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", "yesterday", 1e30):
        refused(send(kari, f"{anna}/facts", fact=SEEN, at=at), 422)


def test_a_prescription_begins_at_most_a_month_ahead(doctor, anna):
    late, soon = ((NOW + timedelta(days=days)).isoformat() for days in (40, 20))
    answer = send(doctor, f"{anna}/facts", fact=RANGE, reason="r", at=late, rev=rev(doctor, anna))
    assert "ahead" in refused(answer, 422)
    done(send(doctor, f"{anna}/facts", fact=RANGE, reason="r", at=soon, rev=rev(doctor, anna)))


def test_what_was_said_reaches_whoever_keeps_settings_in_memory(kari, town, anna):
    with town.connection() as conn:
        conn.autocommit = True
        conn.execute("listen hjemvakt_enrolment")
        done(send(kari, f"{anna}/facts", fact=OXYGEN, rev=rev(kari, anna)))
        assert [notice.channel for notice in conn.notifies(timeout=20, stop_after=1)] == ["hjemvakt_enrolment"]


# ---- excuses


def excuse(client, path, *, begins=timedelta(0), lasts=timedelta(days=3), **wish):
    from_at = NOW + begins
    wish = {"why": "hospital", "from_at": from_at.isoformat(), "to_at": (from_at + lasts).isoformat(), **wish}
    return send(client, f"{path}/excuses", **wish)


def test_an_excuse_has_an_end_is_shown_and_is_ended_early(kari, town, anna):
    said = done(excuse(kari, anna, reason="pneumonia"))
    assert (said["why"], said["reason"], said["in_force"], said["of_home"]) == ("hospital", "pneumonia", True, False)
    assert get(kari, f"{anna}/excuses")["excuses"] == [said]
    ended = done(send(kari, f"{anna}/excuses/{said['id']}/end", reason="home again"))
    assert (ended["in_force"], ended["ended_by"]["name"]) == (False, "Kari")
    assert "over" in refused(send(kari, f"{anna}/excuses/{said['id']}/end", reason="again"), 422)
    early, first = get(kari, f"{anna}/changes")["changes"]
    assert [(each["type"], each["reason"]) for each in (early, first)] == [
        ("excuse_ended", "home again"),
        ("excuse", "pneumonia"),
    ]


def test_what_was_said_of_the_home_is_there_too(kari, town, anna):
    row = """insert into excuse (home_id, why, from_at, to_at, said_by, said_at)
             values (%s, 'holiday', now() - interval '1 hour', now() + interval '1 day', %s, now())"""
    town.sql(row, town.homes["anna"], town.staff["ola"])
    (found,) = get(kari, f"{anna}/excuses")["excuses"]
    assert (found["of_home"], found["in_force"], found["said_by"]["name"]) == (True, True, "Ola")


EXCUSES_THAT_CANNOT_BE = (
    {"lasts": timedelta(0)},
    {"lasts": timedelta(days=-1)},
    {"lasts": timedelta(days=93)},
    {"begins": timedelta(days=-40)},
    {"begins": timedelta(days=60), "lasts": timedelta(days=33)},
    {"why": "bored"},
    {"to_at": None},
    {"to_at": "9999-12-31T23:59:59Z"},
)


def test_an_excuse_that_cannot_be_is_refused(kari, town, anna):
    for wish in EXCUSES_THAT_CANNOT_BE:
        refused(excuse(kari, anna, **wish), 422)
    assert town.sql("select * from excuse") == []


def test_an_excuse_reaches_three_months_ahead_whenever_it_begins(kari, town, anna):
    for begins, lasts in ((0, 92), (90, 2), (-30, 122)):
        done(excuse(kari, anna, begins=timedelta(days=begins), lasts=timedelta(days=lasts) - timedelta(minutes=5)))


def test_an_excuse_of_another_patient_is_not_there(kari, town, anna):
    said = done(excuse(kari, f"/patients/{town.patients['arne']}"))
    refused(send(kari, f"{anna}/excuses/{said['id']}/end", reason="r"), 404)


# ---- the history


def test_the_history_comes_in_pages_the_newest_first_and_loses_nothing_at_their_edges(kari, town, anna):
    for litres in range(1, 8):
        done(send(kari, f"{anna}/facts", fact={**OXYGEN, "litres_per_min": litres}, rev=rev(kari, anna)))
    town.sql("update care_fact set said_at = %s", NOW)  # all in one instant
    pages, before = [], {}
    while True:
        page = get(kari, f"{anna}/changes", most=3, **before)
        pages.append([each["fact"]["fact"]["litres_per_min"] for each in page["changes"]])
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert pages == [[7, 6, 5], [4, 3, 2], [1]]


def test_a_page_that_there_is_not_is_refused(kari, anna):
    for query in ({"before": "x"}, {"before": "1.2"}, {"before": "9" * 40 + ".1.1"}, {"most": 0}, {"most": 101}):
        refused(kari.get(f"/api/v1{anna}/changes", params=query), 422)


def test_a_page_far_from_all_changes_is_empty(kari, anna):
    assert get(kari, f"{anna}/changes", before="1.1.1") == {"changes": [], "next": None}
    assert get(kari, f"{anna}/changes", before="9" * 17 + ".9." + "9" * 18)["changes"] == []


def test_changes_and_looks_are_in_the_access_log(kari, town, anna):
    get(kari, f"{anna}/facts")
    done(send(kari, f"{anna}/facts", fact=SEEN))
    get(kari, f"{anna}/changes")
    assert town.sql("select staff_id, what from access_log order by id") == [
        (town.staff["kari"], what) for what in ("facts", "says oxygen_seen", "changes")
    ]
