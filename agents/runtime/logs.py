"""Logs: structlog, JSON lines for machines, coloured text on a terminal; never a value of a record.

``LOG_FORMAT`` json or text decides where it is set, else whether standard error is a terminal.
"""

import logging
import sys
import time
from collections.abc import Mapping

import structlog

SELDOM_SECONDS = 30.0
CLIENTS = ("aiokafka", "faust", "mode", "kafka", "asyncio", "penstock.agents.runtime")


class _Seldom(logging.Filter):
    """Lets a client's message through once in a while: a broker that is away is told of thousands of times a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(CLIENTS):
            return True
        which = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._told.get(which, -SELDOM_SECONDS) < SELDOM_SECONDS:
            return False
        self._told[which] = now
        return True


def configure(level: str, environ: Mapping[str, str]) -> None:
    """Set up structlog and send the standard library's loggers through it."""
    as_json = environ.get("LOG_FORMAT", "text" if sys.stderr.isatty() else "json") == "json"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # clients' own chatter: rebalances and reconnects are told by our events, with pipeline and agent (mode logs under
    # the name of the module that a service's class is defined in, ours among them; our own events go to "penstock")
    for name in CLIENTS:
        logging.getLogger(name).setLevel("ERROR" if level != "DEBUG" else "INFO")
    for name in ("httpx", "httpcore"):  # their lines hold whole URLs
        logging.getLogger(name).setLevel("WARNING")


def logger() -> structlog.stdlib.BoundLogger:
    """The product's logger."""
    log: structlog.stdlib.BoundLogger = structlog.get_logger("penstock")
    return log
