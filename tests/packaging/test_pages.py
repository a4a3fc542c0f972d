"""What people read first: README and docs lead where they say, and soon to something that can be typed."""

import re
from pathlib import Path

import pytest

from bedside.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """What a page's headings are called in links, as GitHub makes it."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Links of a page to files or headings that do not exist."""
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    return [link for link in links if not leads_somewhere(page, *link.partition("#")[::2])]


def leads_somewhere(page: Path, file: str, anchor: str) -> bool:
    target = page.parent / file if file else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_a_heading_that_exist(page: Path) -> None:
    assert broken(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One, two\n[a](#one-two) [b](page.md) [c](#three) [d](gone.md) [e](https://example.org)\n")
    assert broken(page) == ["#three", "gone.md"]


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs/index.md"
    listed = {(index.parent / link).resolve() for link in LINK.findall(index.read_text(encoding="utf-8"))}
    decisions = set((ROOT / "docs/adr").iterdir())  # one link for all
    assert [str(page.relative_to(ROOT)) for page in sorted({*PAGES} - listed - decisions - {index})] == []


def test_a_newcomer_meets_a_command_within_a_hundred_words_and_a_picture_before_the_results() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, command, after = text.partition("```\nmake demo")
    assert command
    assert len(before.split()) < 100
    picture = re.search(r"!\[[^\]]+\]\(([^)]+)\)", after.partition("<!-- results:begin -->")[0])
    assert picture
    assert (ROOT / picture[1]).stat().st_size < 200_000


def test_every_make_command_that_is_named_exists() -> None:
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= made, page


def test_every_command_of_bedside_that_is_named_exists() -> None:
    today = [page for page in PAGES if page.parent.name != "adr" and page.name != "CHANGELOG.md"]  # those say what was
    texts = [page.read_text(encoding="utf-8") for page in today]
    for command in {name for text in texts for name in re.findall(r"(?:^|`)bedside ([a-z-]+)", text, re.MULTILINE)}:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0, command
