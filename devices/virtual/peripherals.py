"""All virtual peripherals there are. They take ready-made bytes and say them over the air; nothing is decoded here."""

from devices.virtual.gatt_servers.base import OnSaid, Peripheral
from devices.virtual.gatt_servers.blood_pressure import BloodPressure
from devices.virtual.gatt_servers.bthome import BTHomeAdvertiser
from devices.virtual.gatt_servers.cgm import GlucoseSensor
from devices.virtual.gatt_servers.connectable import ConnectablePeripheral, DeviceInformation
from devices.virtual.gatt_servers.glucose import Glucose, Record
from devices.virtual.gatt_servers.health_sensor import HealthSensor
from devices.virtual.gatt_servers.heart_rate import HeartRate
from devices.virtual.gatt_servers.oximeter import PulseOximeter
from devices.virtual.gatt_servers.scale import Scale
from devices.virtual.gatt_servers.thermometer import Thermometer

__all__ = [
    "BTHomeAdvertiser",
    "BloodPressure",
    "ConnectablePeripheral",
    "DeviceInformation",
    "Glucose",
    "GlucoseSensor",
    "HealthSensor",
    "HeartRate",
    "OnSaid",
    "Peripheral",
    "PulseOximeter",
    "Record",
    "Scale",
    "Thermometer",
]
