"""Settings from the environment and .env, report thresholds, and secrets that must not show."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from config.settings import DEFAULT_API_URL, STAGES, load_settings
from lib import cli, db, logs
from lib.errors import BreakerOpenError, ConfigError, DataError, UsageError
from lib.paths import PROJECT_ROOT

SECRETS = ("k-5f2a9c1e77", "p@ss 'word\" #1: ünïcode", "db-s3cret")


def write_env(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_of_any_kind_survive_the_env_file(tmp_path: Path) -> None:
    path = write_env(
        tmp_path,
        "DATABASE_URL=postgresql://u:p%23w@db.example/energy?sslmode=require\n"
        "VITE_ENISCOPE_API_KEY='key with spaces # and: \"quotes\"'\n"
        'VITE_ENISCOPE_EMAIL="zoë@example.com"\n'
        "VITE_ENISCOPE_PASSWORD='${HOME} pa$$wörd'\n",
    )
    settings = load_settings(path, environ={"HOME": "/root"})
    assert settings.database_url == "postgresql://u:p%23w@db.example/energy?sslmode=require"
    assert settings.api_key == 'key with spaces # and: "quotes"'
    assert settings.api_email == "zoë@example.com"
    assert settings.api_password == "${HOME} pa$$wörd"
    assert settings.api_url == DEFAULT_API_URL


def test_process_wins_over_file_and_prefix_over_none(tmp_path: Path) -> None:
    path = write_env(tmp_path, "ENISCOPE_EMAIL=file@x\nVITE_ENISCOPE_API_KEY=file-key\nENISCOPE_API_KEY=plain-key\n")
    settings = load_settings(path, environ={"ENISCOPE_EMAIL": "process@x", "ENISCOPE_API_KEY": ""})
    assert (settings.api_email, settings.api_key) == ("process@x", "file-key")
    assert settings.missing_credentials == ["VITE_ENISCOPE_PASSWORD"]


def test_missing_database_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL is not set"):
        load_settings(tmp_path / ".env", environ={}).require_database_url()


@pytest.mark.parametrize("value", ["fast", "-1", "nan", "inf"])
def test_number_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="ENISCOPE_REQUESTS_PER_SECOND"):
        load_settings(tmp_path / ".env", environ={"ENISCOPE_REQUESTS_PER_SECOND": value})


@pytest.mark.parametrize("line", ["DATABASE_URL='postgresql://prod", 'A="x" trailing', "= value"])
def test_env_line_that_cannot_be_read_is_refused_not_left_out(tmp_path: Path, line: str) -> None:
    path = write_env(tmp_path, f"ENISCOPE_EMAIL=a@b\n{line}\n")
    with pytest.raises(ConfigError, match=r"\.env, line 2: "):
        load_settings(path, environ={})


def test_env_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"DATABASE_URL=\xff\xfe\x00")
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        load_settings(path, environ={})


def test_no_secret_reaches_repr_log_or_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, password, database_password = SECRETS
    settings = load_settings(
        tmp_path / ".env",
        environ={
            "ENISCOPE_API_KEY": key,
            "ENISCOPE_PASSWORD": password,
            "DATABASE_URL": f"postgresql://u:{database_password}@h/d",
        },
    )
    assert not any(secret in repr(settings) for secret in SECRETS)

    def main(argv: object) -> int:
        logs.setup_logging(verbose=True)
        logging.getLogger("x").info("key %s url %s", key, settings.database_url)
        logging.getLogger("x").info("dsn host=h password=%s user=u", database_password)
        raise DataError(f"login with {password} failed")

    assert cli.run(main) == 1
    shown = capsys.readouterr().err
    assert "login with *** failed" in shown
    assert "Traceback" in shown  # -v shows the trace, still without the secret
    assert not any(secret in shown for secret in SECRETS)


def test_text_from_outside_cannot_forge_a_log_line() -> None:
    assert logs.clean_text('a\nb\x1b[31m\u202e "q" é 🍳') == 'a\\nb\\x1b[31m\\u202e "q" é 🍳'


@pytest.mark.parametrize(
    ("error", "code"),
    [(DataError("x"), 1), (UsageError("x"), 2), (BreakerOpenError("x"), 3), (RuntimeError("x"), 1)],
)
def test_errors_end_as_one_line_and_their_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: object) -> int:
        raise error

    assert cli.run(main) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres@/energy?host=/home/me/mein%20Geb%C3%A4ude%20%40home/data/postgres&port=5432",
        "postgresql://u:p%40ss@db.example:5432/energy?sslmode=require",
        "host=a,b port=5432,5433 dbname=energy",
    ],
)
def test_urls_that_libpq_reads_rightly_are_left_to_it(url: str) -> None:
    assert parse_dsn(url).items() <= db.connection_parameters(url).items()


def test_a_stage_logs_in_as_its_own_role_where_it_has_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "DATABASE_URL=postgresql://owner@h/d\nDATABASE_URL_DELIVER=postgresql://reader@h/d\n"
    )
    settings = load_settings(tmp_path / ".env", environ={})
    assert settings.require_database_url("deliver") == "postgresql://reader@h/d"
    assert settings.require_database_url("ingest") == settings.require_database_url() == "postgresql://owner@h/d"
    # The process names another database: the file's role is not of that one.
    elsewhere = load_settings(tmp_path / ".env", environ={"DATABASE_URL": "postgresql://x@other/d"})
    assert elsewhere.require_database_url("deliver") == "postgresql://x@other/d"
    assert "reader" not in repr(settings)


@pytest.mark.parametrize("room", STAGES)
def test_every_script_asks_for_the_url_of_its_stage(room: str) -> None:
    owners = {"setup_database.py", "drop_old_readings.py", "setup_roles.py", "write_data_dictionary.py"}
    for path in (PROJECT_ROOT / room).rglob("*.py"):
        asked = re.findall(r"require_database_url\((.*?)\)", path.read_text(encoding="utf-8"))
        assert set(asked) <= {"" if path.name in owners else f'"{room}"'}, path
