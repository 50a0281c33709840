"""What readings of a backlog mean: what is over by now is said once, as something that has been."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Final

from devices.vocabulary import KINDS
from server.detection.findings import Crossing, Direction, LimitFinding
from server.detection.rows import Stream

LATE_S: Final = 120.0  # older than this, a reading is not now [proposal]
OUTWARD: Final = (Crossing.BEGAN, Crossing.WORSE, Crossing.STILL)


def settle(findings: list[LimitFinding], fresh: Mapping[Stream, bool]) -> list[LimitFinding]:
    """`fresh`: the stream's newest reading says how it is now. What is so now comes first."""
    backlog = {_stream(finding) for finding in findings if finding.late}
    settled = [finding for finding in findings if _stream(finding) not in backlog]
    late = sorted((finding for finding in findings if _stream(finding) in backlog), key=_stream)
    for stream, group in groupby(late, key=_stream):
        settled += _settle_stream(list(group), fresh[stream])
    return settled


def has_been(findings: Iterable[LimitFinding]) -> list[LimitFinding]:
    """One finding per stream and direction, with the worst level there was."""
    merged: dict[tuple[Stream, Direction], LimitFinding] = {}
    for finding in findings:
        key = (_stream(finding), finding.direction)
        merged[key] = _merged(merged[key], finding) if key in merged else finding
    return list(merged.values())


def _stream(finding: LimitFinding) -> Stream:
    return finding.patient, KINDS[finding.kind].number


def _settle_stream(findings: list[LimitFinding], fresh: bool) -> list[LimitFinding]:
    past: list[LimitFinding] = []
    standing: list[LimitFinding] = []
    for episode in _episodes(findings):
        if not episode[0].late:
            standing += episode
        elif episode[-1].crossing is not Crossing.ENDED:
            standing += _not_over(episode, fresh)
        else:
            past += _over(episode)
            standing += [] if episode[0].crossing is Crossing.BEGAN else episode[-1:]
    return has_been(past) + standing


def _episodes(findings: list[LimitFinding]) -> list[list[LimitFinding]]:
    episodes: list[list[LimitFinding]] = [[]]
    for finding in findings:
        episodes[-1].append(finding)
        if finding.crossing is Crossing.ENDED:
            episodes.append([])
    return [episode for episode in episodes if episode]


def _over(episode: list[LimitFinding]) -> list[LimitFinding]:
    """Of a condition that was known before, only its having been worse is news."""
    began = episode[0].crossing is Crossing.BEGAN
    news = [each for each in episode if each.crossing in (OUTWARD if began else (Crossing.WORSE,))]
    if not news:
        return []
    worst = max(news, key=lambda each: abs(each.level))
    return [
        replace(worst, crossing=Crossing.HAS_BEEN, began=news[0].began, at=episode[-1].at, late=True),
    ]


def _not_over(episode: list[LimitFinding], fresh: bool) -> list[LimitFinding]:
    crossings = [each for each in episode if each.crossing is not Crossing.STILL]
    newest = [each for each in episode if each.crossing is Crossing.STILL][-1:]
    return [replace(each, late=each.late and not fresh) for each in crossings] + newest


def _merged(earlier: LimitFinding, later: LimitFinding) -> LimitFinding:
    worst = max(earlier, later, key=lambda each: abs(each.level))
    return replace(worst, began=min(earlier.began, later.began), at=max(earlier.at, later.at))
