"""A real SMTP server on loopback, with TLS and a login, that keeps what it was handed."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from lib.mailer import MailServer

USER, PASSWORD = "mailer", "mail-password"


class Inbox:
    """What the server took, and how it is to answer."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.logins: list[bool] = []
        self.replies: list[str] = []  # for the next recipients; then all are taken

    async def handle_RCPT(  # noqa: N802  (the library's name)
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.replies.pop(0) if self.replies else "250 OK"
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.logins.append(session.authenticated is True)
        return "250 taken"


class RunningServer(NamedTuple):
    """A server that runs, what it took, and the file that makes its certificate trusted."""

    server: MailServer
    inbox: Inbox
    authority: Path


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _check_login(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=is_right)


@contextmanager
def run_mail_server(folder: Path, security: str = "starttls") -> Iterator[RunningServer]:
    """Run a server for 127.0.0.1 whose certificate an authority of its own has signed."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority_file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(authority_file))
    inbox = Inbox()
    options: dict[str, Any] = {"authenticator": _check_login, "auth_required": security != "none"}
    if security == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    elif security == "tls":
        options |= {"ssl_context": context, "auth_require_tls": False}
    else:
        options |= {"auth_require_tls": False}
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        login = (None, None) if security == "none" else (USER, PASSWORD)
        yield RunningServer(MailServer("127.0.0.1", controller.port, security, *login), inbox, authority_file)
    finally:
        controller.stop()
