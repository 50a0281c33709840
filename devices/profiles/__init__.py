"""Every sensor that a gateway can read. A new one is one file here and one line below: see devices/README.md."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from devices.profiles import (
    blood_pressure,
    bthome,
    cgm,
    dispenser,
    glucose,
    health_sensor,
    heart_rate,
    oximeter,
    pendant,
    scale,
    thermometer,
)
from devices.profiles.base import Profile

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            heart_rate.PROFILE,
            oximeter.PROFILE,
            glucose.PROFILE,
            thermometer.PROFILE,
            blood_pressure.PROFILE,
            blood_pressure.OMRON,
            scale.PROFILE,
            cgm.PROFILE,
            health_sensor.PROFILE,
            bthome.DOOR,
            bthome.SOS,
            bthome.FALL,
            bthome.SMOKE,
            bthome.WATER,
            bthome.MOTION,
            bthome.GAS,
            bthome.VIBRATION,
            bthome.BED,
            pendant.PROFILE,
            dispenser.PROFILE,
        )
    }
)
