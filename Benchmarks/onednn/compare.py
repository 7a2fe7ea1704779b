#!/usr/bin/env python3
"""Times the convolutions of our updates with several versions of oneDNN in turn, and writes a table.

    python3 -m venv V && V/bin/pip install onednn-devel
    python3 Benchmarks/onednn/compare.py --library V [--library PREFIX …] [--minutes 12] [--output docs/benchmarks/onednn.md]

The system's oneDNN (libdnnl-dev) is the first version and the one that the others are divided by. A PREFIX is a folder with
`include` and `lib`, or the root of unpacked Debian packages, whose own C library is then used. `convolutions.cpp` is compiled
for each. Every program computes with one thread on one processor, the same for all, and its time is that which the processor
spent on it, so that it may be shared. For every shape the programs take turns, in an order that changes from round to round,
and the best time of all rounds counts. `--samples FILE` keeps every figure;
with `--table-only` the table is made of files of samples, such as those of two processes that measured different cases.
"""

import argparse
import datetime
import functools
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import runs  # noqa: E402

# An update sends two views through the online network and the target, and gradients through the online network.
TIMES = {"y": 4, "dx": 2, "dw": 2}

# The difference from which on a convolution is listed, where not all of them are.
LEAST = 0.15

# Precision, layout of activations, and the processor that oneDNN is told it has, if it is not the real one.
CASES = {
    "float32": ("float32", "blocked", None),
    "float32, free layouts": ("float32", "any", None),
    "bfloat16": ("bfloat16", "blocked", None),
    "bfloat16, free layouts": ("bfloat16", "any", None),
    "float32, AVX2, NHWC": ("float32", "nhwc", "AVX2"),
    "float32, AVX2, free layouts": ("float32", "any", "AVX2"),
}


def resnet(bottleneck, blocks, batch, size, cifar=False, width=1.0):
    """The convolutions of a ResNet: {(images, in, out, side, size, stride, padding): how often}, the first one first."""
    found = {}

    def convolution(inputs, outputs, side, kernel, stride):
        shape = (batch, inputs, outputs, side, kernel, stride, kernel // 2)
        found[shape] = found.get(shape, 0) + 1
        return (side + 2 * (kernel // 2) - kernel) // stride + 1

    base = round(64 * width)
    side = convolution(3, base, size, 3 if cifar else 7, 1 if cifar else 2)
    side = side if cifar else (side + 1) // 2
    channels = base
    for stage, count in enumerate(blocks):
        inner = base << stage
        outer = inner * 4 if bottleneck else inner
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            if bottleneck:
                convolution(channels, inner, side, 1, 1)
                after = convolution(inner, inner, side, 3, stride)
                convolution(inner, outer, after, 1, 1)
            else:
                after = convolution(channels, inner, side, 3, stride)
                convolution(inner, inner, after, 3, 1)
            if stride != 1 or channels != outer:
                convolution(channels, outer, side, 1, stride)
            side, channels = after, outer
    return found


NETWORKS = {
    "ResNet-18, CIFAR stem, 32 px, batch 64": resnet(False, [2] * 4, 64, 32, cifar=True),
    "the same, width 0.25, batch 128": resnet(False, [2] * 4, 128, 32, cifar=True, width=0.25),
    "ResNet-18, 64 px, batch 256": resnet(False, [2] * 4, 256, 64),
    "ResNet-50, 224 px, batch 16": resnet(True, [3, 4, 6, 3], 16, 224),
}


def is_ours(result, shape):
    """Whether the product computes it in bfloat16 with a kernel of its own: the rules of HandWrittenKernels.swift."""
    _, inputs, outputs, side, size, stride, padding = shape
    pixels = ((side + 2 * padding - size) // stride + 1) ** 2
    few = 5 <= size <= 7 and inputs <= 15 and outputs % 32 == 0
    divides = size == 3 and inputs % 32 == 0 and outputs % 32 == 0
    winograd = divides and pixels > 4 and (stride == 1 or pixels % 2 == 0 or pixels > 64)
    blocked = inputs % 16 == 0 and outputs % 16 == 0
    if result == "dw":
        small = blocked and pixels <= (256 if stride == 1 else 784)
        return few or (stride == 1 and winograd) or (size == 1 and pixels > 64) or small
    return (few and result == "y") or winograd or (blocked and pixels <= 64)


class Library:
    """A version of oneDNN and the program that was compiled for it."""

    def __init__(self, prefix, work):
        self.flags, self.command, self.environment = ["-ldnnl"], [], {}
        program = work / f"convolutions-{re.sub(r'[^A-Za-z0-9]+', '-', str(prefix or 'system'))}"
        if prefix:
            debian = prefix / "usr/lib/x86_64-linux-gnu"
            folder = debian if debian.exists() else prefix / "lib"
            include = prefix / ("usr/include" if debian.exists() else "include")
            library = sorted(folder.glob("libdnnl.so.*"))[-1]
            self.flags = [f"-isystem{include}", str(library), f"-Wl,-rpath,{folder}", "-Wl,--allow-shlib-undefined"]
            loader = folder / "ld-linux-x86-64.so.2"
            if loader.exists():
                self.command = [str(loader), "--library-path", str(folder)]
            else:
                self.environment["LD_LIBRARY_PATH"] = str(folder)
            if (folder / "libintelocl.so").exists():
                self.environment["OCL_ICD_FILENAMES"] = str(folder / "libintelocl.so")
        subprocess.run(["g++", "-std=c++17", "-O2", "-o", program, HERE / "convolutions.cpp", *self.flags], check=True)
        self.command.append(str(program))

    def start(self, case, seconds, processor):
        precision, layout, limit = CASES[case]
        environment = dict(os.environ, OMP_NUM_THREADS="1", **self.environment)
        if limit:
            environment |= {"DNNL_MAX_CPU_ISA": limit, "ONEDNN_MAX_CPU_ISA": limit}
        # A library that counts processors instead of OMP_NUM_THREADS finds one.
        process = subprocess.Popen(
            [*self.command, precision, layout, str(seconds)], env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, preexec_fn=functools.partial(os.sched_setaffinity, 0, {processor}))
        line = process.stdout.readline()
        if not line:
            sys.exit(f"{self.command} {precision} {layout} did not start.")
        return json.loads(line)["version"], process


def ask(process, shape):
    """The three measurements of a shape."""
    print(*shape, file=process.stdin, flush=True)
    return [json.loads(process.stdout.readline()) for _ in TIMES]


def measure(o, samples):
    """Rounds of all cases, networks and shapes, until the time is over."""
    work = o.work
    work.mkdir(parents=True, exist_ok=True)
    libraries = [Library(prefix, work) for prefix in [None, *o.library]]
    running = {case: [library.start(case, o.seconds, o.processor) for library in libraries] for case in o.cases}
    end = time.monotonic() + 60 * o.minutes
    number = 0
    while number == 0 or time.monotonic() < end:
        for case in o.cases:
            for network, shapes in NETWORKS.items():
                if number > 0 and time.monotonic() > end:
                    break
                for shape in shapes:
                    turn = running[case][number % len(libraries):] + running[case][:number % len(libraries)]
                    for version, process in turn:
                        for found in ask(process, shape):
                            found |= {"case": case, "network": network, "shape": shape, "version": version}
                            print(json.dumps(found), file=samples, flush=True)
        number += 1
        print(f"round {number}", file=sys.stderr, flush=True)
    for processes in running.values():
        for _, process in processes:
            process.stdin.close()
            process.wait()


class Table:
    """The best of all samples of each convolution, and sums of them."""

    def __init__(self, lines):
        self.best, self.median, self.kernel, self.count, self.error = {}, {}, {}, {}, {}
        for found in lines:
            key = (found["case"], found["network"], tuple(found["shape"]), found["result"], found["version"])
            self.kernel[key] = found.get("kernel", "none")
            if "best_ms" not in found:
                self.error[key] = found.get("error", "not run")
                continue
            self.best[key] = min(found["best_ms"], self.best.get(key, float("inf")))
            self.median.setdefault(key, []).append(found["best_ms"])
            self.count[key] = self.count.get(key, 0) + found["runs"]
        keys = self.kernel
        self.versions = sorted({key[4] for key in keys}, key=lambda v: tuple(map(int, v.split("."))))
        self.cases = [case for case in CASES if any(key[0] == case for key in keys)]

    def convolutions(self, case, network):
        """(shape, result, how often per update) of those that every version has a time for."""
        first = next(iter(NETWORKS[network]))
        for shape, often in NETWORKS[network].items():
            for result, times in TIMES.items():
                if shape == first and result == "dx":
                    continue
                if all((case, network, shape, result, v) in self.best for v in self.versions):
                    yield shape, result, often * times

    def sum(self, case, network, version, chosen=lambda result, shape: True, of=None):
        of = of or (lambda key: self.best[key])
        return sum(n * of((case, network, shape, result, version))
                   for shape, result, n in self.convolutions(case, network) if chosen(result, shape))

    def sums(self):
        """The table of sums, with the ratio of the best and of the medians of the rounds."""
        base, *others = self.versions
        yield "| network | case | " + " | ".join(f"{v}, ms" for v in self.versions) + " | " + " | ".join(
            f"{v} / {base}" for v in others) + " | " + " | ".join(f"the same of medians, {v}" for v in others) + " |"
        yield "|" + "---|" * (2 + len(self.versions) + 2 * len(others))
        for network in NETWORKS:
            for case in self.cases:
                rows = [(case, lambda result, shape: True)]
                if case == "bfloat16":
                    rows.append(("bfloat16, those that the product leaves to oneDNN", lambda r, s: not is_ours(r, s)))
                for name, chosen in rows:
                    best = [self.sum(case, network, v, chosen) for v in self.versions]
                    middle = [self.sum(case, network, v, chosen, lambda k: statistics.median(self.median[k]))
                              for v in self.versions]
                    if not best[0]:
                        continue
                    yield f"| {network} | {name} | " + " | ".join(f"{t:.0f}" for t in best) + " | " + " | ".join(
                        f"{t / best[0]:.2f}" for t in best[1:]) + " | " + " | ".join(
                        f"{t / middle[0]:.2f}" for t in middle[1:]) + " |"

    def shapes(self, case, least=0.0):
        """The table of one case: the shapes for which some version's time differs from the first one's by `least` of it."""
        base, *others = self.versions
        yield "| network | in → out, side, kernel/stride | result | per update | " + " | ".join(
            f"{v}, ms" for v in self.versions) + f" | GFLOP/s, {base} | " + " | ".join(
            f"{v} / {base}" for v in others) + " | kernels |"
        yield "|" + "---|" * (6 + len(self.versions) + len(others))
        for network in NETWORKS:
            for shape, result, n in self.convolutions(case, network):
                keys = [(case, network, shape, result, v) for v in self.versions]
                images, inputs, outputs, side, size, stride, padding = shape
                pixels = ((side + 2 * padding - size) // stride + 1) ** 2
                times = [self.best[key] for key in keys]
                if max(abs(t / times[0] - 1) for t in times) < least:
                    continue
                rate = 2e-6 * images * inputs * outputs * size * size * pixels / times[0]
                names = [self.kernel[key] for key in keys]
                kernels = names[0] if len(set(names)) == 1 else " → ".join(names)
                yield f"| {network} | {inputs} → {outputs}, {side}, {size}/{stride} | {result} | {n} | " + " | ".join(
                    f"{t:.2f}" for t in times) + f" | {rate:.0f} | " + " | ".join(
                    f"{t / times[0]:.2f}" for t in times[1:]) + f" | {kernels} |"

    def missing(self):
        """What had no time in some version."""
        for key, reason in sorted(self.error.items(), key=str):
            case, network, shape, result, version = key
            if not (result == "dx" and shape == next(iter(NETWORKS[network]))):
                yield f"- {case}, {network}, {'×'.join(map(str, shape))}, {result}, {version}: {self.kernel[key]} ({reason})"


def write(o):
    lines = [json.loads(line) for path in o.samples for line in path.read_text().splitlines()]
    table = Table(lines)
    counts = sorted(table.count.values())
    rounds = {case: max(len(v) for k, v in table.median.items() if k[0] == case) for case in table.cases}
    text = [
        "# Convolutions of versions of oneDNN", "",
        "The convolutions of an update of BYOL (two views through both networks, gradients of one), all by oneDNN, one thread.",
        "Times are those that the processor spent on the program; what others took meanwhile is not in them, except for caches.",
        "Activations are nChw16c and weights free, as in the product, unless the case says otherwise. `y` is the convolution,",
        "`dx` the gradient of its input, `dw` that of its weights. The tables are written by `Benchmarks/onednn/compare.py`; run it",
        "again on your machine.", "",
        f"{datetime.date.today()} · {runs.processor()} · oneDNN {', '.join(table.versions)} · the best of all rounds, in which the\n"
        f"versions took turns shape by shape; at most {', '.join(sorted({str(n) for n in rounds.values()}))} rounds, "
        f"{counts[0]} to {counts[-1]} timed runs of a convolution.", "",
        *(o.remarks.read_text().rstrip().split("\n") + [""] if o.remarks else []),
        "## Sums per update", "", *table.sums(), ""]
    missing = list(table.missing())
    if missing:
        text += ["## Without a time, and therefore in no sum", "", *missing, ""]
    for case in table.cases:
        # All shapes of the layouts that the product uses; the other tables would be as long and say little.
        least = 0 if case in ("float32", "bfloat16") else LEAST
        title = f"## {case}" + (f": convolutions with a difference of {100 * least:.0f} % or more" if least else "")
        text += [title, "", *table.shapes(case, least), ""]
    o.output.write_text("\n".join(text).rstrip() + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--cases", type=lambda text: text.split(";"), default=list(CASES))
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--seconds", type=float, default=0.03, help="time of a convolution in a round, two runs at least")
    parser.add_argument("--processor", type=int, default=0)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/byol-onednn"))
    parser.add_argument("--samples", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--remarks", type=pathlib.Path, help="Markdown to put above the table")
    parser.add_argument("--table-only", action="store_true")
    parser.add_argument("--output", type=pathlib.Path)
    o = parser.parse_args()
    if not o.table_only:
        o.work.mkdir(parents=True, exist_ok=True)
        o.samples = o.samples or [o.work / "samples.jsonl"]
        with open(o.samples[0], "w") as samples:
            measure(o, samples)
    if o.output:
        write(o)


if __name__ == "__main__":
    main()
