"""What can go wrong at the gateway, each with a sentence for the person who has to mend it."""


class GatewayError(Exception):
    """Ends a command; the message is all that the user sees."""


class ConfigError(GatewayError):
    """The configuration says something that cannot be; the message names file, key and remedy."""


class AskedWrong(GatewayError):
    """A command line that makes no sense."""


class RadioError(GatewayError):
    """No radio, or it does not answer."""


class OutboxError(Exception):
    """The outbox cannot be written or read now; what was committed before is safe."""


class OutboxFull(OutboxError):
    """No room on the disk."""


class OutboxDamaged(OutboxError):
    """The file's content is not what was written."""


class EnrolmentRefused(GatewayError):
    """This code, or this gateway, comes to nothing."""


class NotEnrolled(GatewayError):
    """It has no certificate and no name yet."""


class ServerAway(Exception):
    """No answer that could be used; try again."""


class IdentityError(Exception):
    """What the server issued cannot be ours."""
