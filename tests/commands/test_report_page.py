"""The report in a browser: it draws itself without a complaint, filters, sorts, and fits phones, paper and the dark."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browser import Browser, installed
from made import VERDICT, many, timings, write

from lossbench.commands.reporting import Request
from lossbench.commands.reporting import main as report
from lossbench.records import Status

PICTURES = Path(__file__).parents[2] / "results" / "latest" / "report"  # kept for people to look at
pytestmark = pytest.mark.skipif(installed() is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def nothing_logged(browser: Browser) -> Iterator[None]:
    browser.logged.clear()
    browser.media()
    browser.size(1300, 900)
    yield
    assert browser.logged == []


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    crashed = replace(VERDICT, framework="paddle", via="paddle.nn.SmoothL1Loss", loss="smooth_l1", dtype="float16")
    case = "smooth_l1/none/float16/6x5/tie/0"
    crashed = replace(crashed, case=case, regime="tie", status=Status.CRASHES, compared=0, note="killed")
    stressed = [
        replace(VERDICT, regime=f"scale={level}", case=f"huber/none/float32/6x5/scale={level}/0", gradient_error=level)
        for level in (1.0, 16.0, 640.0)
    ]
    rows = [row for row in many(3000) if row.loss in ("huber", "nll", "ctc") or row.status is not Status.DIFFERS]
    verdicts = write(str(folder / "r.csv"), crashed, *stressed, *rows)
    timed = timings(str(folder / "t.csv"))
    assert report(Request((verdicts, timed), folder / "report.html")) == 0
    return folder / "report.html"


def losses(browser: Browser) -> list[str]:
    return browser.js("[...document.querySelectorAll('.matrix tbody tr')].map(row => row.dataset.loss)")


def cells(browser: Browser, table: str, column: int) -> list[str]:
    return browser.texts(f"{table} tbody tr td:nth-child({column})")


def test_the_first_page_has_every_loss_and_implementation(browser: Browser, page: Path) -> None:
    browser.open(page)
    shown = losses(browser)
    assert shown == sorted(shown)
    assert len(shown) == 8
    assert browser.js("document.querySelectorAll('.matrix .sign').length") == 8 * 4 * 8 + 2
    assert browser.js(
        "[...document.querySelectorAll('.matrix .sign')].every(sign => sign.innerText.trim() && sign.ariaLabel)"
    )
    picture = browser.picture(PICTURES / "overview.png")
    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("dtype", "float16", 8),
        ("regime", "scale=16.0", 1),
        ("framework", "jax", 8),
        ("search", "hub", 1),
        ("search", "smoothl1", 1),
    ],
)
def test_filters_leave_what_fits(browser: Browser, page: Path, name: str, value: str, left: int) -> None:
    browser.open(page)
    before = browser.texts("#said")
    browser.choose(f"#filter-{name}", value)
    assert len(losses(browser)) == left
    assert browser.texts("#said") != before
    browser.click("#reset")
    assert browser.texts("#said") == before


def test_a_verdict_can_be_asked_for(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press(".legend", "crashes")
    assert losses(browser) == ["smooth_l1"]
    assert browser.js("document.getElementById('filter-verdict').selectedOptions[0].innerText") == "crashes"
    browser.choose("#filter-dtype", "float32")
    assert "Nothing fits" in browser.js("document.body.innerText")


def test_losses_sort_by_their_worst(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.choose("#filter-order", "worst")
    shown = losses(browser)
    assert shown[0] == "smooth_l1"  # the only one that crashes
    assert shown != sorted(shown)
    browser.choose("#filter-order", "name")
    assert losses(browser) == sorted(shown)


def test_a_loss_is_shown_in_full(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.click(".matrix tr[data-loss=huber] th a")
    browser.until("document.querySelector('#implementations')")
    assert browser.texts("h1") == ["huber"]
    text = browser.js("document.body.innerText")
    for words in (
        "Quadratic near the target",
        "Source: P. J. Huber",
        "where(d <= delta",
        "Errors against scale",
        "Roofline",
        "Scaling",
    ):
        assert words in text
    commands = browser.texts("#worst .command code")
    assert commands
    assert all(command.startswith("lossbench repro huber/") and " --impl " in command for command in commands)
    assert browser.js("document.querySelectorAll('#distribution svg rect').length") > 10
    assert browser.js("document.querySelectorAll('#timings svg rect').length") == 4
    assert "a reason that somebody has written down" in browser.js("document.querySelector('#deviations').innerText")
    browser.picture(PICTURES / "loss.png")


def test_tables_sort_by_any_column(browser: Browser, page: Path) -> None:
    browser.open(page, "#/loss/huber")
    table = "#implementations"
    browser.click(f"{table} th:nth-child(2) button")
    names = cells(browser, table, 2)
    assert names == sorted(names, key=str.lower)
    assert browser.js(f"document.querySelector('{table} th:nth-child(2)').ariaSort") == "ascending"
    browser.click(f"{table} th:nth-child(2) button")
    assert cells(browser, table, 2) == names[::-1]
    browser.click(f"{table} th:nth-child(6) button")
    figures = [float(text.replace("∞", "inf")) for text in cells(browser, table, 6)]
    assert figures == sorted(figures, reverse=True)


def test_one_implementation_can_be_looked_at(browser: Browser, page: Path) -> None:
    browser.open(page, "#/loss/huber")
    said = browser.texts("#said")
    browser.click("#implementations tbody button.pick")
    assert browser.texts("#said") != said
    browser.click("#cases summary")
    browser.until("document.querySelector('#cases table')")
    assert len(set(cells(browser, "#cases", 3))) == 1
    browser.press("#implementations", "show all")
    assert browser.texts("#said") == said


def test_values_have_a_distribution_of_their_own(browser: Browser, page: Path) -> None:
    browser.open(page, "#/loss/huber")
    before = browser.js("document.querySelector('#distribution svg').outerHTML")
    browser.press("#distribution .segments ", "value")
    assert browser.js("document.querySelector('#distribution svg').outerHTML") != before


def test_it_fits_a_phone(browser: Browser, page: Path) -> None:
    browser.size(390, 844, phone=True)
    for fragment in ("#/", "#/loss/huber"):
        browser.open(page, fragment)
        assert browser.js("document.documentElement.scrollWidth") <= 390
        assert browser.js(
            "[...document.querySelectorAll('.sign')].every(each => each.getBoundingClientRect().width >= 24)"
        )
    browser.picture(PICTURES / "phone.png")


def test_the_dark_is_dark_and_can_be_changed(browser: Browser, page: Path) -> None:
    browser.media(scheme="dark")
    browser.open(page, "#/loss/huber")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = browser.js(paper)
    browser.picture(PICTURES / "dark.png")
    browser.click("#theme")
    assert browser.js(paper) != dark
    assert sum(map(int, dark.removeprefix("rgb(").removesuffix(")").split(","))) < 150


def test_on_paper_there_is_nothing_to_click(browser: Browser, page: Path) -> None:
    browser.size(760, 1000)
    browser.open(page, "#/loss/huber")
    browser.media("print")
    controls = "[...document.querySelectorAll('select, .command button, #theme')]"
    assert browser.js(f"{controls}.filter(each => each.offsetParent !== null).length") == 0
    assert browser.js("document.documentElement.scrollWidth") <= 760
    browser.picture(PICTURES / "print.png")


def test_an_unknown_loss_is_said(browser: Browser, page: Path) -> None:
    browser.open(page, "#/loss/unheard_of")
    assert "There is no loss unheard_of in this report" in browser.js("document.body.innerText")


def test_what_changed_stands_first(browser: Browser, tmp_path: Path) -> None:
    before = write(str(tmp_path / "a.csv"), VERDICT, replace(VERDICT, via="torch.gone"))
    worse = replace(VERDICT, status=Status.DIFFERS, gradient_error=1e9, note="</script><img src=x onerror=alert(1)>")
    after = write(str(tmp_path / "b.csv"), worse)
    assert report(Request((before, after), tmp_path / "c.html")) == 0
    browser.open(tmp_path / "c.html")
    assert cells(browser, "#changes", 1) == ["worse", "gone"]
    assert cells(browser, "#changes", 4) == ["agrees → differs", "was agrees"]
    assert browser.texts(".matrix .delta") == ["▲", "−"]
    browser.choose("#filter-change", "gone")
    assert browser.texts(".matrix .delta") == ["−"]
    browser.open(tmp_path / "c.html", "#/loss/huber")
    assert "</script><img src=x onerror=alert(1)>" in browser.js("document.body.innerText")


def test_timings_alone_make_a_page(browser: Browser, tmp_path: Path) -> None:
    assert report(Request((timings(str(tmp_path / "t.csv")),), tmp_path / "t.html")) == 0
    browser.open(tmp_path / "t.html")
    browser.click("main a")
    browser.until("document.querySelector('#timings svg')")
    assert browser.js("document.querySelector('#distribution, #worst')") is None  # there is nothing to show there
    assert browser.texts("#timings td:nth-child(4)") == ["1.00 ms", "3.00 ms", "4.00 ms", "9.00 ms"]
