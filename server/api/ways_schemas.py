"""The public shapes of how a member is reached when nobody looks at a screen, and of what became of calls."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from server.api.schemas import Shape

Way = Literal["push", "sms", "email"]
Language = Literal["nb", "en"]
State = Literal["waiting", "sent", "delivered", "seen", "over", "failed", "dead"]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,200}={0,2}$")]
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\d{6}$")]


class BrowserKeys(Shape):
    p256dh: Key
    auth: Key


class AddPush(Shape):
    """As PushSubscription.toJSON() gives it."""

    way: Literal["push"]
    endpoint: Annotated[str, StringConstraints(min_length=10, max_length=2000)]
    keys: BrowserKeys
    language: Language = "nb"


class AddSms(Shape):
    way: Literal["sms"]
    address: Annotated[Address, Field(examples=["912 34 567"])]
    language: Language = "nb"


class AddMail(Shape):
    way: Literal["email"]
    address: Annotated[Address, Field(examples=["kari@kommune.example"])]
    language: Language = "nb"


class AddWay(Shape):
    way: Annotated[AddPush | AddSms | AddMail, Field(discriminator="way")]


class ChangeWay(Shape):
    """null: as it is."""

    enabled: bool | None = None
    language: Language | None = None


class ConfirmWay(Shape):
    code: Code


class Offer(Shape):
    """`public_key`: of push, as PushManager.subscribe() wants it (applicationServerKey)."""

    way: Way
    public_key: str | None


class LastMessage(Shape):
    """`fault`: why it failed, empty if it did not."""

    state: State
    at: AwareDatetime
    fault: str


class MyWay(Shape):
    """`address`: of push the push service alone. `confirmed`: nobody is called on a way that is not."""

    id: int
    way: Way
    address: str
    language: Language
    enabled: bool
    confirmed: bool
    broken_since: AwareDatetime | None
    broken_why: str
    last: LastMessage | None


class MyWays(Shape):
    """In the order in which they are tried: one kind after the other."""

    offers: list[Offer]
    ways: list[MyWay]


class DeliveryCount(Shape):
    team: int
    way: Way
    state: State
    count: int


class DeadLetter(Shape):
    """A call that was given up. `staff` null: a number in a chain."""

    id: int
    team: int
    alert: int
    staff: str | None
    way: Way
    state: State
    tries: int
    made_at: AwareDatetime
    ended_at: AwareDatetime
    fault: str


class Deliveries(Shape):
    """Calls about alerts of one's teams in the last seven days, and those of them that were given up, newest first."""

    since: AwareDatetime
    counts: list[DeliveryCount]
    dead_letter: list[DeadLetter]
