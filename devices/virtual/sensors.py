"""All sensors of virtual homes there are, by the profile that reads them."""

from collections.abc import Callable
from functools import partial

from devices.profiles import bthome
from devices.virtual import body_sensors, home_sensors
from devices.virtual.script import DeviceInHome
from devices.virtual.sensor import Around, Sensor

SENSORS: dict[str, Callable[[DeviceInHome, Around], Sensor]] = {
    "heart_rate": body_sensors.ChestStrap,
    "oximeter": body_sensors.Oximeter,
    "glucose": body_sensors.GlucoseMeter,
    "thermometer": body_sensors.EarThermometer,
    "blood_pressure": body_sensors.BloodPressureMeter,
    "blood_pressure_omron": body_sensors.OmronMeter,
    "scale": body_sensors.BathroomScale,
    "cgm": body_sensors.GlucosePatch,
    "health_sensor": body_sensors.Spirometer,
    "bthome_sos": home_sensors.Button,
    "bthome_fall": home_sensors.FallPendant,
    "bthome_door": home_sensors.FrontDoor,
    "bthome_bed": home_sensors.Bed,
    "bthome_smoke": partial(home_sensors.Detector, detector=bthome.Object.SMOKE, event="smoke"),
    "bthome_gas": partial(home_sensors.Detector, detector=bthome.Object.GAS, event="gas"),
    "bthome_water": partial(home_sensors.Detector, detector=bthome.Object.MOISTURE, event="water"),
    "bthome_motion": partial(home_sensors.Detector, detector=bthome.Object.MOTION, event="motion"),
    "bthome_vibration": partial(home_sensors.Detector, detector=bthome.Object.VIBRATION, event="vibration"),
    "pendant": home_sensors.Pendant,
    "dispenser": home_sensors.Dispenser,
}
