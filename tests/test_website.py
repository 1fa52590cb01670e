"""The site: every notebook is a page, whatever a page asks for is there, and nothing is fetched."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from course_lib.course_map import lessons
from course_lib.results import ROOT
from tests.test_browser import browser_type_launch_args  # noqa: F401 - a fixture
from tools import website

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Page(HTMLParser):
    """The links of a page, what it loads, its places, and its pictures with their texts."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.places, self.pictures = [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.places |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in {"img", "script"} and given.get("src"):
            self.loaded.append(given["src"])
        if tag == "link" and given.get("rel") in {"stylesheet", "icon"}:
            self.loaded.append(given["href"])
        if tag == "img":
            self.pictures.append((given.get("src"), given.get("alt") or ""))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    source, target = folder / "source", folder / "site"
    assert website.build(source, target) == 0
    return {path.relative_to(target).as_posix(): Page(path) for path in target.rglob("*.html")}


@pytest.fixture(scope="module")
def target(pages, tmp_path_factory):
    return next(tmp_path_factory.getbasetemp().glob("site*/site"))


def test_every_notebook_is_a_page(pages):
    for lesson in lessons().values():
        assert f"notebooks/{lesson.file[:-6]}.html" in pages
    assert {"index.html", "INSTRUCTORS.html", "CLAIMS.html", "search.html"} <= set(pages)


def test_every_link_and_file_is_there(pages, target):
    missing = []
    for name, page in pages.items():
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            path = (target / name).parent / unquote(parts.path) if parts.path else target / name
            path = path.resolve()
            if not path.exists():
                missing.append(f"{name}: {link}")
            elif parts.fragment and path.suffix == ".html":
                there = pages[path.relative_to(target.resolve()).as_posix()].places
                if unquote(parts.fragment) not in there:
                    missing.append(f"{name}: {link}")
    assert not missing, missing[:20]


def test_nothing_is_fetched_from_the_network(pages):
    loaded = {link for page in pages.values() for link in page.loaded}
    outside = {link for link in loaded if urlsplit(link).scheme not in {"", "data"}}
    outside |= {link for link in loaded if link.startswith("//")}
    assert not outside


def test_every_picture_has_a_text(pages):
    for lesson in lessons().values():
        pictures = pages[f"notebooks/{lesson.file[:-6]}.html"].pictures
        captions = [alt for _, alt in pictures if alt.startswith(("Figure", "Animation"))]
        assert all(alt for _, alt in pictures)
        assert len(captions) >= 2, f"{lesson.file}: captions are not found"


def test_numbers_of_equations_are_kept(target):
    """A numbered equation of a notebook stands with its number on the page, for MathJax."""
    for number in ("04", "15"):
        file = lessons()[number].file
        cells = json.loads((ROOT / "notebooks" / file).read_text(encoding="utf-8"))["cells"]
        source = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        page = (target / "notebooks" / f"{file[:-6]}.html").read_text(encoding="utf-8")
        tag = re.compile(r"\\tag\{[\d.]+\}")
        assert set(tag.findall(source)) <= set(tag.findall(page))


def test_no_number_stands_where_mathjax_refuses_it(pages, target):
    """Sphinx puts equations of several lines into `split`; one with a number is then an error."""
    refused = re.compile(r"\\begin\{split\}[^<]*\\tag")
    texts = {name: (target / name).read_text(encoding="utf-8") for name in pages}
    assert not [name for name, text in texts.items() if refused.search(text)]


# What a reader of a page sees, once MathJax and the pictures are there.
LOOK = """async () => {
    await MathJax.startup.promise;
    const set = formula => formula.querySelector("mjx-container:not(:has(mjx-merror))");
    const pictures = [...document.images];
    for (const picture of pictures) picture.loading = "eager";
    await Promise.all(pictures.map(picture => picture.decode().catch(() => null)));
    const formulas = [...document.querySelectorAll(".math")];
    return {
        formulas: formulas.length,
        unset: formulas.filter(formula => !set(formula)).map(formula => formula.textContent),
        pictures: pictures.length,
        empty: pictures.filter(picture => !picture.naturalWidth).map(picture => picture.src),
        pipes: document.querySelector("article").innerText.match(/^\\|.*\\|$/m),
    };
}"""


@pytest.mark.browser
def test_pages_open_without_a_server_and_a_network(pages, target, page):
    """Formulas are set, pictures and tables are there, search finds; from files alone."""
    asked, wrong = [], []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.route(
        lambda url: not url.startswith(("file:", "data:", "blob:")),
        lambda route: (asked.append(route.request.url), route.abort()),
    )
    for number in ("04", "05"):  # matrices with a number; a table with formulas as an output
        name = f"notebooks/{lessons()[number].file[:-6]}.html"
        page.goto((target / name).as_uri())
        page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
        seen = page.evaluate(LOOK)
        assert seen["formulas"] > 100 and seen["unset"] == [], name
        assert seen["pictures"] == len(pages[name].pictures) and seen["empty"] == [], name
        assert seen["pipes"] is None, name
    assert wrong == []
    page.goto(f"{(target / 'search.html').as_uri()}?q=checkpoints")
    found = page.locator("#search-results li a")
    found.first.wait_for()
    addresses = found.evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert any(lessons()["09"].file[:-6] in address for address in addresses)
    page.evaluate("fetch('https://example.org').catch(() => null)")
    assert asked == ["https://example.org/"], "but for the last, nothing is asked for"
