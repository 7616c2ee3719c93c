"""`report.json` and `report.html` of a finished run: what the ledgers and the tables on disk say, told to people."""

from curate.report_page.write import REPORT_HTML, REPORT_JSON, write_report

__all__ = ["REPORT_HTML", "REPORT_JSON", "write_report"]
