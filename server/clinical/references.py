"""The bibliography: where each number about people comes from. `checked` is False while a number is from memory."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    document: str
    edition: str
    page: str  # or table, chart, section
    checked: bool = True

    def __str__(self) -> str:
        return f"{self.document}, {self.edition}, {self.page}"


NEWS2_CHART_1: Final = Reference(
    document="Royal College of Physicians, National Early Warning Score (NEWS) 2", edition="2017", page="chart 1"
)
TELBIL: Final = Reference(
    document="TELBIL primary-care telemonitoring trial, heart failure and lung disease",
    edition="protocol",
    page="alert thresholds",
)
ATTD_TIME_IN_RANGE: Final = Reference(
    document="American Diabetes Association, Standards of Care, glycemic goals (time in range)",
    edition="consensus bands",
    page="table 6.2",
)
MASIMO_ALARMS: Final = Reference(
    document="Masimo / AAMI, SpO2 alarm threshold and delay", edition="ward data", page="90 to 88 %: -63 %; 15 s: -60 %"
)
HOME_BLOOD_PRESSURE: Final = Reference(
    document="Office blood pressure, single-reading alarm at 180/110 mmHg",
    edition="hypertension guidelines",
    page="grade 3",
)
LOW_BLOOD_PRESSURE: Final = Reference(
    document="Low systolic pressure below 90 and below 100 mmHg", edition="from memory", page="-", checked=False
)
HJEMVAKT_PROPOSAL: Final = Reference(
    document="Hjemvakt, proposed starting value", edition="1", page="a clinical owner must sign it"
)
PERSONAL: Final = Reference(document="Personal limit", edition="this patient", page="set by staff, with a reason")

BIBLIOGRAPHY: Final = (
    NEWS2_CHART_1,
    TELBIL,
    ATTD_TIME_IN_RANGE,
    MASIMO_ALARMS,
    HOME_BLOOD_PRESSURE,
    LOW_BLOOD_PRESSURE,
    HJEMVAKT_PROPOSAL,
    PERSONAL,
)
