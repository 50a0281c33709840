"""One message to one phone, through whichever gateway the installation has: Apprise knows their differences.

It says whether the gateway took the message and, in what it logs, which status it answered; no more is needed here.
"""

import logging
import re
import warnings
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from apprise import Apprise, AppriseAsset, AppriseResult

from server.errors import ConfigError
from server.ways.outcome import Failed, Sent, Why, passing
from server.ways.said import Message

CONNECT_S: Final = 5
ANSWER_S: Final = 15  # a gateway that is given up too early sends twice
SHAPE: Final = (
    "sms_url must be an address for Apprise with {to} where the number belongs, such as "
    "46elks://user:password@+4712345678/{to} or jsons://gateway.example/send?:to={to}."
)
ASSET: Final = AppriseAsset(app_id="Hjemvakt", http_redirects=False, async_mode=False)
LATER: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")

logging.getLogger("apprise").propagate = False  # its lines hold numbers; what matters of them is in the result


def checked(template: str) -> str:
    """Raises ConfigError; never with the address in it, which holds a password."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports at its first use
        usable = "{to}" in template and Apprise.instantiate(_url(template, "+4740000000", "id"), asset=ASSET)
    if not usable:
        raise ConfigError(SHAPE)
    return template


def send(message: Message, number: str, template: str) -> Sent | Failed:
    gateway = Apprise(asset=ASSET)
    if not gateway.add(_url(template, number, message.id)):
        return Failed(why=Why.REFUSED, fault="the SMS gateway's address cannot be made with this number")
    result = gateway.notify(body=message.whole)
    return Sent() if result else _failed(_status(result))


def _url(template: str, number: str, id_: str) -> str:
    url = template.replace("{to}", quote(number, safe="")).replace("{id}", quote(id_, safe=""))
    return f"{url}{'&' if '?' in url else '?'}cto={CONNECT_S}&rto={ANSWER_S}"


def _status(result: AppriseResult) -> int | None:
    found = [match for line in result.logs() if (match := _STATUS.search(line.message))]
    return int(found[-1][1]) if found else None


def _failed(status: int | None) -> Failed:
    if status is None:
        return passing("the SMS gateway did not answer")
    passes = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in LATER
    return Failed(why=Why.PASSING if passes else Why.REFUSED, fault=f"the SMS gateway answered {status}")
