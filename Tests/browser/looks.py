"""How pages look: without a barrier for anybody (axe-core), and as pictures for the documents."""

import time
from pathlib import Path

import axe_playwright_python
from PIL import Image

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
THEMES = ["light", "dark"]
SERIOUS = ["serious", "critical"]
COLOURS = 256
TALLEST = 2400


def routes(service) -> list[tuple[str, str, str]]:
    """Every page: its name, its address, and what is seen when it is complete."""
    runs, datasets, indexes = (service.get(f"/v1/{kind}")["data"] for kind in ("runs", "datasets", "indexes"))
    found = [("runs", "#/runs", ".run-row"), ("new-run", "#/new", "form button"), ("datasets", "#/datasets", "a.card"),
             ("search", "#/search", ".index-row")]
    if service.has("/v1/status"):
        found.append(("status", "#/status", ".panel"))
    else:
        print("    the status page is left out: this service has no /v1/status")
    for model in service.get("/v1/models")["data"][:1]:
        found += [("models", "#/models", ".model-card"), ("model", f"#/models/{model['id']}", ".facts")]
    if runs:
        found.append(("run", f"#/runs/{runs[0]['id']}", "main canvas"))
        found.append(("compare", f"#/compare/{','.join(run['id'] for run in runs[:2])}", "main canvas"))
    if datasets:
        found.append(("dataset", f"#/datasets/{datasets[0]['id']}", ".picture-grid img"))
    if indexes:
        index = next(index for index in indexes if index["state"] == "succeeded")
        found.append(("map", f"#/map/{index['id']}", "[data-stage=done]"))
        found.append(("found", f"#/search?index={index['id']}&picture=5", ".found img"))
    return found


def show(browser, route: str, complete: str, theme: str, width: int = 1280):
    browser.open(width=width)
    browser.script("localStorage.setItem('byol-theme', JSON.stringify({ theme: arguments[0] }))", theme)
    browser.load(route, width)
    browser.until(f"{route} is complete", lambda: browser.driver.find_elements("css selector", complete), 60)
    worn = browser.script("return document.documentElement.dataset.theme")
    assert worn == theme, f"{route} wears the theme {worn}, not {theme}"


def findings(browser) -> list[str]:
    """What axe-core finds serious, in words."""
    browser.script(AXE.read_text())
    result = browser.promise("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{violation['impact']}: {violation['help']} ({violation['id']}): " + "; ".join(
            f"{node['target'][0]} {node.get('failureSummary', '')}" for node in violation["nodes"][:3])
        for violation in result["violations"] if violation["impact"] in SERIOUS]


def is_open_to_all(browser, service):
    bad = []
    for name, route, complete in routes(service):
        for theme in THEMES:
            show(browser, route, complete, theme)
            bad += [f"{name}, {theme}: {finding}" for finding in findings(browser)]
        show(browser, route, complete, "light", 390)
        wide = browser.script("return document.documentElement.scrollWidth")
        if wide > 390:
            bad.append(f"{name}: {wide} pixels wide on a screen of 390")
    assert not bad, "\n".join(bad)


def notices_barriers(browser, _service):
    """axe-core is at work: a button without a name, and grey words on grey."""
    browser.open("#/runs")
    browser.see("Runs", "h1")
    browser.script("""
        const pale = document.createElement("p");
        pale.textContent = "hardly there";
        pale.style.color = "#ddd";
        pale.style.background = "#eee";
        document.querySelector("#main").append(document.createElement("button"), pale);""")
    found = "\n".join(findings(browser))
    assert "button-name" in found and "color-contrast" in found, f"axe-core found only {found!r}"


def take_pictures(browser, service, folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    for name, route, complete in routes(service):
        for theme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
            show(browser, route, complete, theme, width)
            height = browser.script("return document.documentElement.scrollHeight")
            browser.resize(width, min(TALLEST, max(800, height)))
            # Pictures that come into view late, and curves that glide.
            time.sleep(1.5)
            path = folder / f"{name}-{'phone' if width < 600 else theme}.png"
            browser.driver.save_screenshot(str(path))
            Image.open(path).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


TESTS = [
    ("No page has a barrier that axe-core calls serious, in either theme, and each fits a phone", is_open_to_all),
    ("A barrier is noticed", notices_barriers),
]
