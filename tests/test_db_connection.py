"""How a DATABASE_URL becomes a connection: TLS towards remote hosts, nothing of the password in a message."""

from __future__ import annotations

import pytest

from lib import db
from lib.db import connection_parameters


@pytest.mark.parametrize(
    "url, sslmode",
    [
        ("postgresql://u:p@db.example.com/energy", "require"),
        ("postgresql://u:p@ep-x-pooler.neon.tech/energy?sslmode=verify-full", "verify-full"),
        ("postgresql://u:p@10.0.0.7/energy?sslmode=disable", "disable"),
        ("host=db.example.com dbname=energy", "require"),
        ("postgresql://u:p@localhost/energy", None),
        ("postgresql://u@127.0.0.1:5433/energy", None),
        ("postgresql://u@[::1]/energy", None),
        ("postgresql://u@/energy?host=/run/postgresql", None),
        ("dbname=energy", None),
    ],
)
def test_a_remote_host_must_offer_tls_unless_the_url_says_otherwise(url: str, sslmode: str | None) -> None:
    assert connection_parameters(url).get("sslmode") == sslmode


def test_readers_give_up_on_a_statement_that_does_not_end(database_url: str) -> None:
    with db.connect(database_url, readonly=True) as conn:
        assert db.fetch_one(conn, "SHOW statement_timeout") == (db.READ_TIMEOUT,)
        assert db.fetch_one(conn, "SHOW transaction_read_only") == ("on",)
