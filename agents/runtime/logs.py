"""Logs: structlog, JSON lines for machines, coloured text on a terminal; never a value of a record.

``LOG_FORMAT`` json or text decides where it is set, else whether standard error is a terminal.
"""

import logging
import sys
from collections.abc import Mapping

import structlog


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
    for name in ("aiokafka", "faust", "mode", "kafka", "asyncio", "penstock.agents.runtime"):
        logging.getLogger(name).setLevel("ERROR" if level != "DEBUG" else "INFO")
    for name in ("httpx", "httpcore"):  # their lines hold whole URLs
        logging.getLogger(name).setLevel("WARNING")


def logger() -> structlog.stdlib.BoundLogger:
    """The product's logger."""
    log: structlog.stdlib.BoundLogger = structlog.get_logger("penstock")
    return log
