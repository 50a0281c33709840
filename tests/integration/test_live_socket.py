"""The live socket as a browser sees it: the real server, database and WebSocket."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from devices.vocabulary import EventType, Kind
from server.api import live
from server.store import teamlog

pytestmark = pytest.mark.integration


def board_of(client):
    return client.get("/api/v1/board").raise_for_status().json()


async def test_an_alert_reaches_every_screen_of_its_team_and_no_other(api, town, screen_of):
    kari, berit = api.signed_in("kari"), api.signed_in("berit")
    async with api.live(kari) as a, api.live(kari) as b, api.live(berit) as other:
        screens = [screen_of(each) for each in (a, b)]
        for screen in screens:
            assert (await screen.hello(board_of(kari)))["type"] == "resumed"
        west = screen_of(other)
        await west.hello(board_of(berit))
        alert = town.press("anna")
        for screen in screens:
            message = await screen.next("alert")
            assert message["alert"]["id"] == alert
            assert message["alert"]["patient"] == town.patients["anna"]
            assert message["alert"]["state"] == "raised"
            assert message["ring"] is True
        theirs = town.press("berta")
        assert (await west.next("alert"))["alert"]["id"] == theirs


async def test_each_press_rings_and_an_acknowledgement_is_told_to_all(api, town, screen_of):
    kari = api.signed_in("kari")
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board_of(kari))
        alert = town.press("anna")
        assert (await screen.next("alert"))["ring"] is True
        kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}).raise_for_status()
        told = await screen.next("alert")
        assert told["ring"] is False
        assert told["alert"]["owner"]["name"] == "Kari"
        town.press("anna")
        again = await screen.next("alert")
        assert again["ring"] is True
        assert again["alert"]["state"] == "raised"


async def test_what_happened_while_a_screen_slept_is_replayed_in_order(api, town, screen_of):
    kari = api.signed_in("kari")
    board = board_of(kari)
    pressed = [town.press("anna", event) for event in (EventType.SOS, EventType.FALL, EventType.SMOKE)]
    town.gateway_says("anna", "online", troubles=["adapter restarted"], waiting_bulk=7)
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        assert await screen.hello(board) == {"type": "resumed", "epoch": board["epoch"], "cursors": board["cursors"]}
        assert [(await screen.next("alert"))["alert"]["id"] for _ in pressed] == pressed
        gateway = (await screen.next("gateway"))["gateway"]
        assert gateway["state"] == "online"
        assert gateway["troubles"] == ["adapter restarted"]
        assert gateway["waiting"] == 7


async def test_an_alert_that_somebody_has_by_now_comes_back_silent_and_as_it_stands(api, town, screen_of):
    kari = api.signed_in("kari")
    board = board_of(kari)
    alert = town.press("anna")
    kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}).raise_for_status()
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board)
        first, second = await screen.next("alert"), await screen.next("alert")
        assert first["ring"] is second["ring"] is False
        assert first["alert"] == second["alert"]
        assert first["alert"]["rev"] == 2


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"epoch": "another"}, "unknown_epoch"),
        ({"epoch": None}, "unknown_epoch"),
        ({"ahead": 1}, "unknown_cursor"),
        ({"cursors": {}}, "teams_changed"),
    ],
)
async def test_a_screen_with_a_foreign_state_fetches_the_board_and_goes_on(api, town, screen_of, wrong, reason):
    kari = api.signed_in("kari")
    board = board_of(kari)
    ahead = {team: seq + wrong.pop("ahead", 0) for team, seq in board["cursors"].items()}
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        answer = await screen.hello({**board, "cursors": ahead, **wrong})
        assert answer == {"type": "reset", "epoch": board["epoch"], "reason": reason}
        assert (await screen.hello(board_of(kari)))["type"] == "resumed"
        alert = town.press("anna")
        assert (await screen.next("alert"))["alert"]["id"] == alert


async def test_a_screen_that_missed_more_than_can_be_replayed_fetches_the_board(api, town, screen_of):
    kari = api.signed_in("kari")
    board = board_of(kari)
    fill_log(town, town.press("anna"), 2001)
    async with api.live(kari) as socket_:
        assert (await screen_of(socket_).hello(board))["reason"] == "too_far_behind"


def fill_log(town, alert: int, times: int) -> None:
    entry = teamlog.Entry(team_id=town.teams["east"], type="alert", alert_id=alert, body={"ring": False})
    with town.connection() as conn:
        teamlog.append(conn, [entry] * times, datetime.now(UTC))


async def test_nothing_is_lost_or_doubled_while_sixteen_writers_raise_and_acknowledge(api, town, screen_of):
    nurses = [api.signed_in("kari"), api.signed_in("ola")]
    for number in range(16):
        town.add_patient(f"p{number}", "east")
    board = board_of(nurses[0])
    writers_done = asyncio.Event()

    def write(number: int) -> None:
        for event in (EventType.SOS, EventType.FALL, EventType.WATER):
            alert = town.press(f"p{number}", event)
            answer = nurses[number % 2].post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1})
            assert answer.status_code == 200
            town.press(f"p{number}", event)

    async def follow(sessions: int) -> None:
        """Reconnects all the time, and resumes where it was."""
        cursors = board["cursors"]
        while sessions > 0 or not writers_done.is_set() or cursors[east] < town.head("east"):
            sessions -= 1
            async with api.live(nurses[0]) as socket_:
                screen = screen_of(socket_)
                assert (await screen.hello({"epoch": board["epoch"], "cursors": cursors}))["type"] == "resumed"
                for _ in range(5):
                    if writers_done.is_set() and screen.cursors[east] == town.head("east"):
                        break
                    await screen.next("alert", "heartbeat")
                cursors = screen.cursors

    east = str(town.teams["east"])
    with ThreadPoolExecutor(16) as writers:
        async with asyncio.TaskGroup() as group:
            for sessions in (1, 3, 5):
                group.create_task(follow(sessions))
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.run_in_executor(writers, write, number) for number in range(16)))
            writers_done.set()
    assert town.head("east") - board["cursors"][east] == 16 * 3 * 3


@asynccontextmanager
async def narrow_and_well(api, client, screen_of, board, **manners):
    """Two screens that said hello: one whose line holds little and that nobody reads until a test does, and another."""
    narrow = socket.create_connection(("127.0.0.1", api.port))
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200_000)
    slow = api.live(client, sock=narrow, max_queue=1, ping_interval=None, **manners)
    async with slow as asleep, api.live(client) as awake:
        screens = screen_of(asleep), screen_of(awake)
        for screen in screens:
            await screen.hello(board)
        yield screens


async def hears_all(screen, town, team):
    while screen.cursors[str(town.teams[team])] < town.head(team):
        await screen.next("alert")


async def test_a_stalled_screen_is_closed_and_harms_nobody(api, town, screen_of):
    kari = api.signed_in("kari")
    board = board_of(kari)
    alert = town.press("anna")
    town.sql("update alert set evidence = jsonb_build_object('reference', repeat('x', 20000)) where id = %s", alert)
    east = str(town.teams["east"])
    async with narrow_and_well(api, kari, screen_of, board, close_timeout=1) as (asleep, awake):
        for _ in range(4):
            fill_log(town, alert, 150)
            await hears_all(awake, town, "east")
        with pytest.raises(ConnectionClosed):
            while True:
                await asleep.next("alert")
        assert asleep.cursors[east] < awake.cursors[east]
    async with api.live(kari) as again:
        resumed = screen_of(again)
        await resumed.hello({"epoch": board["epoch"], "cursors": asleep.cursors})
        await hears_all(resumed, town, "east")


async def test_a_screen_that_did_not_read_for_a_while_gets_the_rest_when_it_reads_again(
    api, town, screen_of, monkeypatch
):
    """More than all buffers between take, and less than a screen may have waiting. Nothing else wakes it meanwhile."""
    monkeypatch.setattr(live, "LOOK_EVERY_S", 3600.0)
    kari = api.signed_in("kari")
    board = board_of(kari)
    alert = town.press("anna")
    town.sql("update alert set evidence = jsonb_build_object('reference', repeat('x', 60000)) where id = %s", alert)
    async with narrow_and_well(api, kari, screen_of, board) as (asleep, awake):
        for _ in range(2):
            fill_log(town, alert, 110)
            await hears_all(awake, town, "east")
        async with asyncio.timeout(30):
            await hears_all(asleep, town, "east")


@pytest.mark.usefixtures("quick_looks")
async def test_a_signal_that_is_lost_delays_an_alert_by_one_slow_look_at_most(api, town, screen_of):
    kari = api.signed_in("kari")
    alert = town.press("anna")
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board_of(kari))
        await screen.next("heartbeat")
        with town.connection() as conn:  # what an alert's writer does, but for its last line
            team = town.teams["east"]
            conn.execute("update team set head = head + 1 where id = %s", (team,))
            conn.execute(
                """insert into team_log (team_id, seq, at, type, alert_id, body)
                   values (%s, (select head from team where id = %s), now(), 'alert', %s, '{"ring": true}')""",
                (team, team, alert),
            )
        first = await screen.next("alert", "heartbeat")
        assert first["type"] == "alert"


async def test_a_restart_of_the_api_is_a_pause_and_no_more(api, town, screen_of):
    kari = api.signed_in("kari")
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        board = board_of(kari)
        await screen.hello(board)
        first = town.press("anna")
        assert (await screen.next("alert"))["alert"]["id"] == first
        await asyncio.to_thread(api.stop)
        assert await screen.closed() == 1012
    missed = town.press("arne")
    api.start()
    async with api.live(kari) as socket_:
        resumed = screen_of(socket_)
        assert (await resumed.hello({"epoch": board["epoch"], "cursors": screen.cursors}))["type"] == "resumed"
        assert (await resumed.next("alert"))["alert"]["id"] == missed


@pytest.mark.only_plain
async def test_a_restart_of_the_database_closes_no_screen_and_loses_nothing(api, town, screen_of, postgres):
    kari = api.signed_in("kari")
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board_of(kari))
        town.let_go()
        await asyncio.to_thread(postgres.restart)
        alert = town.press("anna")
        assert (await screen.next("alert"))["alert"]["id"] == alert
        await screen.say(type="seen", alerts=[alert])
        assert await screen.next("seen_on") == {"type": "seen_on", "alert": alert, "seen_on": 1}


@pytest.mark.usefixtures("quick_looks")
async def test_a_restored_database_makes_every_screen_start_afresh(api, town, screen_of):
    kari = api.signed_in("kari")
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board_of(kari))
        await screen.next("heartbeat")
        town.sql("update installation set epoch = 'restored'")
        reset = await screen.next("reset")
        assert reset == {"type": "reset", "epoch": "restored", "reason": "unknown_epoch"}


async def test_a_reading_reaches_the_board_with_the_level_that_its_limits_give_it(api, town, screen_of, minutes_ago):
    town.measure("anna", Kind.SPO2, 93, minutes_ago(5))
    kari = api.signed_in("kari")
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board_of(kari))
        assert [value["value"] for value in (await screen.next("readings"))["values"]] == [93]
        town.measure("anna", Kind.SPO2, 86, minutes_ago(1))
        (value,) = (await screen.next("readings"))["values"]
        assert (value["patient"], value["kind"], value["value"]) == (town.patients["anna"], "spo2", 86)
        assert (value["unit"], value["level"]) == ("%", -2)  # KOLS: red below 88


async def test_an_alert_shows_on_how_many_screens_it_has_been_each_once(api, town, screen_of):
    kari, ola = api.signed_in("kari"), api.signed_in("ola")
    alert = town.press("anna")
    theirs = town.press("berta")
    async with api.live(kari) as a, api.live(ola) as b:
        one, two = screen_of(a), screen_of(b)
        await one.hello(board_of(kari), name="a" * 16)
        await two.hello(board_of(ola), name="b" * 16)
        await one.say(type="seen", alerts=[alert, theirs])
        assert (await two.next("seen_on"))["seen_on"] == 1
        await one.say(type="seen", alerts=[alert])
        await two.say(type="seen", alerts=[alert])
        assert await two.next("seen_on") == {"type": "seen_on", "alert": alert, "seen_on": 2}
    assert board_of(kari)["alerts"][0]["seen_on"] == 2
    assert town.sql("select alert_id, screen from alert_seen order by 2") == [(alert, "a" * 16), (alert, "b" * 16)]


@pytest.mark.usefixtures("quick_looks")
async def test_a_heartbeat_says_how_far_the_log_has_been_told_and_a_ping_is_answered(api, town, screen_of):
    kari = api.signed_in("kari")
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board_of(kari))
        await screen.say(type="ping")
        assert datetime.fromisoformat((await screen.next("pong"))["at"]).tzinfo is not None
        town.press("anna")
        assert (await screen.next("heartbeat"))["cursors"] == screen.cursors


async def test_signing_out_closes_the_sockets_of_that_session_only(api, town, screen_of):
    kari, same_nurse = api.signed_in("kari"), api.signed_in("kari")
    async with api.live(kari) as a, api.live(same_nurse) as b:
        gone, stays = screen_of(a), screen_of(b)
        await gone.hello(board_of(kari))
        await stays.hello(board_of(same_nurse))
        assert kari.delete("/api/v1/session").status_code == 204
        assert await gone.closed() == 4401
        alert = town.press("anna")
        assert (await stays.next("alert"))["alert"]["id"] == alert


@pytest.mark.usefixtures("quick_looks")
async def test_a_socket_ends_with_its_session(api, town, screen_of):
    """Nobody says anything: the api looks by itself."""
    kari = api.signed_in("kari")
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board_of(kari))
        town.sql("update session set expires_at = now()")
        assert await screen.closed() == 4401


@pytest.mark.usefixtures("quick_looks")
async def test_who_leaves_a_team_sees_no_more_of_it(api, town, screen_of):
    siv = api.signed_in("siv")
    async with api.live(siv) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board_of(siv))
        town.sql("delete from staff_team where staff_id = %s and team_id = %s", town.staff["siv"], town.teams["west"])
        assert (await screen.next("reset"))["reason"] == "teams_changed"
        board = board_of(siv)
        assert list(board["cursors"]) == [str(town.teams["east"])]
        await screen.hello(board)
        town.press("berta")
        ours = town.press("anna")
        assert (await screen.next("alert"))["alert"]["id"] == ours


async def test_a_gateway_that_moved_to_another_team_only_moves_the_cursor(api, town, screen_of):
    kari = api.signed_in("kari")
    board = board_of(kari)
    town.gateway_says("anna", "online")
    town.sql("update home set team_id = %s where id = %s", town.teams["west"], town.homes["anna"])
    async with api.live(kari) as socket_:
        screen = screen_of(socket_)
        await screen.hello(board)
        passed = await screen.next("passed", "gateway")
        assert passed == {"type": "passed", "team": town.teams["east"], "seq": town.head("east"), "proof": None}


@pytest.mark.parametrize(("login", "code"), [(None, 4401), ("tor", 4403), ("rune", 4403)])
async def test_who_may_not_see_the_board_gets_no_socket(api, town, screen_of, login, code):
    async with api.live(api.signed_in(login) if login else None) as socket_:
        assert await screen_of(socket_).closed() == code


async def test_another_sites_page_gets_no_socket(api, town):
    with pytest.raises(InvalidStatus) as refused:
        async with api.live(api.signed_in("kari"), origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403
    async with api.live(api.signed_in("kari"), origin=api.url):
        pass


@pytest.mark.parametrize("garbage", ["", "{", '{"type":"acknowledge"}', b"\x00\xff", '{"type":"seen","alerts":[-1]}'])
async def test_a_message_that_the_protocol_does_not_have_closes_its_own_socket_only(api, town, screen_of, garbage):
    kari = api.signed_in("kari")
    async with api.live(kari) as bad, api.live(kari) as good:
        screen = screen_of(good)
        await screen.hello(board_of(kari))
        await bad.send(garbage)
        assert await screen_of(bad).closed() == 1008
        alert = town.press("anna")
        assert (await screen.next("alert"))["alert"]["id"] == alert
