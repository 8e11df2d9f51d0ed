"""Each distribution has a version, a changelog that knows it, and the licence of the repository."""

import re
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

VERSION_FILES = {
    "server": "src/tradewind/server/__about__.py",
    "task-sdk": "src/tradewind/sdk/__about__.py",
    "consolidated": "VERSION",
}
HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

each_distribution = pytest.mark.parametrize("folder", [ROOT / name for name in VERSION_FILES], ids=list(VERSION_FILES))


def version_of(folder: Path) -> str:
    found = re.search(r"\d+\.\d+\.\d+[\w.]*", (folder / VERSION_FILES[folder.name]).read_text())
    assert found
    return found[0]


@each_distribution
def test_the_changelog_begins_with_unreleased_and_then_this_version(folder: Path) -> None:
    headings = HEADING.findall((folder / "CHANGELOG.md").read_text())
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == version_of(folder)
    assert all(date for _, date in headings[1:])
    assert len({version for version, _ in headings}) == len(headings)


@each_distribution
def test_the_changelog_keeps_to_the_six_sections(folder: Path) -> None:
    text = (folder / "CHANGELOG.md").read_text()
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= SECTIONS
    assert len(re.findall(r"^## ", text, re.MULTILINE)) == len(HEADING.findall(text))


@each_distribution
def test_the_licence_is_that_of_the_repository(folder: Path) -> None:
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
