"""Fields that many requests have, and what they refuse."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, WithJsonSchema

# Neither control characters nor nothing but blanks.
TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=TEXT)]
Remark = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=TEXT)]
Rev = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="as the screen got it")]
RevOrNone = Annotated[Rev | None, Field(description="null: it does not rest on what the screen showed")]
Edge = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
# Nobody measured before, and whoever plans beyond has mistyped.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
Instant = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
Day = Annotated[date, Field(ge=EARLIEST.date(), le=LATEST.date())]
# A time of day has no offset; the format "time" of JSON Schema would demand one.
OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"


def _of_day(given: object) -> object:
    if isinstance(given, str) and re.fullmatch(OF_DAY, given) is None:
        raise ValueError("a time of day in Norway has no time zone: write 08:00")
    return given


TimeOfDay = Annotated[
    time, BeforeValidator(_of_day), WithJsonSchema({"type": "string", "pattern": OF_DAY, "examples": ["08:00"]})
]
RecordId = Annotated[int, Field(ge=1, le=2**63 - 1)]
