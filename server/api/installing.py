"""What the routes of an installation share: who may, what is said once, and why not."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeVar

from pydantic import SecretStr

from devices.profiles import PROFILES
from server.access import Deed
from server.api import case
from server.api.case import Asking
from server.api.desk import Work
from server.api.people import digest_of
from server.api.problems import RefusedError
from server.api.schemas import Shape
from server.store.sealing import Seals

S = TypeVar("S", bound=Shape)

KEY_BYTES: Final = 16
HOME: Final = "No home of a team whose equipment you look after has this number."
GATEWAY: Final = "No gateway whose equipment you look after is called so."
ELSEWHERE: Final = "This sensor belongs to somebody else: whoever has it unbinds it first."


def once(asks: Asking, asked: tuple[str | int, ...], wish: Shape, do: Callable[[Work], S], made: type[S]) -> S:
    with asks.desk.work(asks.token) as work:
        work.teams(Deed.INSTALL)
        return case.once_only(work, asks.key, asked, wish, lambda: do(work), made)


def check_profile(name: str) -> None:
    if name not in PROFILES:
        raise wrong(f"There is no sort of sensor called {name}: choose one of {', '.join(sorted(PROFILES))}.")


def sensor_key(said: SecretStr | None) -> str | None:
    """32 hexadecimal digits, with or without blanks."""
    if said is None:
        return None
    digits = "".join(said.get_secret_value().split())
    try:
        if len(bytes.fromhex(digits)) == KEY_BYTES:
            return digits.lower()
    except ValueError:
        pass
    raise wrong("The key of a sensor has 32 hexadecimal digits.")


def digest(seals: Seals | None, key: SecretStr | None) -> str:
    return "" if seals is None else digest_of(seals, key)


def wrong(detail: str) -> RefusedError:
    return RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def refusal(status: HTTPStatus, detail: str, type_: str) -> RefusedError:
    return RefusedError(status, detail, type_=type_)
