"""What is cleaned up, and above all what is not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from operations import cleanup_old_files

OLD = (
    "logs/daily_sync.log.8", "exports/tableau/tableau_readings.csv", "exports/tableau/tableau_readings.parquet",
    "reports/weekly_report_7_2026-01-05.json", "reports/weekly_report_7_2026-01-05.v2.json",
    "reports/weekly_report_7_2026-01-05.pdf",
)  # fmt: skip
KEPT = (
    "logs/daily_sync.log", "logs/notes.txt", "exports/tableau/mine.csv", "reports/sent_log.jsonl",
    "reports/weekly_report_7_2026-01-12.json", "reports/weekly_report_7_2026-01-19.html",
    "reports/weekly_report_77_2025-01-05.json", "reports/my-report.json", "data/alerts.json",
    "logs/mine.log.3", "exports/tableau/tableau_mine.csv", "reports/budget_plan_2024-01.pdf",
    "reports/notes_2024-01-01.html",
    "reports/budget_plan_2023-01.pdf", "reports/budget_plan_2022-01.pdf",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All files are two days old."""
    for name in (*OLD, *KEPT):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x" * 1000)
        os.utime(path, (time.time() - 2 * 86_400,) * 2)
    for constant, name in (("LOGS_DIR", "logs"), ("EXPORTS_DIR", "exports"), ("REPORTS_DIR", "reports")):
        monkeypatch.setattr(cleanup_old_files, constant, tmp_path / name)
    return tmp_path


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


ARGUMENTS = ["--older-than-days", "1", "--keep-reports", "2"]


def test_without_delete_nothing_is_removed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cleanup_old_files.main(ARGUMENTS) == 0
    assert left(folder) == {*OLD, *KEPT}
    *listed, last = capsys.readouterr().out.splitlines()
    assert sorted(listed) == sorted(str(folder / name) for name in OLD)
    assert last == "would remove 6 files, 0.0 MB; --delete removes them"


def test_old_files_go_and_all_others_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = folder / "elsewhere"
    target.write_text("precious")
    (folder / "exports" / "tableau" / "tableau_link.csv").symlink_to(target)
    assert cleanup_old_files.main([*ARGUMENTS, "--delete"]) == 0
    assert left(folder) == {*KEPT, "elsewhere", "exports/tableau/tableau_link.csv"}
    assert capsys.readouterr().out.splitlines()[-1] == "removed 6 files, 0.0 MB"
    cleanup_old_files.main([*ARGUMENTS, "--delete"])
    assert capsys.readouterr().out == "removed 0 files, 0.0 MB\n"


@pytest.mark.parametrize("arguments", [["--older-than-days", "3"], ["--keep-reports", "3"], []])
def test_reports_must_be_both_old_and_surplus(folder: Path, arguments: list[str]) -> None:
    cleanup_old_files.main([*ARGUMENTS, *arguments, "--delete"] if arguments else ["--delete"])
    assert {name for name in OLD if name.startswith("reports/")} <= left(folder)
