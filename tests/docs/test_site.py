"""The site: every page is in it, every link leads somewhere, and it asks nobody for anything."""

import re
import socket
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from tests.docs.shown import blocks_of, pages
from toolchain.paths import ROOT

_LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?([^"'\s>]+)"""
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it strictly: what mkdocs would warn of is an error, and no name is looked up."""

    def refused(*_: object) -> NoReturn:
        raise AssertionError("the build asks the network")

    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refused)
        patch.setattr(socket.socket, "connect", refused)
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder)))
    return folder


def test_every_page_is_there(site: Path) -> None:
    for page in pages():
        if page.startswith("docs/"):
            assert (site / page.removeprefix("docs/")).with_suffix(".html").exists(), page


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        for address in _LOADED.findall(file.read_text("utf-8")):
            assert not urlsplit(address).netloc or "canonical" in address, f"{file}: {address}"


@pytest.mark.parametrize("page", [page for page in pages() if "/" not in page])
def test_links_of_the_pages_beside_it_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for block in blocks_of(page, text):
        text = text.replace(block.text, "")
    for address in _LINK.findall(text):
        if not urlsplit(address).scheme:
            assert (ROOT / address.partition("#")[0]).exists(), address
