"""Makes the mail that brings a report, and says who is to have it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from email.message import EmailMessage

    from config.settings import Settings

_NOBODY = "nobody@example.com"  # in a preview, where no address is known yet


class Mail(NamedTuple):
    """What is the same in the mail to every recipient."""

    subject: str
    text: str
    html: str
    pdf_name: str
    pdf: bytes

    def to(self, sender: str, recipient: str, message_id: str, sent_at_s: float) -> EmailMessage:
        """Return the message to one recipient; `sent_at_s` is in seconds since 1970."""
        from lib.mailer import Attachment, build_message

        return build_message(
            sender, recipient, self.subject, self.text, html=self.html,
            attachments=(Attachment(self.pdf_name, self.pdf, "pdf"),), message_id=message_id, sent_at_s=sent_at_s,
        )  # fmt: skip


def make_mail(path: Path, report: dict[str, Any], settings: Settings) -> Mail:
    """Return the mail that brings the report in the file `path`; its PDF is set anew where it is missing or older."""
    from deliver.pages.kinds import build_page
    from deliver.pages.mail_body import render_mail_html, render_mail_text
    from deliver.portal.addresses import address_of_report

    page, link = build_page(report), address_of_report(settings, report)
    subject = mail_subject(page, is_correction=version_of(report) > 1)
    texts = render_mail_text(page, link), render_mail_html(page, link)
    return Mail(subject, *texts, f"{path.stem}.pdf", _pdf_of(path, report))


def mail_subject(page: dict[str, Any], *, is_correction: bool = False) -> str:
    """Return the subject: what happened, where the report tells it in a sentence."""
    subject = page["subject"] or f"{page['eyebrow']}: {page['title']}, {page['subtitle']}"
    return "Corrected: " * is_correction + str(subject).replace("\N{NO-BREAK SPACE}", " ")


def version_of(report: dict[str, Any]) -> int:
    """Return which version of its period a report is; 1 where it does not tell."""
    return int(report.get("metadata", {}).get("version") or 1)


def report_key(path: Path, report: dict[str, Any], version: int | None = None) -> str:
    """Return what tells this report, in this version or in another, from every other."""
    meta = report.get("metadata", {})
    kind, own = meta.get("reportKind", "weekly"), version or version_of(report)
    period, site_id = meta.get("period", {}), meta.get("site", {}).get("siteId", "all")
    if "start" not in period:
        return path.name
    return f"{kind} report of site {site_id}, {period['start']} to {period['end']}, version {own}"


def without_news(
    path: Path, report: dict[str, Any], recipients: Sequence[str], states: dict[tuple[str, str], str]
) -> list[str]:
    """Return the recipients to whom a corrected version is no correction: they were sent no earlier one.

    Where an earlier version went to nobody, the newer one is the first for all of them.
    """
    earlier = {report_key(path, report, number) for number in range(1, version_of(report))}
    told = {address for key, address in states if key in earlier}
    return [address for address in recipients if address not in told] if told else []


def write_preview(path: Path, report: dict[str, Any], recipients: Sequence[str], settings: Settings) -> list[Path]:
    """Write the mail as it would go out, beside the report: the message whole, and its body as a page."""
    import time

    from lib.paths import check_file

    mail = make_mail(path, report, settings)
    recipient = recipients[0] if recipients else _NOBODY
    message = mail.to(settings.mail_from or _NOBODY, recipient, "<preview@energy-pipeline>", time.time())
    places = [check_file(path.with_suffix(ending)) for ending in (".eml", ".mail.html")]
    for place, content in zip(places, (message.as_bytes(), mail.html.encode()), strict=True):
        place.write_bytes(content)
    return places


def _pdf_of(path: Path, report: dict[str, Any]) -> bytes:
    """Return the report's PDF, set anew where it is missing or older than the report."""
    from deliver.files.report_files import write_pages

    pdf = path.with_suffix(".pdf")
    if not pdf.exists() or pdf.stat().st_mtime < path.stat().st_mtime:
        write_pages(report, path.with_suffix(""), html=False, pdf=True)
    return pdf.read_bytes()
