"""Sends a message by SMTP, one recipient at a time, so that one refused address keeps nobody else from theirs.

Passing trouble (no connection, a 4xx reply) is tried again; a refusal (5xx) is not.
"""

from __future__ import annotations

import io
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, NamedTuple

from lib.errors import DeliveryError
from lib.logs import clean_text
from lib.timed_reader import TimedReader

STARTTLS, TLS = "starttls", "tls"
TIMEOUT_S = 30  # of silence
TOTAL_TIMEOUT_S = 300.0  # for handing a message in, however the server drips; a report takes seconds
_MAX_REPLY_BYTES = 256 * 1024  # of all replies while a message is handed in; they have some hundred each
_MAX_REASON_LENGTH = 300
# Greylisting servers ask to come again after minutes; longer outages are for the next run.
WAITS_S = (5.0, 60.0, 300.0)


class MailServer(NamedTuple):
    """Where mail is handed in; `security` is "starttls", "tls" or "none"."""

    host: str
    port: int
    security: str
    user: str | None
    password: str | None


class Attachment(NamedTuple):
    """A file that goes along with a message."""

    name: str
    content: bytes
    subtype: str  # of application/


def build_message(
    sender: str,
    recipient: str,
    subject: str,
    text: str,
    *,
    message_id: str,
    html: str | None = None,
    attachments: tuple[Attachment, ...] = (),
    sent_at_s: float,
) -> EmailMessage:
    """Return a message; names from outside in `subject` cannot add a header line, nor drive a terminal."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, clean_text(subject)
    message["Date"], message["Message-ID"] = formatdate(sent_at_s, usegmt=True), message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office notes in reply
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for name, content, subtype in attachments:
        message.add_attachment(content, maintype="application", subtype=subtype, filename=name)
    return message


def send_message(
    server: MailServer,
    message: EmailMessage,
    *,
    waits_s: tuple[float, ...] = WAITS_S,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Hand a message with one recipient to the server.

    Raises
    ------
    DeliveryError
        When the server refused it, or could not be reached after all tries.
    """
    for wait_s in (*waits_s, None):
        try:
            with _connect(server) as smtp:
                smtp.send_message(message)
            return  # whatever the server says to the goodbye
        except (OSError, smtplib.SMTPException) as err:
            if wait_s is None or not _is_passing(err):
                raise DeliveryError(
                    f"mail to {message['To']} by {server.host}:{server.port} failed: {_reason(err)}; "
                    "check SMTP_HOST, SMTP_USER and the address, and run again"
                ) from err
        sleep(wait_s)


class _BoundedSMTP(smtplib.SMTP):
    """A connection that ends, with all that is said on it, within a total time and size."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._until_s = time.monotonic() + TOTAL_TIMEOUT_S
        super().__init__(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(TimedReader(self.sock, self._until_s, _MAX_REPLY_BYTES))
        return super().getreply()

    def send(self, s: Any) -> None:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            self.close()
            raise smtplib.SMTPServerDisconnected("the server took too long")
        if self.sock is not None:
            self.sock.settimeout(left_s)  # for all of `s`
        super().send(s)
        if self.sock is not None:
            self.sock.settimeout(TIMEOUT_S)


class _BoundedSMTPOverTLS(_BoundedSMTP, smtplib.SMTP_SSL):
    """The same, over TLS from the first byte."""


@contextmanager
def _connect(server: MailServer) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if server.security == TLS:
        smtp: smtplib.SMTP = _BoundedSMTPOverTLS(server.host, server.port, timeout=TIMEOUT_S, context=context)
    else:
        smtp = _BoundedSMTP(server.host, server.port, timeout=TIMEOUT_S)
    try:
        if server.security == STARTTLS:
            smtp.starttls(context=context)
        if server.user is not None:
            smtp.login(server.user, server.password or "")
        yield smtp
        # What was taken is taken: a goodbye that fails must not have it sent again.
        with suppress(OSError, smtplib.SMTPException):
            smtp.quit()
    finally:
        smtp.close()


def _is_passing(err: Exception) -> bool:
    """Return whether trying again may help: not after a refusal, a bad certificate, or a failed login."""
    if isinstance(err, smtplib.SMTPRecipientsRefused):
        return all(400 <= code < 500 for code, _ in err.recipients.values())
    if isinstance(err, smtplib.SMTPResponseException):
        return 400 <= err.smtp_code < 500
    return not isinstance(err, (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError))


def _reason(err: Exception) -> str:
    reply: bytes | str
    if isinstance(err, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(err.recipients.values()))
    elif isinstance(err, smtplib.SMTPResponseException):
        code, reply = err.smtp_code, err.smtp_error
    else:
        return clean_text(str(err) or type(err).__name__)
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return clean_text(f"{code} {text}")[:_MAX_REASON_LENGTH]
