"""What seals numbers, codes and secrets, as routes ask for it."""

from http import HTTPStatus
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, Request

from server.api.problems import RefusedError
from server.store.sealing import Seals

NO_KEY: Final = "This installation has no key for numbers and codes: set HJEMVAKT_PEOPLE_KEY to the file with it."


def _seals(request: Request) -> Seals | None:
    seals = request.app.state.seals
    assert seals is None or isinstance(seals, Seals)
    return seals


SealsOfApp: TypeAlias = Annotated[Seals | None, Depends(_seals)]


def needed(seals: Seals | None) -> Seals:
    if seals is None:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, NO_KEY)
    return seals
