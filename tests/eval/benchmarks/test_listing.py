"""What is written about published benchmarks is what is declared of them."""

import re
from pathlib import Path

from deepeyes.eval.benchmarks.listing import abouts, markdown
from deepeyes.eval.registry import BENCHMARKS

DOCS = Path(__file__).parents[3] / "docs"


def test_the_table_in_the_documentation_is_that_of_the_registry() -> None:
    page = (DOCS / "benchmarks.md").read_text("utf-8")
    written = re.search(r"^\| name \|.*?(?=\n\n)", page, re.MULTILINE | re.DOTALL)
    assert written and written[0] == markdown(), "write it again: deepeyes.eval.benchmarks.listing.markdown"


def test_each_is_registered_under_its_own_name() -> None:
    names = [about.name for about in abouts()]
    assert len(set(names)) == len(names) and set(names) <= BENCHMARKS.keys()
    assert [name for name in BENCHMARKS if name in names] == names
