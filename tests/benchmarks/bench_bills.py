"""Hold bills against those of NREL's System Advisor Model, and publish how far they part.

The figures are those of tests/benchmarks/sam_bills.py, which needs nrel-pysam; this needs nothing but them.

Run: .venv/bin/python tests/benchmarks/bench_bills.py [--write]

Exit code 1 where a year of a rate parts by more than 0.01 % and no reason is given.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks.accuracy_page import BILLS as NAME
from benchmarks.accuracy_page import replace_section
from sam_comparison import BILLS, OTHERWISE, SAME, ours
from sam_loads import LOADS

from lib.paths import write_atomically

PAGE = _PROJECT_ROOT / "docs" / "accuracy.md"
GOAL_PCT = 0.01
_SECTION = """## Bills beside SAM

{rates} rates of the form of the Utility Rate Database, after the shapes of published ones, two loads (an office and a
plant of two shifts) and twelve months, billed here and by Utilityrate5 of NREL's System Advisor Model (PySAM
7.1.1.post1). The table has how far a year's bill and the worst month's parts from SAM's, of the load of which it is
more; half a cent of rounding a line is in it. What SAM does not know (coincident and reactive demand, riders and taxes,
clock changes, a tariff that changes) is held against bills worked out by hand: `tests/test_bills.py` and
`tests/test_bills_more.py`. To make this section anew, and SAM's figures with an interpreter that has `nrel-pysam`:

```bash
PYTHON tests/benchmarks/sam_bills.py
.venv/bin/python tests/benchmarks/bench_bills.py --write
```

| rate | a year, $ | a year, % | worst month, % | |
|---|---:|---:|---:|---|
"""


class Parted(NamedTuple):
    """How far our bills of a rate part from SAM's, of the load of which it is more."""

    rate: str
    sam_usd: float
    year_pct: float
    month_pct: float
    reason: str

    def row(self) -> str:
        """Return the row of the table."""
        return f"| {self.rate} | {self.sam_usd:,.0f} | {self.year_pct:.4f} | {self.month_pct:.4f} | {self.reason} |"


def compare(rate: str) -> Parted:
    """Return how far the totals of a rate part."""
    parted = []
    for load in LOADS:
        sam, own = BILLS[rate]["months"][load]["total"], [amount for amount, _ in ours(rate, load)["total"]]
        month_pct = max(100 * abs(amount - right) / abs(right) for amount, right in zip(own, sam, strict=True))
        year_pct = 100 * abs(sum(own) - sum(sam)) / abs(sum(sam))
        parted.append(Parted(rate, sum(sam), year_pct, month_pct, OTHERWISE.get(rate, SAME).reason))
    return max(parted, key=lambda one: one.month_pct)


def main() -> int:
    """Print the table, and write it where that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write the section of {PAGE.relative_to(_PROJECT_ROOT)}")
    args = parser.parse_args()
    found = [compare(rate) for rate in BILLS]
    section = _SECTION.format(rates=len(found)) + "\n".join(one.row() for one in found) + "\n"
    print(section)
    if args.write:
        write_atomically(PAGE, replace_section(PAGE.read_text(encoding="utf-8"), section, NAME))
    return 0 if all(one.year_pct <= GOAL_PCT or one.reason for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
