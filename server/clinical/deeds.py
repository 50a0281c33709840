"""Which deed it is to say something of a patient, or to decide what alerts."""

from typing import Final

from server.access import Deed
from server.clinical.pathways import Pathway

# NEWS2's scale 2 and the range it stands for are for a confirmed hypercapnic failure: somebody prescribes them.
# So is what is not done any more.
PRESCRIBED: Final = frozenset({"saturation_range", "news2_scale", "treatment_limits"})


def to_say(fact_type: str) -> Deed:
    return Deed.PRESCRIBE if fact_type in PRESCRIBED else Deed.SAY_FACTS


def to_make_alert(pathway: Pathway) -> Deed:
    """A patient's own limits and rules. In palliative care comfort decides: nothing alerts unless a doctor wants it."""
    return Deed.PRESCRIBE if pathway is Pathway.PALLIATIVE else Deed.SET_CARE
