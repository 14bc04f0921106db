"""The errors that hetlava raises; each is also the builtin that a caller would expect."""


class HetlavaError(Exception):
    """Base of every error that is the user's to mend; the command line exits with 2 on it."""


class ValidationError(HetlavaError, ValueError):
    """A value, shape or option is impossible: wrong unit, negative time constant, unknown name."""


class FormatError(HetlavaError, ValueError):
    """A file is damaged, truncated, of another format, or declares what cannot be true."""


class RuleError(HetlavaError, ValueError):
    """A network breaks limits of a chip; the message lists every violation."""


class UnsupportedError(HetlavaError, ValueError):
    """The request is clear but this engine, target or format cannot do it exactly."""


class DataError(HetlavaError, OSError):
    """A data set is missing, damaged or not where it was looked for."""


class MissingPackageError(HetlavaError, ImportError):
    """An optional package is not installed; the message holds the line that installs it."""


class TargetError(HetlavaError, RuntimeError):
    """A target failed while it ran: it crashed, hung, or lost its connection."""


class WorkerLostError(TargetError):
    """A process that worked on a part died; what it had finished is kept, the rest can be tried."""


class TrainingError(HetlavaError, ArithmeticError):
    """Training went astray: a loss or a gradient is no longer a finite number."""
