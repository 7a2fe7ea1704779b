"""Curves and lists of the dashboard: nothing that a person looks for is lost."""

from datetime import datetime

# A pen that remembers where it went, and scales on which a value is its own pixel.
PEN = """
const pen = () => {
  const strokes = [];
  return { strokes, moveTo: (x, y) => strokes.push([[x, y]]), lineTo: (x, y) => strokes.at(-1).push([x, y]) };
};
const pixels = (share) => ({ at: (value) => value * share, isLog: false });
const load = (path) => import(new URL(path, location.href));
"""


def module(text: str) -> str:
    return f"(async (...given) => {{ {PEN} {text} }})(...arguments)"


def peaks_are_drawn(browser):
    """10,000 points on 100 pixels, one of them high and one low: both are on the line."""
    drawn = browser.promise(module("""
        const { trace } = await load("charts/series.js");
        const xs = Array.from({ length: 10000 }, (_, k) => k);
        const ys = xs.map((x) => (x === 4321 ? 50 : x === 7777 ? -50 : Math.sin(x)));
        const path = pen();
        trace(path, xs, ys, 0, xs.length, pixels(0.01), pixels(1));
        const points = path.strokes.flat();
        return { count: points.length, high: Math.max(...points.map((p) => p[1])), low: Math.min(...points.map((p) => p[1])),
          place: points.find((p) => p[1] === 50)?.[0], strokes: path.strokes.length };"""))
    assert (drawn["high"], drawn["low"]) == (50, -50), f"A peak is lost: {drawn}"
    assert drawn["place"] == 43.5, f"The peak is drawn at pixel {drawn['place']}"
    assert drawn["strokes"] == 1 and drawn["count"] <= 4 * 101, f"More is drawn than can be seen: {drawn}"


def gaps_stay_gaps(browser):
    """A value that was not finite breaks the line, whether there are few points or many in a pixel."""
    for step, share in ((1, 10), (1, 0.1)):
        strokes = browser.promise(module("""
            const { trace } = await load("charts/series.js");
            const xs = Array.from({ length: 1000 }, (_, k) => k * given[0]);
            const ys = xs.map((x) => (x >= 400 && x < 500 ? null : 1));
            const path = pen();
            trace(path, xs, ys, 0, xs.length, pixels(given[1]), pixels(1));
            return path.strokes.map((stroke) => [stroke[0][0], stroke.at(-1)[0]]);"""), step, share)
        assert len(strokes) == 2, f"{len(strokes)} strokes at {share} pixels for each point"
        assert strokes[0][1] <= 400 * share + 1 and strokes[1][0] >= 500 * share - 1, f"The gap is elsewhere: {strokes}"


def smoothing_is_the_corrected_average(browser):
    values = [4, None, 2, 2, -1]
    smooth = browser.promise(module("return (await load('charts/series.js')).smooth(given[0], given[1]);"), values, 0.5)
    # The weights 1, 1/2, 1/4, … of what is there, over their sum.
    wanted = [4, None, (2 + 4 / 2) / 1.5, (2 + 2 / 2 + 4 / 4) / 1.75, (-1 + 2 / 2 + 2 / 4 + 4 / 8) / 1.875]
    assert smooth[1] is None and all(abs(a - b) < 1e-12 for a, b in zip(smooth, wanted) if a is not None), smooth


def ticks_can_be_told_apart(browser):
    for low, high in ((0.98, 0.9804), (0, 1), (-3, 17), (1e-6, 3e-6), (0.5, 120000), (97.5, 98.2)):
        labels = browser.promise(module("return (await load('charts/scale.js')).ticks(given[0], given[1], 4);"), low, high)
        values, texts = [value for value, _ in labels], [text for _, text in labels]
        assert len(texts) >= 2 and len(set(texts)) == len(texts), f"Between {low} and {high}: {texts}"
        assert all(low - 1e-9 <= value <= high * (1 + 1e-9) for value in values), f"Between {low} and {high}: {values}"


def training_time_leaves_out_pauses(browser):
    """A worker runs for 100 s, dies, and another goes on from its checkpoint an hour later."""
    at = lambda second: f"2026-11-28T10:{second // 60:02}:{second % 60:02}.000Z"
    events = [
        {"kind": "worker_started", "step": 0, "time": at(0)}, {"kind": "checkpoint", "step": 50, "time": at(50)},
        {"kind": "checkpoint", "step": 100, "time": at(90)}, {"kind": "worker_exited", "step": None, "time": at(100)},
        {"kind": "worker_started", "step": 50, "time": at(1600)}, {"kind": "checkpoint", "step": 150, "time": at(1700)},
        {"kind": "state", "state": "stopped", "step": None, "time": at(1700)},
    ]
    run = {"state": "stopped", "progress": {"step": 150}}
    began = datetime.fromisoformat(at(0)).timestamp()
    columns = {"step": [0, 25, 50, 100, 150], "time": [began + second for second in (0, 25, 50, 1650, 1700)]}
    places = browser.promise(module("""
        const { Timeline } = await load("runs/timeline.js");
        const line = new Timeline(given[0], given[1]);
        return ["step", "relative", "wall"].map((axis) => line.places(given[2], axis));"""), events, run, columns)
    assert places[0] == columns["step"]
    # Steps 51 to 100 were done twice; both times were training, and the hour between was none.
    assert places[1] == [0, 25, 50, 150, 200], f"Training time is {places[1]}"
    assert [time - places[2][0] for time in places[2]] == [0, 25, 50, 1650, 1700], f"The time of day is {places[2]}"


def rows_stay_in_place(browser):
    """A list that is changed by key keeps its nodes and the focus; one that is made anew (the control) keeps neither."""
    kept = browser.promise(module("""
        const { element, keyed } = await load("dom.js");
        const list = element("ul");
        document.querySelector("#main").append(list);
        const make = (name) => element("li", {}, element("button", { type: "button" }, name));
        const show = (names) => keyed(list, names, { key: (name) => name, make });
        show(["a", "b", "c", "d"]);
        const nodes = new Map([...list.children].map((row) => [row.textContent, row]));
        nodes.get("c").firstChild.focus();
        show(["e", "d", "c", "a"]);
        const result = {
          order: [...list.children].map((row) => row.textContent).join(""),
          isSame: ["d", "c", "a"].every((name) => [...list.children].includes(nodes.get(name))),
          focus: document.activeElement.textContent,
        };
        list.replaceChildren(...["e", "d", "c", "a"].map(make));
        result.control = document.activeElement.textContent === "c";
        list.remove();
        return result;"""))
    assert kept["order"] == "edca" and kept["isSame"] and kept["focus"] == "c", kept
    assert not kept["control"], "The control keeps the focus too"


TESTS = [
    ("A peak is drawn where many points share a pixel", peaks_are_drawn),
    ("A gap stays a gap", gaps_stay_gaps),
    ("Smoothing is the corrected moving average", smoothing_is_the_corrected_average),
    ("Ticks can be told apart", ticks_can_be_told_apart),
    ("Training time leaves out pauses", training_time_leaves_out_pauses),
    ("Rows stay in place, and the focus with them", rows_stay_in_place),
]
