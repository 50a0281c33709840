"""An irregular pulse, told as a finding: yellow at most, for an ECG has to confirm it."""

from devices.vocabulary import KINDS, Kind
from server.clinical.irregular_pulse import irregular_pulse, windows
from server.detection.rows import Floats, Ints
from server.detection.rule_findings import EPOCH, MS, RuleFinding, rule_finding
from server.detection.rules import IrregularPulseRule


def irregular(rule: IrregularPulseRule, patient: int, taken_ms: Ints, rr_ms: Floats) -> RuleFinding | None:
    """Beats as clinical.irregular_pulse.windows wants them. None: regular, or too few unbroken beats to say."""
    found = irregular_pulse(windows(taken_ms, rr_ms))
    if found is None:
        return None
    return rule_finding(
        rule,
        (patient << 16) | KINDS[Kind.RR_INTERVAL].number,
        "high",
        window_ms=((found.began - EPOCH) // MS, (found.at - EPOCH) // MS),
        readings=found.windows,
        highest_entropy=found.highest_entropy,
    )
