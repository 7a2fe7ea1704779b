"""What the pages' modules take, and where they stop."""

import io

import numpy as np


def refused(browser, expression: str, *arguments) -> str:
    """The words with which something is refused."""
    return browser.promise(
        f"(async (...given) => {{ try {{ await ({expression})(...given); return ''; }}"
        " catch (error) { return error.message; } })(...arguments)", *arguments)


def uploads_are_bounded(browser, _service):
    browser.load("#/datasets")
    files = """async (count) => {
        const { fromFiles } = await import(new URL("datasets/chosen.js", location.href));
        const file = new File(["x"], "a.png");
        return fromFiles({ length: count, * [Symbol.iterator]() { for (let k = 0; k < count; k += 1) yield file; } });
    }"""
    assert refused(browser, files, 500_000) == ""
    assert "More than 500,000 files" in refused(browser, files, 500_001)
    # A folder in a folder, in a folder …, as a drop tells of them.
    nested = """async (depth) => {
        const { fromDrop } = await import(new URL("datasets/chosen.js", location.href));
        let entry = { isFile: true, name: "a.png", file: (done) => done(new File(["x"], "a.png")) };
        for (let k = 0; k < depth; k += 1) {
          const inner = entry;
          entry = { name: `folder${k}`, createReader: () => {
            const parts = [[inner], []];
            return { readEntries: (done) => done(parts.shift()) };
          } };
        }
        return fromDrop({ entries: [entry], files: [] });
    }"""
    assert refused(browser, nested, 32) == ""
    assert "more than 32 deep" in refused(browser, nested, 33)
    mixed = """async (...names) => {
        const { fromFiles, choice } = await import(new URL("datasets/chosen.js", location.href));
        return choice(fromFiles(names.map((name) => new File(["x"], name))));
    }"""
    assert refused(browser, mixed, "a.tar", "b.txt") == ""
    assert "one upload is one dataset" in refused(browser, mixed, "a.tar", "b.zip")
    assert "Archives and pictures together" in refused(browser, mixed, "a.tar", "b.png")


READ = """
(async (bytes, limit) => {
  const { readVectors } = await import(new URL("map/npy.js", location.href));
  // In pieces of 7 bytes: neither the header nor a row comes whole.
  const pieces = [];
  for (let at = 0; at < bytes.length; at += 7) pieces.push(new Uint8Array(bytes.slice(at, at + 7)));
  const stream = new ReadableStream({ pull(controller) {
    if (pieces.length) controller.enqueue(pieces.shift());
    else controller.close();
  } });
  const { vectors, rows, dimension, total } = await readVectors(stream, limit);
  return { vectors: [...vectors], rows, dimension, total };
})"""


def maps_are_bounded(browser, _service):
    browser.load("#/datasets")
    vectors = np.arange(75, dtype="<f4").reshape(25, 3)
    file = io.BytesIO()
    np.save(file, vectors)
    whole = list(file.getvalue())
    for limit, stride in ((25, 1), (24, 2), (10, 3), (1, 25)):
        read = browser.promise(f"{READ}(...arguments)", whole, limit)
        assert read["rows"] == list(range(0, 25, stride)) and read["total"] == 25 and len(read["rows"]) <= limit
        assert np.array_equal(np.reshape(read["vectors"], (-1, 3)), vectors[::stride])
    assert "broke off" in refused(browser, READ, whole[:-1], 25)
    assert "no NumPy file" in refused(browser, READ, list(b"PK\x03\x04 and so on and on"), 25)
    file = io.BytesIO()
    np.save(file, vectors.astype("<f8"))
    assert "not rows of float32" in refused(browser, READ, list(file.getvalue()), 25)


TESTS = [
    ("Uploads have their limits, and say them", uploads_are_bounded),
    ("Of many vectors every so manieth is kept, and a broken file is refused", maps_are_bounded),
]
