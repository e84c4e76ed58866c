"""Structured logs: one line for each stop, with ids and kinds only; never content, names or secrets."""

import logging
import sys

import structlog


def set_up(*, quiet: bool = False) -> None:
    """JSON lines on standard error; ``quiet`` keeps only what needs a person (the demo's terminal)."""
    level = logging.ERROR if quiet else logging.INFO
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", force=True
    )


def say_ready(url: str) -> None:
    """One line on standard output once the server listens: scripts and tests wait for it."""
    sys.stdout.write(f"xiaoer is ready at {url}\n")
    sys.stdout.flush()
