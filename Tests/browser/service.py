"""The service under test: on a free port, with a data folder of its own, ended when it is let go of."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 30
SECONDS_TO_END = 30


class Service:
    def __init__(self, binary: Path, data: Path, *flags: str, within: list[str] = ()):
        """`within` is a command that ends in the service's, such as one that gives it a disk of its own."""
        self.binary, self.data, self.flags, self.within = binary, data, flags, within
        self.log = data.with_name(data.name + ".log")
        self.process = None
        self.port = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Starts it, on the port that it had before if there was one, and waits until it listens."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.within, self.binary, "serve", "--data", self.data, "--port", str(self.port),
                 "--public", ROOT / "Public", "--contract", ROOT / "openapi.yaml", *self.flags],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                # Threads that spin at a barrier would keep the processors from those that they wait for.
                env={**os.environ, "OMP_WAIT_POLICY": "passive"})
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            said = self.log.read_bytes()[begin:].decode(errors="replace")
            if match := re.search(r"byol serves on http://127\.0\.0\.1:(\d+)", said):
                self.port = int(match.group(1))
                return
            if self.process.poll() is not None:
                raise RuntimeError(f"The service ended at once:\n{said}")
            time.sleep(0.05)
        raise RuntimeError(f"The service does not listen after {SECONDS_TO_START} s:\n{said}")

    def stop(self):
        """Asks it to end; it must end with 0."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError("The service did not end when it was asked to.") from None
        if status != 0:
            raise RuntimeError(f"The service ended with {status}.")

    def kill(self):
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait()

    def worker(self, run: str) -> int:
        """The process id of the worker that trains a run."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if len(words) > 1 and words[1] == b"train" and any(run.encode() in word for word in words):
                return int(folder.name)
        raise LookupError(f"No process trains {run}.")

    def has(self, path: str) -> bool:
        try:
            self.get(path)
        except urllib.error.HTTPError:
            return False
        return True

    def get(self, path: str):
        with urllib.request.urlopen(self.address + path, timeout=10) as reply:
            return json.load(reply)
