"""What goes wrong, and what a person sees of it. First of all: that these tests notice what goes wrong with a page."""

import json
import os
import random
import shlex
import signal
import subprocess
import tarfile

from PIL import Image

from browser import Browser
from service import Service

# The console says of each request that found nobody.
NOBODY = "ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED"
PAGE_FAULTS = [
    ("a warning", "console.warn('watched')", "watched"),
    ("an exception", "setTimeout(() => { throw new Error('thrown'); })", "thrown"),
    ("a script of another origin", "document.head.append(Object.assign(document.createElement('script'), "
     "{ src: 'https://example.invalid/x.js' }))", "CSP"),
    ("a style in the page", "document.body.setAttribute('style', 'color: red')", "CSP"),
    ("a missing file", "fetch('missing.js')", "404"),
]


def notices_page_faults(browser, _service):
    for name, script, word in PAGE_FAULTS:
        browser.open()
        assert browser.fault() is None, "The page complains before there is a fault"
        browser.script(script)
        fault = browser.until(f"{name} is noticed", browser.fault, 5)
        assert word in fault, f"{name}: noticed only as {fault}"


def without_javascript(service):
    with Browser(service.address, javascript=False) as browser:
        browser.open()
        assert "needs JavaScript" in browser.text(), f"Without JavaScript one reads only {browser.text()!r}"


def keys(binary, data):
    """A service with keys asks for one, says that one was refused, shows what a reader may see, and forgets the key when it is told to."""
    def key(*words):
        made = subprocess.run([binary, "keys", *words, "--data", data, "--json"], check=True, capture_output=True, text=True)
        return json.loads(made.stdout)

    data.mkdir()
    secret = key("add", "reader", "--role", "read")["key"]
    with Service(binary, data) as service, Browser(service.address) as browser:
        browser.allow(r" (401|403) ")
        browser.open()
        browser.see("This service asks for a key", "#sign-in")
        for given, told in (("byol_wrong", "refused"), (secret, None)):
            browser.fill("Key", given)
            browser.click("Sign in", "#sign-in button")
            if told:
                browser.see(told, "#sign-in-error")
        browser.see("Live", "#connection")
        browser.see("Sign out", "#sign-out")
        browser.open("#/datasets")
        browser.see("Datasets", "h1")
        # The key is in the tab alone, and no address has it.
        assert secret not in browser.script("return location.href + document.cookie + JSON.stringify(localStorage)")
        key("revoke", "reader")
        browser.see("This service asks for a key", "#sign-in", 30)
        if fault := browser.fault():
            raise AssertionError(f"The page complained:\n{fault}")


# In memory, and seen by the service alone: its namespace ends with it.
TINY_DISK = "mkdir -p {data} && mount -t tmpfs -o size={bytes} tmpfs {data} && exec \"$@\""
TINY_DISK_BYTES = 12 << 20


def may_mount() -> bool:
    tried = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(tried, capture_output=True).returncode == 0


def full_disk(binary, work, pictures):
    """A disk that an upload fills: the page says so, nothing of the upload is kept, and a smaller one is taken."""
    large = work / "large.tar"
    with tarfile.open(large, "w") as tar:
        for n in range(8):
            path = work / "noise.png"
            Image.frombytes("RGB", (1024, 1024), random.Random(n).randbytes(3 << 20)).save(path, compress_level=0)
            tar.add(path, arcname=f"noise/{n}.png")
    data = work / "tiny disk"
    mount = TINY_DISK.format(data=shlex.quote(str(data)), bytes=TINY_DISK_BYTES)
    within = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "with-tiny-disk"]
    with Service(binary, data, "--niceness", "0", within=within) as service, Browser(service.address) as browser:
        browser.allow(rf" 507 |{NOBODY}")
        browser.open("#/datasets")
        browser.drop("#main", large)
        browser.click("Upload", "button[type=submit]")
        browser.see("disk", "[role=alert]", 40)
        assert service.get("/v1/datasets")["data"] == [], "Something of the upload that found no room is kept"
        browser.open("#/datasets")
        browser.drop("#main", pictures.archive)
        browser.fill("Name", "Small enough")
        browser.click("Upload", "button[type=submit]")
        browser.see("Small enough", "h1")
        if fault := browser.fault():
            raise AssertionError(f"The page complained:\n{fault}")


class Faults:
    """With a dataset "Shapes" and a run of it that has begun once."""

    def __init__(self, browser, service, journey):
        self.browser, self.service, self.journey = browser, service, journey

    def tests(self):
        return [
            ("A worker that dies is started again, and the page says so", self.worker_dies),
            ("The service is away: the page says so, and goes on by itself", self.service_restarts),
            ("An upload that breaks off leaves nothing, and can be cancelled", self.upload_breaks_off),
            ("A run that collapses stops, and the page says what happened and what helps", self.collapses),
            ("What is no dataset is refused with what to do", self.refused_uploads),
            ("What was deleted, and addresses that lead nowhere, are said", self.missing_things),
        ]

    def state(self):
        return self.service.get(f"/v1/runs/{self.journey.run}")

    def worker_dies(self):
        browser, run = self.browser, self.journey.run
        browser.open(f"#/runs/{run}")
        browser.click("Go on")
        step = browser.until("It runs",
            lambda: (now := self.state())["state"] == "running" and now["progress"]["step"], 60)
        os.kill(self.service.worker(run), signal.SIGKILL)
        browser.see("1 restart", ".note", 60)
        browser.until("It goes on",
            lambda: (now := self.state())["state"] == "running" and now["progress"]["step"] >= step, 60)
        browser.see("Running", ".badge", 60)

    def service_restarts(self):
        browser = self.browser
        browser.see("Live", "#connection")
        browser.allow(NOBODY)
        self.service.kill()
        browser.see("The service does not answer", "#offline", 40)
        browser.see("Away", "#connection")
        assert "A short run" in browser.text(), "What was known is gone from the page"
        self.service.start()
        browser.see("Live", "#connection", 60)
        browser.until("The warning is gone", lambda: "does not answer" not in browser.text(), 40)
        # The run goes on with the new service.
        browser.see("Running", ".badge", 60)
        browser.click("Stop")
        browser.see("Stopped", ".badge", 60)

    def upload_breaks_off(self):
        browser = self.browser
        browser.open("#/datasets")
        browser.see("Shapes", ".card-name")
        # Slow enough to be seen, and to be cancelled.
        browser.driver.execute_cdp_cmd("Network.enable", {})
        self.throttle(20_000)
        try:
            self.begin_upload("Cancelled")
            browser.see(" of ", ".upload-panel .note")
            browser.click("Cancel the upload")
            browser.see("The upload was cancelled", "#toast")
            self.begin_upload("Broken off")
            browser.see(" of ", ".upload-panel .note")
            browser.allow(NOBODY)
            self.service.kill()
            browser.see("broke off before the service had it all", "[role=alert]")
        finally:
            self.throttle(-1)
            self.service.kill()
            self.service.start()
        browser.until("Nothing of them is kept", lambda: [
            dataset["name"] for dataset in self.service.get("/v1/datasets")["data"]] == ["Shapes"])
        browser.see("Live", "#connection", 40)

    def collapses(self):
        """Without a predictor BYOL collapses (Grill et al. 2020, table 5b)."""
        browser = self.browser
        self.journey.start_run("Without a predictor", {"Batch size": "32", "Epochs": "60", "Negatives": "0"},
            {"Method": "mean-teacher", "On a collapse": "stop"})
        browser.see("Failed", ".badge", 120)
        browser.see("updates the representation has collapsed", "#main")
        browser.see("Collapsed", "#main")
        browser.see("Stop the run and start a new one with", "#main")
        self.journey.delete_this()
        browser.until("The run is gone", lambda: len(self.service.get("/v1/runs")["data"]) == 1)

    def throttle(self, bytes_per_second: int):
        self.browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second})

    def begin_upload(self, name: str):
        self.browser.drop(".upload-drop", self.journey.pictures.archive)
        self.browser.fill("Name", name)
        self.browser.click("Upload", "button[type=submit]")

    def refused_uploads(self):
        browser = self.browser
        browser.open("#/datasets")
        browser.see("Shapes", ".card-name")
        letter = self.journey.pictures.folder / "read me.txt"
        browser.drop(".upload-drop", letter)
        browser.see("No picture is among these files", "[role=alert]")
        archive = letter.with_name("no archive.zip")
        archive.write_bytes(b"PK\x03\x04 and no more")
        browser.drop(".upload-drop", archive)
        browser.allow(r"/v1/datasets\?name=.* (415|422|400) ")
        browser.click("Upload", "button[type=submit]")
        browser.see("was not uploaded", "[role=alert]")

    def missing_things(self):
        browser = self.browser
        browser.allow("/v1/(runs|datasets|indexes)/01234567-.* 404 ")
        nothing = "01234567-89ab-7def-8123-456789abcdef"
        for route, words in ((f"#/runs/{nothing}", "There is no such run"),
            (f"#/datasets/{nothing}", "No such dataset"),
                             (f"#/map/{nothing}", "There is no such index")):
            browser.open(route)
            browser.see(words)
        browser.open("#/nonsense")
        browser.see("Runs", "h1")


TESTS = [("A page's fault is noticed, of every kind", notices_page_faults)]
