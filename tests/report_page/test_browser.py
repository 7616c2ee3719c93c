"""The report in a browser without network: no console errors, light and dark, phone and desk.

Screenshots stay below pytest's temporary folder; `-s` prints where.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

#: Debian's name, and others'.
NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (390, 1280)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with playwright.sync_playwright() as driver:
        # In a container there is no second user to become, and little shared memory.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        started = driver.chromium.launch(executable_path=found, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screenshots")
    print(f"screenshots in {folder}")
    return folder


@pytest.fixture(params=["sample_run", "hostile_run"])
def run(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_page(browser: Any, run: Path, screenshots: Path, scheme: str, width: int) -> None:
    page, told = opened(browser, run, scheme, width)
    page.screenshot(path=screenshots / f"{run.parent.name}-{scheme}-{width}.png", full_page=True)
    every = "document.querySelectorAll('details').forEach(each => each.open = true)"
    page.evaluate(every)
    assert page.title() == "curate: where every record went"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = """width => [...document.querySelectorAll('body *')].filter(each => !each.closest('svg, blockquote'))
        .filter(each => each.getBoundingClientRect().right > width + 1).map(each => each.outerHTML.slice(0, 200))"""
    assert page.evaluate(outside, width) == []
    assert page.locator("section h2").all_inner_texts()[-1] == "Time"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (brightness(ground) < 60) == (scheme == "dark")
    assert told == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Any, sample_run: Path, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1, for every text of the page."""
    page, _ = opened(browser, sample_run, scheme, 1280)
    pairs = page.evaluate("""() => {
        const ground = each => {
            for (; each; each = each.parentElement) {
                const colour = getComputedStyle(each).backgroundColor;
                if (!colour.endsWith(', 0)')) return colour;
            }
        };
        const found = {};
        for (const each of document.querySelectorAll('body *')) {
            if (![...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
            const style = getComputedStyle(each);
            const ink = each.closest('svg') ? style.fill : style.color;
            found[ink + ' on ' + ground(each)] = [ink, ground(each)];
        }
        return found;
    }""")
    assert len(pairs) > 4
    for name, (ink, ground) in pairs.items():
        one, other = sorted((luminance(ink), luminance(ground)))
        assert (other + 0.05) / (one + 0.05) >= 4.5, name
    page.context.close()


def test_hostile_texts_do_nothing(browser: Any, hostile_run: Path) -> None:
    page, told = opened(browser, hostile_run, "light", 390)
    assert (
        page.evaluate("document.querySelectorAll('script, img, iframe, [onerror], [onmouseover]').length")
        == 0
    )
    assert page.locator("footer").count() == 1  # nothing closed the body
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    samples = page.locator("figure.sample")
    assert samples.count() > 4
    assert max(box["height"] for box in (sample.bounding_box() for sample in samples.all())) <= 900
    assert told == []
    page.context.close()


def opened(browser: Any, run: Path, scheme: str, width: int) -> tuple[Any, list[str]]:
    """The page, and a list of whatever it complains of or asks the network for."""
    size = {"width": width, "height": 900}
    page = browser.new_context(viewport=size, color_scheme=scheme, offline=True).new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on(
        "request", lambda request: told.append(request.url) if not request.is_navigation_request() else None
    )
    page.goto((run / "report.html").as_uri())
    return page, told


def channels(colour: str) -> list[float]:
    """Of `rgb(1, 2, 3)`."""
    return [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]


def brightness(colour: str) -> float:
    return sum(channels(colour)) / 3


def luminance(colour: str) -> float:
    """Relative luminance after WCAG 2.2."""
    parts = [value / 255 for value in channels(colour)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
