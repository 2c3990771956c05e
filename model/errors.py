"""Every error the product raises on purpose, with a stable code.

::

    PenstockError                       code, message, hint
    ├── ConfigurationError              wrong use or configuration; exit status 2
    │   ├── PipelineFileError           file, line, key, found, allowed
    │   │   └── PolicyFileError         a file that an option of a stage names
    │   ├── MissingExtraError           an optional package is not installed
    │   └── TopicMismatchError          a topic exists and differs from the plan
    ├── UnreachableError                a server did not answer; exit status 3; retriable
    │   ├── BrokerUnreachableError
    │   └── ServiceUnreachableError
    ├── RejectedError                   a server refused this request and always will (4xx)
    ├── RecordError                     one record cannot go on; it becomes a dead letter
    │   ├── DecodeError                 the bytes are not what the codec says
    │   ├── StageError                  a stage raised
    │   ├── EnrichmentError             an enrichment failed; the record goes on without it
    │   ├── SchemaDriftError            its schema breaks the ones before, and the policy says to fail
    │   └── TooLargeError
    ├── FrameError                      an internal topic holds what this version cannot read
    ├── HoleError                       frames are missing and could not be found again; the worker restarts
    ├── FencedError                     another worker owns this partition now
    ├── SourceError                     a source cannot be read further
    └── BrokerStartError                the embedded broker did not start

Names in the seed documents that mean the same: ``ETLError`` is `PenstockError`, ``ConnectionError`` is
`UnreachableError`, ``ReadError`` is `SourceError`, ``TransformError`` is `StageError`.

No message ever holds a value from a record: only names of fields, offsets, lengths and codes.
"""

from typing import Any, ClassVar


class PenstockError(Exception):
    """Base of all errors raised on purpose.

    Attributes
    ----------
    code : str
        Stable identifier: what dead letters, metrics and the documentation call this error.
    retriable : bool
        Whether the same call may succeed later without anybody changing anything.
    exit_status : int
        What the command line exits with: 1 records failed, 2 wrong use, 3 not reachable.
    hint : str
        What to do about it; empty where the message says it all.
    """

    code: ClassVar[str] = "error"
    retriable: ClassVar[bool] = False
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigurationError(PenstockError):
    """The command, the environment or a file asks for something that cannot be."""

    code = "configuration"
    exit_status = 2


class PipelineFileError(ConfigurationError):
    """A pipeline file does not say what it must.

    Attributes
    ----------
    file : str
    line : int or None
        One-based, where the key stands.
    key : str
        Dotted path in the file.
    """

    code = "pipeline_file"

    def __init__(self, message: str, *, file: str = "", line: int | None = None, key: str = "", hint: str = "") -> None:
        where = f"{file}:{line}" if line else file
        super().__init__(f"{where}: {message}" if where else message, hint=hint)
        self.file = file
        self.line = line
        self.key = key


class PolicyFileError(PipelineFileError):
    """A policy file that a pipeline names does not say what it must."""

    code = "policy_file"


class MissingExtraError(ConfigurationError):
    """An optional package is needed and not installed."""

    code = "missing_extra"

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"the package {package} is not installed", hint=f"pip install 'penstock[{extra}]'")
        self.package = package
        self.extra = extra


class TopicMismatchError(ConfigurationError):
    """A topic exists with other partitions or settings than the plan needs."""

    code = "topic_mismatch"


class UnreachableError(PenstockError):
    """A server did not answer.

    Attributes
    ----------
    address : str
    variable : str
        The environment variable that sets the address; empty if none does.
    """

    code = "unreachable"
    retriable = True
    exit_status = 3

    def __init__(self, what: str, address: str, *, variable: str = "", seconds: float = 0.0, cause: str = "") -> None:
        tried = f" (tried for {seconds:.0f} s)" if seconds else ""
        why = f": {cause}" if cause else ""
        super().__init__(f"{what} at {address} does not answer{tried}{why}", hint=f"set {variable}" if variable else "")
        self.address = address
        self.variable = variable


class BrokerUnreachableError(UnreachableError):
    """No Kafka broker answers."""

    code = "broker_unreachable"


class ServiceUnreachableError(UnreachableError):
    """An HTTP service does not answer, or answers that it cannot now (401, 403, 408, 429, 5xx).

    Attributes
    ----------
    retry_after : float or None
        Seconds the server asked to wait.
    """

    code = "service_unreachable"

    def __init__(
        self,
        what: str,
        address: str,
        *,
        variable: str = "",
        seconds: float = 0.0,
        cause: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, address, variable=variable, seconds=seconds, cause=cause)
        self.retry_after = retry_after


class RejectedError(PenstockError):
    """A server refused this request and always will (a 4xx other than 401, 403, 408, 429).

    Attributes
    ----------
    status : int
    """

    code = "rejected"

    def __init__(self, what: str, status: int, reason: str = "") -> None:
        super().__init__(f"{what} refused the request with {status}{': ' + reason if reason else ''}")
        self.status = status


class RecordError(PenstockError):
    """One record cannot go on."""

    code = "record"


class DecodeError(RecordError):
    """The bytes of a record are not what the topic's codec says."""

    code = "decode"


class StageError(RecordError):
    """A stage raised while it looked at a record; names the stage and the type of the exception, never its text."""

    code = "stage"

    def __init__(self, stage: str, cause: BaseException) -> None:
        super().__init__(f"stage {stage} raised {type(cause).__name__}")
        self.stage = stage


class EnrichmentError(RecordError):
    """An enrichment failed; the record goes on, and ``enrichments.errors`` says why.

    Attributes
    ----------
    reason : str
        Why, in snake case, as ``timeout`` or ``truncated``: what stands in the record and in metrics.
    found : dict or None
        Annotations that could be made nonetheless.
    """

    code = "enrichment"

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.found: dict[str, dict[str, Any]] | None = None


class SchemaDriftError(RecordError):
    """A record's schema breaks those of its source before it, and the policy of `tag` says to fail."""

    code = "schema_drift"


class TooLargeError(RecordError):
    """A record is larger than what the broker takes."""

    code = "too_large"


class FrameError(PenstockError):
    """A frame cannot be decoded: another version wrote it, or it is damaged."""

    code = "frame"


class HoleError(PenstockError):
    """Frames are missing and could not be found again."""

    code = "hole"


class FencedError(PenstockError):
    """Another worker owns this partition now."""

    code = "fenced"


class SourceError(PenstockError):
    """A source cannot be read further."""

    code = "source"


class BrokerStartError(PenstockError):
    """The embedded broker did not start."""

    code = "broker_start"
    exit_status = 3
