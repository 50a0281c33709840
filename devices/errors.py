"""What can be wrong with bytes and messages."""


class DecodeError(ValueError):
    """Bytes from a device that its specification does not allow; the message says which rule."""


class WireError(ValueError):
    """A message between gateway and server that the contract does not allow."""


class HeaderError(WireError):
    """Not even the delivery header could be read: the sender must find the row at fault by halving."""
