"""Every refusal is an RFC 9457 problem with a sentence that a person can act on."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.exceptions import HTTPException

from server.api.alert_schemas import Alert, AlertConflict
from server.api.passwords import LoginBusyError
from server.api.schemas import CareConflict, Problem
from server.errors import CareError, RegistrationError, SealError, TryOutError

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A request that is answered with a problem. `type`: what a program tells it from others by."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None, type_: str = "about:blank"
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.type = type_


class ConflictError(Exception):
    """Somebody was first."""

    def __init__(self, alert: Alert, detail: str) -> None:
        super().__init__(detail)
        self.alert = alert
        self.detail = detail


class ChangedMeanwhileError(Exception):
    """What the change rests on is no longer as the screen showed it. `rev`: what it is now."""

    def __init__(self, rev: str, detail: str) -> None:
        super().__init__(detail)
        self.rev = rev
        self.detail = detail


def response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem.model_dump_json(), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return response(Problem(title=HTTPStatus(status).phrase, status=status, detail=detail), headers)


def answer_problems(app: FastAPI) -> None:
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(ChangedMeanwhileError, _changed_meanwhile)
    for refusal in (CareError, SealError, TryOutError):
        app.add_exception_handler(refusal, _cannot_count)
    app.add_exception_handler(RegistrationError, _wrong_part)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(LoginBusyError, _busy)
    for error in (psycopg.OperationalError, PoolTimeout, TooManyRequests):
        app.add_exception_handler(error, _no_database)
    app.add_exception_handler(Exception, _bug)


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    told = Problem(type=error.type, title=error.status.phrase, status=error.status, detail=error.detail)
    return response(told, error.headers)


def _conflict(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ConflictError)
    return response(AlertConflict(title="Conflict", status=409, detail=error.detail, alert=error.alert))


def _changed_meanwhile(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ChangedMeanwhileError)
    return response(CareConflict(title="Conflict", status=409, detail=error.detail, rev=error.rev))


def _cannot_count(_request: Request, error: Exception) -> Response:
    return problem(422, str(error))


def _wrong_part(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RegistrationError)
    type_ = f"urn:hjemvakt:wrong-{error.what.replace('_', '-')}"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return response(Problem(type=type_, title=status.phrase, status=status, detail=str(error)))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow", "none")
    details = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.url.path} does not take {request.method}; it takes {allowed}.",
        400: "The body could not be read as JSON.",
    }
    return problem(error.status_code, details.get(error.status_code, f"{error.detail}."), error.headers)


def _invalid(_request: Request, error: Exception) -> Response:
    """Without the values: one of them may be a password."""
    assert isinstance(error, RequestValidationError)
    parts = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return problem(422, f"The request does not fit: {'; '.join(parts)}.")


def _busy(_request: Request, _error: Exception) -> Response:
    return problem(503, "Many people are signing in just now: try again in a few seconds.", {"Retry-After": "5"})


def _no_database(_request: Request, error: Exception) -> Response:
    log.warning("no answer from the database: %s", error)
    return problem(503, "The database does not answer: try again in a few seconds.", {"Retry-After": "5"})


def _bug(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "The server made a mistake; it is in the server's log.")
