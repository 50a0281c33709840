"""A technician with a phone, who makes a home safe over the real routes; and a screen of the team that shows it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import httpx

T = TypeVar("T")
LIMIT_S = 60.0
LOOK_S = 0.1


@dataclass(kw_only=True)
class Technician:
    """`took_s`: seconds of each step, as they end."""

    client: httpx.Client
    took_s: dict[str, float] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1{path}").raise_for_status().json()

    def post(self, path: str, **wish: Any) -> httpx.Response:
        return self.client.post(f"/api/v1{path}", json=wish, headers={"Idempotency-Key": uuid4().hex})

    def does(self, path: str, **wish: Any) -> Any:
        answer = self.post(path, **wish)
        assert answer.is_success, answer.text
        return answer.json()

    def sees(self, path: str, look: Callable[[Any], T | None]) -> T:
        """Looks again and again, as the screen does."""
        end = time.monotonic() + LIMIT_S
        while (found := look(shown := self.get(path))) is None:
            assert time.monotonic() < end, shown
            time.sleep(LOOK_S)
        return found

    def until_done(self, path: str, **wish: Any) -> Any:
        """What is refused with "not yet" is tried again."""
        end = time.monotonic() + LIMIT_S
        while (answer := self.post(path, **wish)).status_code == 409:
            assert time.monotonic() < end, answer.text
            time.sleep(LOOK_S)
        assert answer.is_success, answer.text
        return answer.json()

    # ---- the steps

    def lets_in(self, code: str, **where: Any) -> str:
        def waits(shown: Any) -> int | None:
            return next((int(each["id"]) for each in shown["enrolments"] if each["code"] == code), None)

        number = self.sees("/enrolments", waits)
        gateway = str(self.does(f"/enrolments/{number}/accept", **where)["gateway"])

        def is_online(shown: Any) -> bool | None:
            return any(each["gateway"] == gateway and each["state"] == "online" for each in shown["gateways"]) or None

        home = where.get("home")
        self.sees("/installation/depot" if home is None else f"/installation/homes/{home}", is_online)
        return gateway

    def hears(self, gateway: str, *devices: str) -> dict[str, Any]:
        """What is nearby, when all of these are."""
        self.does(f"/installation/gateways/{gateway}/listen", for_s=120)

        def all_there(shown: Any) -> dict[str, Any] | None:
            heard = {each["device"]: each for each in shown["sensors"]}
            return heard if set(devices) <= heard.keys() else None

        return self.sees(f"/installation/gateways/{gateway}/nearby", all_there)

    def binds(self, home: int, device: str, profile: str, **wish: Any) -> None:
        self.does(f"/installation/homes/{home}/sensors", device=device, profile=profile, **wish)

    def sensor(self, home: int, device: str, is_so: Callable[[Any], bool]) -> Any:
        def look(shown: Any) -> Any:
            return next((each for each in shown["sensors"] if each["device"] == device and is_so(each)), None)

        return self.sees(f"/installation/homes/{home}", look)

    def proves(self, home: int, device: str, part: str) -> Any:
        return self.until_done(f"/installation/homes/{home}/sensors/{device}/0/prove", part=part)

    def walks(self, home: int, room: str, device: str) -> Any:
        return self.does(f"/installation/homes/{home}/rooms", room=room, device=device)

    def tries(self, home: int, gateway: str) -> Any:
        return self.sees_trial(self.begins_trial(home, gateway))

    def begins_trial(self, home: int, gateway: str, **sensor: Any) -> int:
        return int(self.does(f"/installation/homes/{home}/trials", gateway=gateway, **sensor)["id"])

    def sees_trial(self, trial: int) -> Any:
        def over(shown: Any) -> Any:
            return None if shown["state"] == "waits" else shown

        return self.sees(f"/installation/trials/{trial}", over)


async def shows(screen: Any, board: dict[str, Any]) -> None:
    """Until cancelled: says of each alert and each trial that it is shown, as the dashboard does."""
    await screen.hello(board)
    while True:
        message = await screen.next("alert", "passed")
        if message["type"] == "passed" and message.get("proof") is not None:
            await screen.say(type="proven", proof=message["proof"])
        elif message["type"] == "alert":
            await screen.say(type="seen", alerts=[message["alert"]["id"]])


def on(loop: asyncio.AbstractEventLoop, work: Any) -> Any:
    """From the technician's thread: something that happens in the virtual home."""
    return asyncio.run_coroutine_threadsafe(work, loop).result(LIMIT_S)
