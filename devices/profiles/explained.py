"""The fields of every characteristic that we know, in words: for `hjemvakt-gateway decode`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from devices.profiles import (
    battery,
    blood_pressure,
    bthome,
    cgm,
    current_time,
    device_information,
    glucose,
    glucose_context,
    heart_rate,
    oximeter,
    racp,
    scale,
    scale_composition,
    scale_weight,
    thermometer,
)
from devices.profiles.base import Sender

NOBODY: Final = Sender(address="00:00:00:00:00:00")  # whose key nobody has

# One line for each field; DecodeError as the decoder itself.
EXPLAINED: Final[Mapping[str, Callable[[bytes], Sequence[str]]]] = MappingProxyType(
    {
        heart_rate.MEASUREMENT: heart_rate.explain,
        oximeter.CONTINUOUS: oximeter.explain_continuous,
        oximeter.SPOT: oximeter.explain_spot,
        thermometer.MEASUREMENT: thermometer.explain,
        glucose.MEASUREMENT: glucose.explain,
        glucose_context.CONTEXT: glucose_context.explain,
        blood_pressure.MEASUREMENT: blood_pressure.explain,
        blood_pressure.CUFF: blood_pressure.explain_cuff,
        scale.WEIGHT: scale_weight.explain,
        scale.COMPOSITION: scale_composition.explain,
        scale.WEIGHT_FEATURE: lambda data: scale.explain_feature(scale.parse_weight_feature(data)),
        scale.COMPOSITION_FEATURE: lambda data: scale.explain_feature(scale.parse_composition_feature(data)),
        cgm.MEASUREMENT: cgm.explain,
        cgm.FEATURE: cgm.explain_feature,
        cgm.STATUS: cgm.explain_status,
        cgm.SESSION_START: cgm.explain_session_start,
        cgm.RUN_TIME: cgm.explain_run_time,
        racp.CONTROL_POINT: racp.explain,
        battery.LEVEL: battery.explain,
        current_time.CURRENT_TIME: current_time.explain,
        current_time.LOCAL_TIME_INFORMATION: current_time.explain_local_time,
        **{uuid: partial(device_information.explain, uuid) for uuid in device_information.DECODERS},
        bthome.SERVICE: partial(bthome.explain, sender=NOBODY),
    }
)
