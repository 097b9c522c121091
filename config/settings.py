"""The only reader of the environment and of ``.env``; everything else gets a frozen `Settings`.

A variable of the process wins over the same one in ``.env``; an empty one counts as missing. ``ENV_FILE`` names
another file in place of ``.env``. The Eniscope variables
are known by the names that a Vite front end shares (``VITE_ENISCOPE_…``) and without the prefix; where both are set
at the same place, the prefixed one wins.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lib.bounded_files import MAX_SETTINGS_BYTES, read_whole
from lib.errors import ConfigError, DataError
from lib.logs import remember_secrets
from lib.paths import ENV_FILE, PROJECT_ROOT

MAX_WORKERS = 32  # more would only wait for each other behind the pacing limit
DEFAULT_API_URL = "https://core.eniscope.com"

# Stages that may log in as a role of their own (govern/setup_roles.py).
STAGES = ("ingest", "govern", "analyze", "deliver")
SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}

_PREFIX = "VITE_"
API_KEY_VARIABLE = "ENISCOPE_API_KEY"
API_EMAIL_VARIABLE = "ENISCOPE_EMAIL"
API_PASSWORD_VARIABLE = "ENISCOPE_PASSWORD"
CREDENTIAL_VARIABLES = (API_KEY_VARIABLE, API_EMAIL_VARIABLE, API_PASSWORD_VARIABLE)


@dataclass(frozen=True)
class Settings:
    """What the environment says. Secrets stay out of `repr`."""

    database_url: str | None = field(default=None, repr=False)
    # Stage → URL of the role that it logs in as; a stage that is not in it uses `database_url`.
    stage_database_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_url: str = DEFAULT_API_URL
    api_key: str | None = field(default=None, repr=False)
    api_email: str | None = None
    api_password: str | None = field(default=None, repr=False)
    # The service publishes no limit; users get by with about one call a second, so two are a gentle start that a
    # 429 slows down. 0 means no pacing, for a server of one's own.
    requests_per_second: float = 2.0
    workers: int = 4
    request_timeout_s: float = 30.0  # of silence; users of the service give up after as long
    total_timeout_s: float = 120.0  # for a whole answer: a month of quarter-hours takes seconds, a drip takes for ever
    # How long a site stays taken after its ingest was killed, and how long the next one waits at most.
    lease_s: float = 30.0
    # None asks the providers at their own addresses (ingest/weather/providers.py).
    weather_api_url: str | None = None
    weather_fallback_api_url: str | None = None
    # Mail: no host, no mail. Security is "starttls" (port 587), "tls" (port 465) or "none" (a relay on this machine).
    smtp_host: str | None = None
    smtp_port: int = 0
    smtp_security: str = "starttls"
    smtp_user: str | None = None
    smtp_password: str | None = field(default=None, repr=False)
    mail_from: str | None = None
    alert_recipients: tuple[str, ...] = ()
    # Whoever knows these addresses may post there: they are secrets too.
    alert_webhook_url: str | None = field(default=None, repr=False)
    heartbeat_url: str | None = field(default=None, repr=False)
    # Where deliver/publish_portal.py writes, and the address at which that is published: mails lead there.
    portal_dir: Path | None = None
    portal_url: str | None = None

    @property
    def missing_credentials(self) -> list[str]:
        """Names of the variables without which the API cannot be asked."""
        values = (self.api_key, self.api_email, self.api_password)
        return [_PREFIX + name for name, value in zip(CREDENTIAL_VARIABLES, values, strict=True) if not value]

    def require_mail_from(self) -> str:
        """Return the sender's address or raise a ConfigError that says where to put it."""
        if not self.smtp_host or not self.mail_from:
            missing = "SMTP_HOST" if not self.smtp_host else "MAIL_FROM"
            raise ConfigError(f"{missing} is not set, so no mail can be sent; put it into .env (see .env.example)")
        return self.mail_from

    def require_database_url(self, stage: str | None = None) -> str:
        """Return the URL of a stage's own role, else the database's; a ConfigError says where to put a missing one."""
        if stage is not None and stage in self.stage_database_urls:
            return self.stage_database_urls[stage]
        if not self.database_url:
            raise ConfigError(
                "DATABASE_URL is not set; put it into .env (see .env.example), "
                "or start the embedded PostgreSQL: operations/embedded_postgres.py start"
            )
        return self.database_url


def load_settings(env_file: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings and remember the secrets among them, so that no log line shows one.

    Raises
    ------
    ConfigError
        When ``.env`` cannot be read, or a number in it is none.
    """
    environ = os.environ if environ is None else environ
    values = _merged_variables(env_file or Path(environ.get("ENV_FILE") or ENV_FILE), environ)
    settings = Settings(
        database_url=values.get("DATABASE_URL"),
        stage_database_urls=_stage_database_urls(values, environ),
        api_url=values.get("ENISCOPE_API_URL", DEFAULT_API_URL).rstrip("/"),
        api_key=values.get(API_KEY_VARIABLE),
        api_email=values.get(API_EMAIL_VARIABLE),
        api_password=values.get(API_PASSWORD_VARIABLE),
        requests_per_second=_number(values, "ENISCOPE_REQUESTS_PER_SECOND", Settings.requests_per_second, 0.0),
        workers=min(int(_number(values, "ENISCOPE_WORKERS", Settings.workers, 1.0)), MAX_WORKERS),
        request_timeout_s=_number(values, "ENISCOPE_TIMEOUT_SECONDS", Settings.request_timeout_s, 0.1),
        total_timeout_s=_number(values, "ENISCOPE_TOTAL_TIMEOUT_SECONDS", Settings.total_timeout_s, 0.1),
        lease_s=_number(values, "ENISCOPE_LEASE_SECONDS", Settings.lease_s, 0.5),
        weather_api_url=_web_address(values, "WEATHER_API_URL"),
        weather_fallback_api_url=_web_address(values, "WEATHER_FALLBACK_API_URL"),
        **_mail_settings(values),
        alert_webhook_url=_web_address(values, "ALERT_WEBHOOK_URL"),
        heartbeat_url=_web_address(values, "HEARTBEAT_URL"),
        portal_dir=PROJECT_ROOT / values["PORTAL_DIR"] if "PORTAL_DIR" in values else None,
        portal_url=_web_address(values, "PORTAL_URL"),
    )
    secrets = [getattr(settings, secret.name) for secret in fields(settings) if not secret.repr]
    remember_secrets([secret for secret in secrets if isinstance(secret, str)])
    remember_secrets(settings.stage_database_urls.values())
    if not settings.api_url.startswith(("http://", "https://")):
        raise ConfigError("VITE_ENISCOPE_API_URL should begin with https://")
    return settings


def _stage_database_urls(values: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the stages' own URLs; where the process names a database, those of the file would be of another one."""
    known = {name: value for name, value in environ.items() if value} if environ.get("DATABASE_URL") else values
    return {stage: known[name] for stage in STAGES if (name := f"DATABASE_URL_{stage.upper()}") in known}


def _mail_settings(values: Mapping[str, str]) -> dict[str, Any]:
    security = values.get("SMTP_SECURITY", Settings.smtp_security).lower()
    if security not in SMTP_PORTS:
        raise ConfigError(f"SMTP_SECURITY should be one of {', '.join(SMTP_PORTS)}, not {security!r}")
    return {
        "smtp_host": values.get("SMTP_HOST"),
        "smtp_port": int(_number(values, "SMTP_PORT", SMTP_PORTS[security], 1.0)),
        "smtp_security": security,
        "smtp_user": values.get("SMTP_USER"),
        "smtp_password": values.get("SMTP_PASSWORD"),
        "mail_from": _mail_from(values),
        "alert_recipients": tuple(values.get("ALERT_RECIPIENTS", "").replace(",", " ").split()),
    }


def _mail_from(values: Mapping[str, str]) -> str | None:
    """Return the sender of all mail: one address, with or without a name; a line feed would end its header."""
    text = values.get("MAIL_FROM")
    if text is None:
        return None
    from email.utils import getaddresses

    found = [address for _, address in getaddresses([text])]
    if not text.isprintable() or len(found) != 1 or not re.fullmatch(r"[^@\s]+@[^@\s]+", found[0]):
        raise ConfigError('MAIL_FROM should be one mail address on one line, such as "Energy <energy@example.com>"')
    return text


def _web_address(values: Mapping[str, str], name: str) -> str | None:
    address = values.get(name)
    if address is not None and not address.startswith(("http://", "https://")):
        raise ConfigError(f"{name} should begin with https://")
    return address


def _merged_variables(env_file: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by their unprefixed names, those of the process over those of the file."""
    merged: dict[str, str] = {}
    for source in (_read_env_file(env_file), environ):
        plain = {name: value for name, value in source.items() if value}
        prefixed = {name.removeprefix(_PREFIX): value for name, value in plain.items() if name.startswith(_PREFIX)}
        merged |= plain | prefixed
    return merged


def _read_env_file(path: Path) -> dict[str, str | None]:
    """Return the file's variables as they stand: ``${…}`` in a password is no reference to another variable."""
    from dotenv.parser import parse_stream

    if not path.exists():
        return {}
    try:
        bindings = list(parse_stream(io.StringIO(_text_of(path), newline=None)))
    except DataError as err:
        raise ConfigError(str(err)) from err
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"cannot read {path}: {err}; save it as UTF-8 text that this user may read") from err
    broken = next((binding for binding in bindings if binding.error), None)
    if broken is not None:
        # dotenv would leave the line out, and with it a setting that somebody believes in.
        raise ConfigError(f"{path}, line {broken.original.line}: not NAME=value, or a quote is not closed; correct it")
    return {binding.key: binding.value for binding in bindings if binding.key is not None}


def _text_of(path: Path) -> str:
    return read_whole(path, MAX_SETTINGS_BYTES).decode("utf-8-sig")


def _number(values: Mapping[str, str], name: str, default: float, minimum: float) -> float:
    text = values.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not minimum <= number < float("inf"):
        raise ConfigError(f"{name} should be a number of at least {minimum:g}, not {text!r}")
    return number
