"""What the clinical modules find, as the public shapes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, datetime, timedelta
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from devices.vocabulary import Sign
from server.api import clinic_schemas as shapes
from server.api import settings_schemas
from server.api.schemas import StaffMember
from server.clinical import copd, glucose, news2
from server.clinical.copd import Symptom
from server.clinical.glucose import Band
from server.clinical.glucose_day import PERCENTILES, DayProfile
from server.clinical.glucose_days import GlucoseDay
from server.clinical.glucose_episodes import Episode, EpisodeLevel
from server.clinical.glucose_targets import Target
from server.clinical.news2 import Consciousness, Observed, Parameter, Reading, Seen
from server.clinical.news2_trail import Point
from server.clinical.references import Reference

EPISODES_SHOWN: Final = 100  # of each direction and level
MMOL_DECIMALS: Final = 3
FIELD: Final = {
    Parameter.RESPIRATION: "breaths_per_min",
    Parameter.SPO2: "spo2_percent",
    Parameter.OXYGEN: "on_oxygen",
    Parameter.SYSTOLIC: "systolic_mmhg",
    Parameter.PULSE: "pulse_per_min",
    Parameter.CONSCIOUSNESS: "consciousness",
    Parameter.TEMPERATURE: "temperature_cel",
}


def references(given: Iterable[Reference]) -> list[settings_schemas.Reference]:
    """Each once."""
    return [
        settings_schemas.Reference(document=each.document, edition=each.edition, page=each.page, checked=each.checked)
        for each in dict.fromkeys(given)
    ]


def news2_now(patient: int, newest: Point, people: Mapping[int, StaffMember]) -> shapes.News2:
    score, chosen = newest.score, newest.score.scale_2
    return shapes.News2(
        patient=patient,
        at=score.at,
        total=score.total,
        risk=None if score.risk is None else score.risk.value,
        scale=score.scale.value,
        scale_2_by=None if chosen is None else people.get(chosen.by),
        scale_2_since=None if chosen is None else chosen.at,
        parts=[_part(parameter, newest) for parameter in Parameter],
        missing=[each.value for each in score.missing],
        too_old=[each.value for each in score.too_old],
        together_within_min=news2.TOGETHER_WITHIN // timedelta(minutes=1),
        references=references((*news2.REFERENCES, news2.TOGETHER_REFERENCE)),
    )


def _part(parameter: Parameter, point: Point) -> shapes.News2Part:
    given = _given(point.observed, parameter)
    seen = given.value if isinstance(given, Seen) else None
    return shapes.News2Part(
        parameter=parameter.value,
        points=point.score.points[parameter],
        value=given.value if isinstance(given, Reading) else None,
        sign=int(given.sign) if isinstance(given, Reading) else int(Sign.EXACT),
        on_oxygen=seen if isinstance(seen, bool) else None,
        acvpu=seen.value if isinstance(seen, Consciousness) else None,
        at=None if given is None else given.at,
        too_old=parameter in point.score.too_old,
        red=parameter in point.score.red,
    )


def _given(observed: Observed, parameter: Parameter) -> Reading | Seen[bool] | Seen[Consciousness] | None:
    return cast("Reading | Seen[bool] | Seen[Consciousness] | None", getattr(observed, FIELD[parameter]))


def trail(
    patient: int, points: Sequence[Point], *, from_at: datetime, to_at: datetime, every: timedelta
) -> shapes.News2Trail:
    scores = [point.score for point in points]
    return shapes.News2Trail(
        patient=patient,
        from_at=from_at,
        to_at=to_at,
        every_min=every // timedelta(minutes=1),
        at=[score.at for score in scores if score.at is not None],
        total=[score.total for score in scores],
        risk=[None if score.risk is None else score.risk.value for score in scores],
        scale=[score.scale.value for score in scores],
        rows=[
            shapes.News2Row(
                parameter=parameter.value,
                points=[None if parameter in score.too_old else score.points[parameter] for score in scores],
            )
            for parameter in Parameter
        ],
    )


def metrics(found: glucose.Metrics) -> shapes.GlucoseMetrics:
    percent = found.percent
    bands = None
    if percent is not None:
        bands = shapes.GlucoseBands(
            very_low=_percent(percent[Band.VERY_LOW]),
            low=_percent(percent[Band.LOW]),
            in_range=_percent(percent[Band.IN_RANGE]),
            high=_percent(percent[Band.HIGH]),
            very_high=_percent(percent[Band.VERY_HIGH]),
        )
    return shapes.GlucoseMetrics(
        readings=found.readings,
        censored=found.censored,
        days=found.days,
        worn_percent=found.worn_percent,
        sufficient=found.sufficient,
        bands=bands,
        mean_mmol_per_l=found.mean_mmol_per_l,
        gmi_percent=found.gmi_percent,
        gmi_mmol_per_mol=found.gmi_mmol_per_mol,
        cv_percent=found.cv_percent,
        stable=found.stable,
        gri=found.gri,
    )


def _percent(share: float) -> float:
    """Sums of many intervals may be a hair beyond."""
    return min(100.0, max(0.0, share))


def targets(found: glucose.Metrics, wanted: Iterable[Target]) -> list[shapes.GlucoseTarget]:
    percent = found.percent
    return [
        shapes.GlucoseTarget.model_validate(
            {
                "bands": [band.name.lower() for band in sorted(target.bands)],
                "over_percent": target.over,
                "under_percent": target.under,
                "percent": None if percent is None else target.percent_of(percent),
                "met": None if percent is None or not found.sufficient else target.is_met(percent),
            }
        )
        for target in wanted
    ]


def profile(found: DayProfile) -> shapes.GlucoseProfile:
    columns = {f"p{percentile}": _numbers(found.mmol_per_l[:, place]) for place, percentile in enumerate(PERCENTILES)}
    return shapes.GlucoseProfile.model_validate(
        {"minute": found.minute.tolist(), "count": found.count.tolist(), **columns}
    )


def _numbers(column: NDArray[np.float64]) -> list[float | None]:
    rounded = np.round(column, MMOL_DECIMALS)
    return [None if each != each else each for each in rounded.tolist()]


def episode_counts(found: Sequence[Episode]) -> list[shapes.GlucoseEpisodeCount]:
    count = Counter((each.direction, each.level) for each in found)
    prolonged = Counter((each.direction, each.level) for each in found if each.prolonged)
    return [
        shapes.GlucoseEpisodeCount(
            direction=side, level=int(level), count=count[side, level], prolonged=prolonged[side, level]
        )
        for side in ("low", "high")
        for level in EpisodeLevel
    ]


def episodes(found: Sequence[Episode]) -> list[shapes.GlucoseEpisode]:
    """The newest of each direction and level, in order of time."""
    shown: Counter[tuple[str, EpisodeLevel]] = Counter()
    newest = []
    for each in reversed(found):
        shown[each.direction, each.level] += 1
        if shown[each.direction, each.level] <= EPISODES_SHOWN:
            newest.append(_episode(each))
    return newest[::-1]


def _episode(each: Episode) -> shapes.GlucoseEpisode:
    return shapes.GlucoseEpisode(
        direction=each.direction,
        level=int(each.level),
        began_at=each.began,
        ended_at=each.ended,
        recovered=each.recovered,
        extreme_mmol_per_l=round(each.extreme_mmol_per_l, MMOL_DECIMALS),
        prolonged=each.prolonged,
    )


def glucose_day(each: GlucoseDay) -> shapes.GlucoseDay:
    return shapes.GlucoseDay(
        day=each.day,
        begins=each.begins,
        metrics=metrics(each.metrics),
        after_min=(each.after_ms / 60_000).round(2).tolist(),
        mmol_per_l=each.mmol_per_l.round(MMOL_DECIMALS).tolist(),
        sign=each.sign.tolist() if each.sign.any() else [],
    )


def exacerbation(
    patient: int, found: copd.Exacerbation | None, reported: Mapping[date, Set[Symptom]]
) -> shapes.Exacerbation:
    days: list[dict[str, Any]] = [
        {"day": day, "symptoms": sorted(reported[day]), "type": copd.type_of(reported[day])} for day in sorted(reported)
    ]
    return shapes.Exacerbation.model_validate(
        {
            "patient": patient,
            "type": None if found is None else found.type,
            "began": None if found is None else found.began,
            "as_of": max(reported, default=None),
            "days": days,
            "references": references(copd.REFERENCES),
        }
    )
