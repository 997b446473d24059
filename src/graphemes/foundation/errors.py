"""The ways a command can end early."""

KEPT = "what was finished is kept, the same command does the rest"  # behind why it ended


class UserError(Exception):
    """Something the user can mend; its text is one line: what, where, expected, got, what to do.

    `__main__` prints it after `graphemes: ` and exits with 2.
    """


class SettingsError(UserError):
    """A setting is unknown, out of range, contradicts another, or asks for what isn't here."""


class NetworkError(UserError):
    """A network that can't be built as asked, which only torch or timm can tell."""


class DataError(UserError):
    """A file the user handed in is missing, damaged or doesn't fit the others."""


class PlaceTaken(UserError):
    """The place a result belongs in holds something made with other settings or data."""


class MissingPackage(UserError):
    """A package that this command needs isn't installed."""


# Seconds that a process leaves another of the same command to say why they end: whoever started
# them ends all when one has ended.
GRACE = 3.0


class AlreadySaid(Exception):
    """Another process of the same command has said why it ends, or this one did; for `__main__`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code  # of this process's end


def one_line(error: Exception) -> str:
    """What a library's error says, in a line of at most 300 characters; some say nothing."""
    return " ".join(str(error).split())[:300] or type(error).__name__


class Stopped(BaseException):
    """SIGTERM or time_limit: a clean end with exit code 0; the text says how to go on.

    A BaseException, as KeyboardInterrupt is, so that no handler on the way takes it for a fault.
    """

    def __init__(self, text: str = "", *, signalled: bool = False) -> None:
        super().__init__(text)
        self.signalled = signalled  # by SIGTERM: whoever can't wait, whatever else was to follow
