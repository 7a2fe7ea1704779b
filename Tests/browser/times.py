"""How quickly the page answers: first paint, and what a new point costs while a run goes on."""

import statistics

FIRST_PAINT = 200
A_FRAME = 16
LOADS = 7


def first_paint(browser, route: str) -> float:
    """Milliseconds from the start of the navigation to the first contentful paint."""
    browser.load(route)
    return browser.until("A paint is measured", lambda: browser.script(
        "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"))


def paints_at_once(browser, _service):
    """The quickest of several loads of each page.

    What else a machine does makes loads slower, not faster: the quickest is what the page itself takes. Where even a
    page of a few words takes more than a quarter of the limit, the machine is too busy for it, and four times of that
    page's time is the limit.
    """
    # The page of a few words names no icon, so that the browser asks for the usual one.
    browser.allow("favicon.ico")
    for route in ("#/runs", "#/datasets", "#/search"):
        bare, times = [], []
        for _ in range(LOADS):
            bare.append(first_paint(browser, "livez"))
            times.append(first_paint(browser, route))
        best, limit = min(times), max(FIRST_PAINT, 4 * min(bare))
        print(f"    first paint of {route}: {best:.0f} ms, {statistics.median(times):.0f} ms at the median of {LOADS};"
              f" of a page of a few words {min(bare):.0f} ms")
        assert best < limit, f"{route} is painted first after {best:.0f} ms, later than {limit:.0f} ms"


# `Chart`s as the pages use them: a curve that has grown is a new object, the others are the same as before. Timed is
# the giving and every frame that is drawn because of it.
POINTS = """
(async (curves, length, charts) => {
  const { Board } = await import(new URL("charts/board.js", location.href));
  const { Chart } = await import(new URL("charts/chart.js", location.href));
  const frame = window.requestAnimationFrame.bind(window);
  let spent = 0;
  window.requestAnimationFrame = (work) => frame((time) => {
    const started = performance.now();
    work(time);
    spent += performance.now() - started;
  });
  const wait = async (frames) => {
    for (let k = 0; k < frames; k += 1) await new Promise((resolve) => { frame(resolve); });
  };
  const board = new Board({ name: "measured" });
  const made = Array.from({ length: charts }, (_, k) => new Chart(
    { name: `figure${k}`, title: `Figure ${k}`, sentence: "", reference: null, minimum: null }, board));
  board.keep(made);
  const xs = Array.from({ length }, (_, k) => k);
  const curve = (k) => ({ id: `run${k}`, name: `Run ${k}`, color: k % 10, dash: null, xs, steps: xs, isLive: k === 0,
    ys: xs.map((x) => Math.exp(-x / length) + 0.1 * Math.sin(x * 0.7 + k)) });
  let series = Array.from({ length: curves }, (_, k) => curve(k));
  document.querySelector("#main").replaceChildren(...made.map((chart) => chart.node));
  for (const chart of made) chart.setSeries(series);
  await wait(30);
  const times = [];
  for (let k = 0; k < 30; k += 1) {
    spent = 0;
    const started = performance.now();
    const [live, ...others] = series;
    const grown = [...live.xs, length + k];
    series = [{ ...live, xs: grown, steps: grown, ys: [...live.ys, Math.random()] }, ...others];
    for (const chart of made) chart.setSeries(series);
    spent += performance.now() - started;
    await wait(4);
    times.push(spent);
  }
  board.stop();
  window.requestAnimationFrame = frame;
  return times;
})(...arguments)
"""


def points_come_cheaply(browser, _service):
    """A run of 100,000 points, and 50 runs compared of as many points as the service thins them to."""
    for curves, length, charts in ((1, 100_000, 1), (50, 1500, 6)):
        browser.load("#/datasets")
        browser.see("Datasets", "h1")
        times = browser.promise(POINTS, curves, length, charts)
        median = statistics.median(times)
        print(f"    a new point among {curves} × {length} in {charts} charts: {median:.1f} ms of script at the median")
        assert median < A_FRAME, f"A new point among {curves} × {length} takes {median:.1f} ms of script"


def map_is_fluid(browser, _service, counts=(20000, 100000)):
    """Script time of a frame of the map while it is moved, by the map's own clock."""
    browser.open("#/datasets")
    for count in counts:
        times = browser.promise("""
            (async (count) => {
              const { Stage } = await import(new URL("map/stage.js", location.href));
              const stage = new Stage({ onSelect() {}, describe: () => ({ path: "/icon.svg", name: "", label: "" }),
                  onOpen() {} });
              document.querySelector("#main").replaceChildren(stage.node);
              const positions = Float32Array.from({ length: 2 * count },
                  (_, k) => Math.sin(k * 12.9898) * 43758.5453 % 1 * 10);
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
    ("A new point costs less than a frame, of a long run and of 50 runs compared", points_come_cheaply),
    ("Moving a map of 100,000 points leaves time in every frame", map_is_fluid),
]
