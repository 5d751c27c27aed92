"""Tables that are part of a page somebody wrote."""

from pathlib import Path


def put(path: Path, mark: str, text: str) -> None:
    """Writes text between the marks `<!-- NAME: begin -->` and `<!-- NAME: end -->`, or a new page with them.

    Raises:
        ValueError: There is a page, but not with such marks.
    """
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    page = path.read_text(encoding="utf-8") if path.exists() else f"{begin}{end}\n"
    before, opened, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"--markdown: expected {begin} and {end} in {path}, or no such file; got neither")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
