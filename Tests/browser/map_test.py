"""The map keeps who is near whom: judged by scikit-learn, on clusters and on a curved surface that it draws itself."""

import base64

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS = 15
# What a map of ours may lose to scikit-learn's t-SNE of the same vectors.
MARGIN = 0.02

PROJECT = """
(async (text, count, dimension, clusters) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const worker = new Worker("map/worker.js", { type: "module" });
  const stages = [];
  return new Promise((resolve, reject) => {
    const result = { started: performance.now() };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data.kind === "failed") reject(new Error(data.detail));
      if (data.stage && stages.at(-1) !== data.stage) stages.push(data.stage);
      if (data.kind === "clusters") result.assignment = [...data.assignment];
      if (data.kind !== "positions") return;
      result.first ??= { positions: [...data.positions], milliseconds: performance.now() - result.started };
      if (data.stage !== "done") return;
      worker.terminate();
      resolve({ ...result, positions: [...data.positions], stages, held: data.held,
          milliseconds: performance.now() - result.started });
    };
    worker.postMessage({ kind: "begin", vectors: new Float32Array(bytes.buffer), count, dimension, clusters });
  });
})(...arguments)
"""


def projected(browser, vectors, clusters=10):
    text = base64.b64encode(vectors.astype("<f4").tobytes()).decode()
    answer = browser.promise(PROJECT, text, len(vectors), vectors.shape[1], clusters)
    answer["positions"] = np.array(answer["positions"]).reshape(-1, 2)
    answer["first"]["positions"] = np.array(answer["first"]["positions"]).reshape(-1, 2)
    return answer


def clusters(count=700, dimension=128, kinds=10):
    random = np.random.default_rng(1)
    kind = np.arange(count) % kinds
    centres = random.normal(size=(kinds, dimension))
    vectors = centres[kind] + 0.5 * random.normal(size=(count, dimension))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), kind


def roll(count=600, dimension=40):
    """A rolled sheet in a few of many dimensions: neighbours across its layers are none along it."""
    random = np.random.default_rng(2)
    t = 1.5 * np.pi * (1 + 2 * random.random(count))
    sheet = np.stack([t * np.cos(t), 21 * random.random(count), t * np.sin(t)], axis=1)
    turn, _ = np.linalg.qr(random.normal(size=(dimension, dimension)))
    return sheet @ turn[:3]


def keeps_neighbours(browser):
    for name, vectors in (("clusters", clusters()[0]), ("a rolled sheet", roll())):
        ours = projected(browser, vectors)
        assert ours["stages"] == ["components", "neighbours", "layout", "done"], ours["stages"]
        judged = trustworthiness(vectors, ours["positions"], n_neighbors=NEIGHBOURS)
        theirs = trustworthiness(
            vectors, TSNE(init="pca", random_state=0).fit_transform(vectors), n_neighbors=NEIGHBOURS)
        linear = trustworthiness(vectors, ours["first"]["positions"], n_neighbors=NEIGHBOURS)
        reference = trustworthiness(vectors, PCA(2).fit_transform(vectors), n_neighbors=NEIGHBOURS)
        print(f"    {name}: trustworthiness {judged:.3f} (t-SNE of scikit-learn {theirs:.3f}),"
              f" components {linear:.3f} (PCA of scikit-learn {reference:.3f});"
              f" first picture after {ours['first']['milliseconds']:.0f} ms, last after {ours['milliseconds']:.0f} ms")
        assert judged >= theirs - MARGIN, f"{name}: {judged} is less than t-SNE's {theirs}"
        assert abs(linear - reference) < 0.01, f"{name}: the first picture is not that of the components"
        # The measure notices a map that keeps nothing.
        shuffled = np.random.default_rng(0).permutation(ours["positions"])
        assert trustworthiness(vectors, shuffled, n_neighbors=NEIGHBOURS) < theirs - MARGIN


def finds_clusters(browser):
    vectors, kind = clusters()
    first, second = projected(browser, vectors), projected(browser, vectors)
    agreement = adjusted_rand_score(kind, first["assignment"])
    assert agreement > 0.95, f"k-means agrees with the clusters by {agreement}"
    assert np.array_equal(first["positions"], second["positions"]), "The same vectors make another map"
    few = projected(browser, vectors[:3])
    assert few["positions"].shape == (3, 2) and np.isfinite(few["positions"]).all()
    equal = projected(browser, np.ones((40, 8)))
    assert np.isfinite(equal["positions"]).all(), "Equal vectors have no place"


def finds_neighbours(browser):
    vectors, _ = clusters(2500, 50)
    text = base64.b64encode(vectors.astype("<f8").tobytes()).decode()
    true = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(vectors).kneighbors(vectors)[1][:, 1:]
    for limit, least in ((20000, 0.9999), (0, 0.9)):
        found = browser.promise("""
            (async (text, count, width, limit) => {
              const { nearestNeighbours } = await import(new URL("map/neighbours.js", location.href));
              const rows = new Float64Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
              return [...(await nearestNeighbours(rows, width, count, { limit })).indices];
            })(...arguments)""", text, len(vectors), vectors.shape[1], limit)
        rows = np.array(found).reshape(-1, NEIGHBOURS)
        recall = np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(rows, true)])
        print(f"    neighbours of {len(vectors)} rows, {'exact' if limit else 'by trees'}: recall {recall:.4f}")
        assert recall >= least, f"recall {recall} with limit {limit}"


TESTS = [
    ("A map keeps who is near whom", keeps_neighbours),
    ("A map finds clusters, is the same each time, and takes few and equal vectors", finds_clusters),
    ("Neighbours are exact up to the limit, and nearly so by trees above it", finds_neighbours),
]
