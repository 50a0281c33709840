"""Through which adapter a device is reached."""

from devices.profiles.base import Reach
from edge.core.nearby import Nearby


def test_the_adapter_that_hears_it_best_comes_first() -> None:
    strap = Nearby(reach=Reach.STREAM)
    strap.hear("hci0", -80, 0)
    strap.hear("hci1", -60, 0)
    assert strap.heard_by(1) == ("hci1", "hci0")


def test_one_lucky_advertisement_does_not_move_it() -> None:
    strap = Nearby(reach=Reach.STREAM)
    for now_s in range(10):
        strap.hear("hci0", -60, now_s)
        strap.hear("hci1", -70, now_s)
    strap.hear("hci1", -40, 10)  # -70 + 0.2 x 30 = -64
    assert strap.heard_by(10) == ("hci0", "hci1")
    strap.hear("hci1", -40, 11)  # -64 + 0.2 x 24 = -59.2
    assert strap.heard_by(11) == ("hci1", "hci0")


def test_what_was_heard_long_ago_is_not_there_any_more() -> None:
    meter = Nearby(reach=Reach.SPOT)
    meter.hear("hci0", -60, 0)
    assert meter.heard_by(5) == ("hci0",)
    assert meter.heard_by(5.1) == ()


def test_an_adapter_that_died_hears_nobody() -> None:
    strap = Nearby(reach=Reach.STREAM)
    strap.hear("hci0", -60, 0)
    strap.hear("hci1", -80, 0)
    strap.lose("hci0")
    assert strap.heard_by(0) == ("hci1",)


def test_the_adapter_that_has_the_key_is_asked_first_and_one_that_was_refused_last() -> None:
    meter = Nearby(reach=Reach.STREAM)
    meter.hear("hci0", -60, 0)
    meter.hear("hci1", -80, 0)
    meter.visited("hci0", False)
    assert meter.heard_by(0) == ("hci1", "hci0")
    meter.visited("hci1", True)
    meter.visited("hci0", None)
    assert meter.heard_by(0) == ("hci1", "hci0")
    meter.visited("hci1", False)
    meter.visited("hci0", True)
    assert meter.heard_by(0) == ("hci0", "hci1")
