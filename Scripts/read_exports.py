#!/usr/bin/env python3
"""Read the exports of one index with the programs that they are for.

    read_exports.py FOLDER [--expected FILE] [--postgres FOLDER OF initdb] [--selftest]

FOLDER has what `byol export --index` writes, under the names vectors.npy, items.csv, vectors.csv, points.ndjson,
vectors.copy, vectors.tsv and metadata.tsv. They are compared with FILE, where it is given (JSON: a list of
{"name", "label", "split", "picture", "vector"}, row by row), else with vectors.npy and items.csv.

Each format has a line: read, wrong or skipped, with the client and its version. NumPy and pandas read all but two, FAISS
and DuckDB one each. qdrant-client takes the points into its local mode. A PostgreSQL server of its own, in a temporary
folder, on a Unix socket, takes COPY's text: into pgvector's type where the server has it (`pip install pgserver` brings one
that has), else into real[]. FAISS and the latter two answer searches, which are compared with NumPy's.

Exit status: 0 all read, 77 some skipped because a client is missing, 1 something is wrong. With --selftest one number and
one name of each format are altered in a copy, each of which must be found: 0 then, 1 where one is overlooked.
"""

import argparse
import csv
import glob
import importlib.metadata
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

QUERIES, NEIGHBOURS = 5, 10


class Missing(Exception):
    """A client that is not installed."""


class Wrong(Exception):
    """What was read is not what was expected."""


def module(name: str):
    """An installed module."""
    if importlib.util.find_spec(name) is None:
        raise Missing(name.replace("_", "-"))
    return importlib.import_module(name)


def version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


@dataclass
class Truth:
    """What every export must say."""

    names: list[str]
    labels: list[str | None]
    splits: list[str]
    pictures: list[int]
    vectors: "numpy.ndarray"
    # Whether no label and an empty one are told apart: items.csv cannot.
    has_null: bool

    @classmethod
    def of(cls, folder: Path, expected: str | None) -> "Truth":
        numpy = module("numpy")
        if expected is not None:
            rows = json.loads(Path(expected).read_text(encoding="utf-8"))
            columns = ([row.get(key) for row in rows] for key in ("name", "label", "split", "picture"))
            return cls(*columns, numpy.array([row["vector"] for row in rows], numpy.float32), True)
        with open(folder / "items.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        columns = ([row[key] for row in rows] for key in ("name", "label", "split"))
        return cls(*columns, [int(row["picture"]) for row in rows], numpy.load(folder / "vectors.npy"), False)

    def without_null(self) -> "Truth":
        """As formats have it that know no null."""
        return replace(self, labels=[label or "" for label in self.labels])

    def in_one_line(self) -> "Truth":
        """As the projector has it, which knows no escapes: what ends a field or a line is a blank."""
        blank = str.maketrans("\t\n\r", "   ")
        known = self.without_null()
        known.names = [name.translate(blank) for name in known.names]
        known.labels = [label.translate(blank) for label in known.labels]
        return known

    def check(self, **read) -> None:
        """Compares what was read: rows, texts to the letter, numbers to the bit."""
        numpy = module("numpy")
        for key, values in read.items():
            known = getattr(self, key)
            if len(values) != len(known):
                raise Wrong(f"{key}: {len(values)} rows, expected {len(known)}")
            if key == "vectors":
                # Numbers are written in the shortest form that reads back as the same float32.
                values = numpy.asarray(values, numpy.float32)
                if values.shape != known.shape:
                    raise Wrong(f"vectors: shape {values.shape}, expected {known.shape}")
                if (rows := numpy.flatnonzero((values != known).any(1))).size:
                    raise Wrong(f"the vector of row {rows[0]} differs")
                continue
            for row, (value, other) in enumerate(zip(values, known)):
                if value != other and not (key == "labels" and not self.has_null and {value, other} == {None, ""}):
                    raise Wrong(f"{key}: row {row} is {value!r}, expected {other!r}")

    def queries(self) -> list[int]:
        """Rows to search with, spread over the index."""
        return [number * (len(self.names) - 1) // max(QUERIES - 1, 1) for number in range(QUERIES)]

    def check_search(self, query: int, found: list[int]) -> None:
        """Compares the rows that a search found with all cosines; equal ones may come in any order."""
        numpy = module("numpy")
        vectors = self.vectors.astype(numpy.float64)
        vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = vectors @ vectors[query]
        best = numpy.sort(cosines)[::-1][:NEIGHBOURS]
        if len(set(found)) != len(best) or not numpy.allclose(cosines[found], best, rtol=0, atol=1e-6):
            raise Wrong(f"the neighbours of row {query} are {found}, expected cosines {best.round(6).tolist()}")


def read_npy(path: Path, truth: Truth) -> str:
    numpy = module("numpy")
    vectors = numpy.load(path, allow_pickle=False)
    if vectors.dtype != numpy.dtype("<f4") or not vectors.flags.c_contiguous:
        raise Wrong(f"the array is {vectors.dtype}, expected rows of float32")
    truth.check(vectors=vectors)
    return version("numpy")


def read_faiss(path: Path, truth: Truth) -> str:
    faiss, numpy = module("faiss"), module("numpy")
    vectors = numpy.load(path)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    truth.check(vectors=index.reconstruct_n(0, index.ntotal))
    for query in truth.queries():
        count = min(NEIGHBOURS, index.ntotal)
        truth.check_search(query, index.search(vectors[query:query + 1], count)[1][0].tolist())
    return f"faiss {faiss.__version__}"


def table(path: Path, **options):
    """A file as pandas reads it, with texts as they are: a label may be NA."""
    return module("pandas").read_csv(
        path, keep_default_na=False, dtype={"name": str, "label": str, "split": str}, **options)


def read_items(path: Path, truth: Truth) -> str:
    read = table(path)
    truth.without_null().check(
        names=list(read["name"]), labels=list(read["label"]), splits=list(read["split"]), pictures=list(read["picture"]))
    if list(read["row"]) != list(range(len(read))):
        raise Wrong("the rows are not numbered from 0")
    return version("pandas")


def read_csv(path: Path, truth: Truth) -> str:
    read = table(path)
    truth.without_null().check(
        names=list(read["name"]), labels=list(read["label"]), splits=list(read["split"]),
        vectors=read.drop(columns=["name", "label", "split"]).to_numpy())
    # Python's own reader follows RFC 4180 too, and is another one.
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))[1:]
    truth.without_null().check(names=[row[0] for row in rows], vectors=[row[3:] for row in rows])
    return version("pandas") + ", Python's csv"


def read_duckdb(path: Path, truth: Truth) -> str:
    duckdb = module("duckdb")
    # Its rows come in the order of the file; an empty field is null.
    rows = duckdb.connect().read_csv(str(path)).fetchall()
    truth.without_null().check(
        names=[row[0] for row in rows], labels=[row[1] or "" for row in rows], splits=[row[2] for row in rows],
        vectors=[row[3:] for row in rows])
    return version("duckdb")


def read_projector_vectors(path: Path, truth: Truth) -> str:
    truth.check(vectors=table(path, sep="\t", header=None).to_numpy())
    truth.check(vectors=module("numpy").loadtxt(path, delimiter="\t", ndmin=2))
    return f"{version('pandas')}, {version('numpy')}"


def read_projector_metadata(path: Path, truth: Truth) -> str:
    read = table(path, sep="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
    truth.in_one_line().check(names=list(read["name"]), labels=list(read["label"]), splits=list(read["split"]))
    return version("pandas")


def read_qdrant(path: Path, truth: Truth) -> str:
    qdrant = module("qdrant_client")
    models = qdrant.models
    with open(path, encoding="utf-8", newline="\n") as file:
        lines = [json.loads(line) for line in file]
    client = qdrant.QdrantClient(":memory:")
    client.create_collection(
        "pictures", vectors_config=models.VectorParams(size=truth.vectors.shape[1], distance=models.Distance.COSINE))
    client.upsert("pictures", [models.PointStruct(**line) for line in lines])
    # Qdrant keeps vectors for the cosine at length 1, so that the numbers are those of the lines.
    truth.check(vectors=[line["vector"] for line in lines])
    points = client.retrieve("pictures", list(range(len(truth.names))), with_payload=True)
    points.sort(key=lambda point: point.id)
    truth.check(
        names=[p.payload["name"] for p in points], labels=[p.payload["label"] for p in points],
        splits=[p.payload["split"] for p in points])
    for query in truth.queries():
        found = client.query_points("pictures", query=truth.vectors[query].tolist(), limit=NEIGHBOURS).points
        truth.check_search(query, [point.id for point in found])
    return version("qdrant-client") + ", local mode"


class Postgres:
    """A PostgreSQL server in a temporary folder, which nobody reaches but by its Unix socket there."""

    # The server refuses to be run by root.
    USER = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}

    def __init__(self, programs: str | None):
        self.programs = self._programs(programs)
        self.folder = tempfile.mkdtemp(prefix="pg-", dir="/tmp")  # a socket's path has 107 bytes at most
        if self.USER:
            shutil.chown(self.folder, self.USER["user"], self.USER["group"])
        self.data = f"{self.folder}/data"
        try:
            self._serve("initdb", "--username=byol", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
            options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
            self._serve("pg_ctl", "--wait", f"--log={self.folder}/log", f"--options={options}", "start")
            has = self.ask("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
            self.has_vector = has == "1\n"
            if self.has_vector:
                self.ask("CREATE EXTENSION vector")
            self.name = "PostgreSQL " + self.ask("SHOW server_version").split()[0]
            self.name += ", " + (
                "pgvector " + self.ask("SELECT extversion FROM pg_extension WHERE extname = 'vector'").strip()
                if self.has_vector else "real[] without pgvector")
        except BaseException:
            self.stop()
            raise

    @classmethod
    def _programs(cls, given: str | None) -> str:
        """The folder of a server's programs that the server's user may run."""
        candidates = [given] if given else []
        if not given:
            if spec := importlib.util.find_spec("pgserver"):
                candidates.append(str(Path(spec.origin).parent / "pginstall/bin"))
            candidates += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
            if found := shutil.which("initdb"):
                candidates.append(str(Path(found).parent))
        for folder in candidates:
            try:
                subprocess.run([f"{folder}/initdb", "--version"], check=True, capture_output=True, cwd="/", **cls.USER)
                return folder
            except (OSError, subprocess.CalledProcessError):
                continue
        raise Missing("PostgreSQL's initdb")

    def _serve(self, program: str, *arguments: str) -> None:
        # pg_ctl's server keeps the descriptors that it inherits: a pipe would never end.
        with open(f"{self.folder}/{program}.log", "w+") as log:
            done = subprocess.run(
                [f"{self.programs}/{program}", "-D", self.data, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, **self.USER)
            if done.returncode != 0:
                log.seek(0)
                raise Wrong(f"{program}: {log.read().strip()}")

    def ask(self, text: str) -> str:
        """What psql prints for statements or for one of its commands: a line for each row."""
        done = subprocess.run(
            [f"{self.programs}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "byol", "postgres"],
            input=text, capture_output=True, encoding="utf-8", env=os.environ | {"PGCLIENTENCODING": "UTF8"})
        if done.returncode != 0:
            raise Wrong(f"psql: {done.stderr.strip()}")
        return done.stdout

    def stop(self) -> None:
        if os.path.exists(f"{self.data}/postmaster.pid"):
            self._serve("pg_ctl", "--mode=immediate", "--wait", "stop")
        shutil.rmtree(self.folder)


def read_pgvector(path: Path, truth: Truth, server: Postgres) -> str:
    kind = f"vector({truth.vectors.shape[1]})" if server.has_vector else "text"
    server.ask(
        f"DROP TABLE IF EXISTS pictures, loaded;\n"
        f"CREATE TABLE loaded (id bigint PRIMARY KEY, name text NOT NULL, label text, split text, embedding {kind});\n"
        f"\\copy loaded from '{path}'\n")
    numbers = "embedding::real[]" if server.has_vector else "translate(embedding, '[]', '{}')::real[]"
    server.ask(f"CREATE TABLE pictures AS SELECT *, {numbers} AS numbers FROM loaded")
    # JSON has every text in one line and every real in the shortest form that reads back.
    rows = [json.loads(line) for line in server.ask("SELECT to_jsonb(p) - 'embedding' FROM pictures p ORDER BY id").split("\n") if line]
    if [row["id"] for row in rows] != list(range(len(truth.names))):
        raise Wrong("the ids are not those of the rows")
    truth.check(
        names=[row["name"] for row in rows], labels=[row["label"] for row in rows],
        splits=[row["split"] for row in rows], vectors=[row["numbers"] for row in rows])
    distance = "p.embedding <=> q.embedding" if server.has_vector else (
        "-(SELECT sum(a::float8 * b) / sqrt(sum(a::float8 * a) * sum(b::float8 * b)) FROM unnest(p.numbers, q.numbers) AS u(a, b))")
    for query in truth.queries():
        found = server.ask(
            f"SELECT p.id FROM pictures p, pictures q WHERE q.id = {query} ORDER BY {distance} LIMIT {NEIGHBOURS}")
        truth.check_search(query, [int(line) for line in found.split()])
    return server.name


@dataclass
class Format:
    """A format: its file, who reads it, and where the file's first name and last number are."""

    file: str
    read: "callable"
    name: bytes | None = None
    number: bytes | None = None


CSV_NAME = rb"\A[^\r]*\r\n\"?()"
NUMBER = rb"-?\d[\d.e+-]*"
CSV_NUMBER = rb",(" + NUMBER + rb")\r\n\Z"
FORMATS = {
    "npy": Format("vectors.npy", read_npy),
    "npy in FAISS": Format("vectors.npy", read_faiss),
    "items": Format("items.csv", read_items, name=rb"\A[^\r]*\r\n0,\"?()"),
    "csv": Format("vectors.csv", read_csv, name=CSV_NAME, number=CSV_NUMBER),
    "csv in DuckDB": Format("vectors.csv", read_duckdb, name=CSV_NAME, number=CSV_NUMBER),
    "qdrant": Format("points.ndjson", read_qdrant, name=rb"\"name\":\"()", number=rb",(" + NUMBER + rb")\],[^\n]*\n\Z"),
    "pgvector": Format("vectors.copy", read_pgvector, name=rb"\A0\t()", number=rb",(" + NUMBER + rb")\]\n\Z"),
    "projector-vectors": Format("vectors.tsv", read_projector_vectors, number=rb"\t(" + NUMBER + rb")\n\Z"),
    "projector-metadata": Format("metadata.tsv", read_projector_metadata, name=rb"\A[^\n]*\n()"),
}


def alterations(form: Format, data: bytes) -> list[tuple[str, bytes]]:
    """A file with one number altered, and with one name altered, as far as it has them."""
    if form.file.endswith(".npy"):
        numpy = module("numpy")
        array = numpy.load(io.BytesIO(data))
        array[-1, -1] = numpy.nextafter(array[-1, -1], numpy.float32(2))
        altered = io.BytesIO()
        numpy.save(altered, array)
        return [("number", altered.getvalue())]
    result = []
    for what, pattern, instead in (("number", form.number, b"0.0625"), ("name", form.name, b"x")):
        if pattern is None:
            continue
        match = re.search(pattern, data)
        if match is None:
            raise Wrong(f"{form.file} has no {what} to alter")
        result.append((what, data[:match.start(1)] + instead + data[match.end(1):]))
    return result


class Reading:
    """Reads formats one after the other, with one PostgreSQL server for all."""

    def __init__(self, folder: Path, expected: str | None, programs: str | None):
        self.folder, self.programs = folder, programs
        self.truth = Truth.of(folder, expected)
        self.server: Postgres | None = None

    def read(self, form: Format, path: Path) -> str:
        if form.read is not read_pgvector:
            return form.read(path, self.truth)
        self.server = self.server or Postgres(self.programs)
        return read_pgvector(path, self.truth, self.server)

    def stop(self) -> None:
        if self.server:
            self.server.stop()

    def plain(self, name: str, form: Format) -> int:
        try:
            print(f"{name}: read by {self.read(form, self.folder / form.file)}")
            return 0
        except Missing as client:
            print(f"{name}: skipped, {client} is not installed")
            return 77
        except Exception as error:  # whatever a client throws at a file is what this is to tell
            print(f"{name}: wrong: {type(error).__name__}: {error}")
            return 1

    def altered(self, name: str, form: Format) -> int:
        status = 0
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / form.file
            for what, data in alterations(form, (self.folder / form.file).read_bytes()):
                path.write_bytes(data)
                try:
                    self.read(form, path)
                    print(f"{name}: an altered {what} was overlooked")
                    status = 1
                except Missing as client:
                    print(f"{name}: skipped, {client} is not installed")
                    return 77
                except Wrong as error:
                    print(f"{name}: an altered {what} was found: {error}")
        return status


def main() -> int:
    parser = argparse.ArgumentParser(description="Read the exports of an index with the programs that they are for.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--expected", help="what they must say, as JSON")
    parser.add_argument("--postgres", help="the folder of PostgreSQL's initdb, pg_ctl and psql")
    parser.add_argument("--selftest", action="store_true", help="alter each, which must be found")
    options = parser.parse_args()
    try:
        reading = Reading(options.folder, options.expected, options.postgres)
    except Missing as client:
        print(f"all: skipped, {client} is not installed")
        return 77
    try:
        one = reading.altered if options.selftest else reading.plain
        statuses = {one(name, form) for name, form in FORMATS.items()}
    finally:
        reading.stop()
    return next(status for status in (1, 77, 0) if status in statuses)


if __name__ == "__main__":
    sys.exit(main())
