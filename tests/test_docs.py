"""The examples in README.md and docs/ run."""

import re
from pathlib import Path

import pytest

import corten

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    threads = corten.num_threads()
    names = {"__name__": "example"}
    try:
        for number, block in enumerate(
            re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        ):
            exec(compile(block, f"{page.name}, block {number}", "exec"), names)
    finally:
        corten.set_num_threads(threads)


def test_links_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            # Pages below api/ are written by `make docs`, which checks links to them.
            elsewhere = target.startswith(("http", "api/"))
            assert elsewhere or (page.parent / target).exists(), f"{page.name}: {target}"
