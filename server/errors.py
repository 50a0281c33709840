"""What can go wrong on the server in a way that a sentence to a person can mend."""


class ServerError(Exception):
    """The message is a sentence that says what to do."""


class ConfigError(ServerError):
    """A setting that cannot be used."""


class MigrationError(ServerError):
    """The database's schema and this program do not fit together."""


class EnrolmentError(ServerError):
    """An enrolment list that cannot be loaded; nothing of it was."""


class BackupError(ServerError):
    """A backup that cannot be made or restored; nothing was overwritten."""


class SubjectError(ServerError):
    """What is kept of a person cannot be exported; nothing was written."""


class RebindingError(ServerError):
    """A change of bindings that cannot be made; nothing changed."""


class RetentionError(ServerError):
    """A decision about retention that cannot be taken."""


class CareError(ServerError):
    """What staff said or set that cannot count; nothing of it was kept."""


class RegistrationError(CareError):
    """Somebody or something that cannot come in as it was said. `what`: of it is wrong, in one word for a program."""

    def __init__(self, what: str, sentence: str) -> None:
        super().__init__(sentence)
        self.what = what


class TryOutError(ServerError):
    """A limit that cannot be tried out."""


class SealError(ServerError):
    """What is sealed cannot be opened or made; the message never says what it is."""


class PeopleError(ServerError):
    """A list of people that cannot be imported; nothing of it was."""


class ProviderError(ServerError):
    """The identity provider does not answer, or what it says does not hold."""


class TrustError(ServerError):
    """A request or certificate that cannot be trusted, or an authority that cannot sign."""
