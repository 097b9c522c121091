"""The errors this project raises on purpose.

::

    PipelineError                 exit 1   anything below; the message is for the operator
    ├── UsageError                exit 2   an argument that cannot be meant
    ├── ConfigError               exit 1   a setting is missing or cannot be read
    ├── ApiError                  exit 1   the Eniscope service did not give what was asked
    │   ├── AuthenticationError            key, e-mail or password refused
    │   ├── AccessError                    the site or channel is not this account's, or unknown
    │   ├── UnreachableError               no usable answer, after every retry
    │   ├── RefusedError                   a request was refused, and asking again as it is will not help
    │   ├── RefusedWindowError             a window was refused though its channel answers for a part of it
    │   └── UnsupportedFieldsError         the channel does not have the fields asked for
    ├── DatabaseError             exit 1   PostgreSQL cannot be reached, or lacks what is needed
    ├── DataError                 exit 1   the data do not allow what was asked
    ├── BusyError                 exit 1   another process is at work on the same site
    ├── DeliveryError             exit 1   a mail or a webhook did not take what was sent
    └── BreakerOpenError          exit 3   validation holds the data back

A message names what happened, to which site and window, and what to do next, on one line.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BREAKER_OPEN = 3


class PipelineError(Exception):
    """Base of every error whose message is meant for the operator."""

    exit_code = EXIT_FAILED


class UsageError(PipelineError):
    """An argument that cannot be meant, such as dates in reverse."""

    exit_code = EXIT_USAGE


class ConfigError(PipelineError):
    """A setting is missing or cannot be read."""


class ApiError(PipelineError):
    """The Eniscope service did not give what was asked."""


class AuthenticationError(ApiError):
    """The service refused the API key, the e-mail or the password."""


class AccessError(ApiError):
    """The site or channel is unknown to the service, or not this account's."""


class UnreachableError(ApiError):
    """The service gave no usable answer, after every retry."""


class RefusedError(ApiError):
    """The service refused a request, and not for the account's sake."""


class RefusedWindowError(ApiError):
    """The service refused a window, though it answers for a part of it."""


class UnsupportedFieldsError(ApiError):
    """The channel steadily refuses the fields asked for; asking again will not help."""


class DatabaseError(PipelineError):
    """PostgreSQL cannot be reached, refuses, or lacks what is needed."""


class DataError(PipelineError):
    """The data do not allow what was asked."""


class BusyError(PipelineError):
    """Another process is at work on the same site."""


class DeliveryError(PipelineError):
    """A mail server or a webhook did not take what was sent."""


class BreakerOpenError(PipelineError):
    """Validation holds the site's data back; downstream must stop."""

    exit_code = EXIT_BREAKER_OPEN
