"""The scenario files: readings in, findings out, as a clinician wrote them down."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from devices.limits import Level
from devices.vocabulary import KINDS, Kind
from server.clinical.copd import Symptom, exacerbation
from server.clinical.glucose import Band, metrics, series
from server.clinical.glucose_episodes import episodes
from server.clinical.news2 import Consciousness, Observed, Parameter, Reading, Scale2Choice, Seen, score
from server.clinical.pathways import SPO2_PERCENT
from server.clinical.saturation import Oxygen, PrescribedRange, SaturationBaseline, saturation_limit

FOLDER = Path(__file__).parents[3] / "scenarios"
NORWAY = ZoneInfo("Europe/Oslo")
FIVE_MIN = timedelta(minutes=5)
BEYOND = {"LO": (2.2, -1), "HI": (27.8, 1)}


def scenarios(what):
    files = sorted(FOLDER.glob(f"{what}_*.json"))
    assert files
    told = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}
    assert {each["what"] for each in told.values()} == {what}
    return [pytest.param(each, id=name) for name, each in told.items()]


def local(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=NORWAY)


def known(told, *words):
    """A misspelt word must not be a reading that nobody gave."""
    assert set(told) <= set(words), set(told) - set(words)
    return told


def observed(told):
    given = {}
    for each in told["readings"]:
        [(parameter, value)] = [(word, value) for word, value in each.items() if word != "at"]
        assert parameter not in given
        given[parameter] = Reading(value=value, at=local(each["at"]))
    for each in told["seen"]:
        known(each, "at", "consciousness", "oxygen")
        if "consciousness" in each:
            given["consciousness"] = Seen(value=Consciousness(each["consciousness"]), at=local(each["at"]))
        else:
            given["on_oxygen"] = Seen(value={"air": False, "oxygen": True}[each["oxygen"]], at=local(each["at"]))
    return Observed(**given)


def scale_2(told):
    if "scale_2" not in told:
        return None
    choice = known(told["scale_2"], "prescribed_by", "from", "until")
    until = local(choice["until"]) if "until" in choice else None
    return Scale2Choice(by=choice["prescribed_by"], at=local(choice["from"]), until=until)


@pytest.mark.parametrize("told", scenarios("news2"))
def test_news2_finds_what_the_scenario_says(told):
    known(told, "what", "story", "source", "scale_2", "readings", "seen", "findings")
    found = score(observed(told), scale_2(told))
    assert told["findings"] == {
        "points": {str(parameter): points for parameter, points in found.points.items()},
        "total": found.total,
        "risk": found.risk,
        "red": list(found.red),
        "missing": list(found.missing),
        "too_old": list(found.too_old),
    }
    assert set(told["findings"]["points"]) == set(Parameter)


def readings(told):
    """Every five minutes, and when the last stretch ends."""
    at = local(told["from"]).astimezone(UTC)
    taken, values, signs = [], [], []
    for stretch in told["sensor"]:
        known(stretch, "mmol_per_l", "for_min")
        value, sign = BEYOND.get(stretch["mmol_per_l"], (stretch["mmol_per_l"], 0))
        for _ in range(stretch["for_min"] // 5):
            if value is not None:
                taken.append(round(at.timestamp() * 1000))
                values.append(value)
                signs.append(sign)
            at += FIVE_MIN
    return series(np.array(taken, np.int64), np.array(values, np.float64), np.array(signs, np.int8)), at


def clock(at):
    return at.astimezone(NORWAY).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize("told", scenarios("glucose"))
def test_glucose_finds_what_the_scenario_says(told):
    known(told, "what", "story", "source", "from", "sensor", "findings")
    expected = known(told["findings"], "percent", "mean_mmol_per_l", "gmi_percent", "gri", "episodes", "enough_data")
    seen, to_at = readings(told)
    found = metrics(seen, from_at=local(told["from"]), to_at=to_at)
    by_name = {band.name.lower(): found.percent[band] for band in Band}
    assert by_name == pytest.approx(expected["percent"], abs=0.001)
    for figure in ("mean_mmol_per_l", "gmi_percent", "gri"):
        if figure in expected:
            assert getattr(found, figure) == pytest.approx(expected[figure], abs=0.0005)
    assert found.sufficient is expected["enough_data"]
    assert expected["episodes"] == [
        {
            "direction": each.direction,
            "level": each.level,
            "began": clock(each.began),
            "ended": clock(each.ended),
            "recovered": each.recovered,
            "extreme": each.extreme_mmol_per_l,
            "prolonged": each.prolonged,
        }
        for each in episodes(seen)
    ]


@pytest.mark.parametrize("told", scenarios("copd"))
def test_copd_finds_what_the_scenario_says(told):
    known(told, "what", "story", "source", "reported", "findings")
    days = {date.fromisoformat(each["day"]): {Symptom(word) for word in each["symptoms"]} for each in told["reported"]}
    assert len(days) == len(told["reported"])
    found = exacerbation(days)
    assert told["findings"] == (None if found is None else {"began": found.began.isoformat(), "type": found.type})


def facts(told):
    ranges, oxygen, baselines = [], [], []
    for each in told["facts"]:
        known(each, "from", "by", "range_percent", "oxygen", "litres_per_min", "baseline_percent")
        who = {"by": each["by"], "at": local(each["from"])}
        if "range_percent" in each:
            low, high = each["range_percent"]
            ranges.append(PrescribedRange(**who, low_percent=low, high_percent=high))
        elif "oxygen" in each:
            on = {"on": True, "off": False}[each["oxygen"]]
            oxygen.append(Oxygen(**who, on=on, litres_per_min=each.get("litres_per_min")))
        else:
            baselines.append(SaturationBaseline(**who, percent=each["baseline_percent"]))
    return {"ranges": ranges, "oxygen": oxygen, "baselines": baselines}


@pytest.mark.parametrize("told", scenarios("saturation"))
def test_saturation_is_judged_by_the_facts_of_its_time(told):
    known(told, "what", "story", "source", "facts", "readings")
    for each in told["readings"]:
        found = saturation_limit(local(each["at"]), **facts(told), default=SPO2_PERCENT.limit)
        level = found.limit.level_of(each["spo2_percent"], decimals=KINDS[Kind.SPO2].decimals)
        assert (each["at"], level) == (each["at"], Level[each["is"].upper()])
    assert told["readings"]
