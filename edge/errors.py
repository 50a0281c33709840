"""What can go wrong at the gateway, each with a sentence for the person who has to mend it."""


class ConfigError(Exception):
    """The configuration file says something that cannot be; the message names file, key and remedy."""


class OutboxError(Exception):
    """The outbox cannot be written or read now; what was committed before is safe."""


class OutboxFull(OutboxError):
    """No room on the disk."""


class OutboxDamaged(OutboxError):
    """The file's content is not what was written."""


class RadioError(Exception):
    """No radio, or it does not answer."""
