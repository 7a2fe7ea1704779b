"""How quickly the page answers: first paint, and what a new point costs while a run goes on."""

import statistics

FIRST_PAINT = 200
A_FRAME = 16
LOADS = 7


def paints_at_once(browser, _service):
    """The quickest of several loads of each page, from the start of the navigation to its first contentful paint.

    What else a machine does makes single loads slower, not faster: the quickest is what the page itself takes."""
    for route in ("#/runs", "#/datasets", "#/search"):
        times = []
        for _ in range(LOADS):
            browser.open(route)
            browser.driver.refresh()
            times.append(browser.until("A paint is measured", lambda: browser.script(
                "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime")))
        best = min(times)
        print(f"    first paint of {route}: {best:.0f} ms, {statistics.median(times):.0f} ms at the median of {LOADS}")
        assert best < FIRST_PAINT, f"{route} is painted first after {best} ms"


def map_is_fluid(browser, _service, counts=(20000, 100000)):
    """Script time of a frame of the map while it is moved, by the map's own clock."""
    browser.open("#/datasets")
    for count in counts:
        times = browser.promise("""
            (async (count) => {
              const { Stage } = await import(new URL("map/stage.js", location.href));
              const stage = new Stage({ onSelect() {}, describe: () => ({ path: "/icon.svg", name: "", label: "" }), onOpen() {} });
              document.querySelector("#main").replaceChildren(stage.node);
              const positions = Float32Array.from({ length: 2 * count }, (_, k) => Math.sin(k * 12.9898) * 43758.5453 % 1 * 10);
              stage.move(positions);
              stage.scene.paint(new Uint8Array(3 * count).fill(120));
              const frame = () => new Promise((resolve) => { requestAnimationFrame(resolve); });
              await frame();
              const times = [];
              for (let k = 0; k < 25; k += 1) {
                const started = performance.now();
                stage.look({ ...stage.scene.view, x: stage.scene.view.x + 0.01 });
                stage.hover(-1);
                stage.moved({ pointerId: 1, offsetX: 10 * k, offsetY: 5 * k });
                const looked = performance.now() - started;
                await frame();
                times.push(looked + stage.scene.times.at(-1));
              }
              stage.end();
              return times;
            })(...arguments)""", count)
        median = statistics.median(times)
        print(f"    a frame of a map of {count} points: {median:.2f} ms of script at the median")
        assert median < A_FRAME, f"A frame of {count} points takes {median} ms of script"


TESTS = [
    ("First paint comes within 200 ms", paints_at_once),
    ("Moving a map of 100,000 points leaves time in every frame", map_is_fluid),
]
