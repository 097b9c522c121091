"""Sends a message by SMTP, one recipient at a time, so that one refused address keeps nobody else from theirs.

Passing trouble (no connection, a 4xx reply) is tried again; a refusal (5xx) is not.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate
from typing import NamedTuple

from lib.errors import DeliveryError
from lib.logs import clean_text

STARTTLS, TLS = "starttls", "tls"
TIMEOUT_S = 30
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
            return
        except (OSError, smtplib.SMTPException) as err:
            if wait_s is None or not _is_passing(err):
                raise DeliveryError(
                    f"mail to {message['To']} by {server.host}:{server.port} failed: {_reason(err)}; "
                    "check SMTP_HOST, SMTP_USER and the address, and run again"
                ) from err
        sleep(wait_s)


@contextmanager
def _connect(server: MailServer) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if server.security == TLS:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    with smtp:
        if server.security == STARTTLS:
            smtp.starttls(context=context)
        if server.user is not None:
            smtp.login(server.user, server.password or "")
        yield smtp


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
    return clean_text(f"{code} {text}")
