"""Shapes of coming in: with a password, and with a code beside it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from server.api.fields import Reason, Rev
from server.api.schemas import Role, Shape, StaffMember

Password = Annotated[str, Field(min_length=1, max_length=200)]
Code = Annotated[str, Field(min_length=6, max_length=40, description="of the app, or one of those on paper")]


class Credentials(Shape):
    """Without `code`, whoever has an app with codes is asked for it: 401 of the type urn:hjemvakt:code-needed."""

    login: Annotated[str, Field(min_length=1, max_length=80)]
    password: Password
    code: Code | None = None


class BeginCodes(Shape):
    password: Password


class NewCodes(Shape):
    """For an app on one's phone: `uri` as a QR code, or `secret` from the keyboard. Told once."""

    secret: str
    uri: str


class ConfirmCodes(Shape):
    """The first code that the app shows."""

    code: Code


class RecoveryCodes(Shape):
    """For paper: each opens once in place of the app's code. Told once."""

    codes: list[str]


class CodeState(Shape):
    """`since` null: no code is asked for. `possible` false: the installation has no key to keep them with."""

    since: datetime | None
    recovery_left: int
    possible: bool


class EndCodes(Shape):
    password: Password
    code: Code


class CodeDemand(Shape):
    """`roles`: of whom a code is demanded beside the password; empty: of nobody any more."""

    roles: list[Role]
    by: StaffMember
    at: datetime
    reason: str


class CodeDemands(Shape):
    """The first of `decided` counts; empty: nothing was ever demanded."""

    rev: str
    decided: list[CodeDemand]


class DemandCodes(Shape):
    rev: Rev
    roles: Annotated[list[Role], Field(max_length=6)]
    reason: Reason


class SignInWays(Shape):
    """`oidc`: what the identity provider is called; null: there is none. It begins at /api/v1/oidc/start."""

    oidc: str | None
