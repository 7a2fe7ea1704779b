#!/usr/bin/env python3
"""The dashboard in Debian's chromium, as a person uses it.

    run.py --service PROGRAM [--only PATTERN] [--screenshots FOLDER]

Every test fails on what the console or the content security policy complains of, whatever else it looks at.
"""

import argparse
import re
import sys
import tempfile
import time
import traceback
from pathlib import Path

import curves_test
import faults
import limits
import looks
import map_test
import times
from browser import Browser
from journey import Journey
from pictures import Pictures
from service import Service


class Report:
    def __init__(self, only: str):
        self.only, self.failed, self.passed, self.browser = only, [], 0, None

    def run(self, name: str, test, *arguments):
        """Runs one test; a page's complaint is a failure too."""
        if not re.search(self.only, name):
            return
        started = time.monotonic()
        if self.browser:
            self.browser.allowed.clear()
        try:
            test(*arguments)
            if self.browser and (fault := self.browser.fault()):
                raise AssertionError(f"The page complained:\n{fault}")
        except Exception:
            self.failed.append(name)
            traceback.print_exc()
            self.keep_picture(name)
            if self.browser:
                self.browser.fault()
            print(f"FAILED {name}", flush=True)
            return
        self.passed += 1
        print(f"ok {name} ({time.monotonic() - started:.1f} s)", flush=True)

    def run_where(self, possible: bool, reason: str, name: str, test, *arguments):
        if possible:
            self.run(name, test, *arguments)
        elif re.search(self.only, name):
            print(f"SKIPPED {name}: {reason}", flush=True)

    def run_all(self, tests) -> bool:
        """Tests that build on each other: after a failure the rest is not run, and that is said. Whether all passed."""
        for k, (name, test) in enumerate(tests):
            before = len(self.failed)
            self.run(name, test)
            if len(self.failed) > before:
                for skipped, _ in tests[k + 1:]:
                    print(f"NOT RUN {skipped}", flush=True)
                return False
        return True

    def keep_picture(self, name: str):
        if not self.browser:
            return
        path = Path(tempfile.gettempdir()) / f"byol-browser-{len(self.failed)}.png"
        self.browser.driver.save_screenshot(str(path))
        print(f"  what was seen: {path}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", type=Path, required=True, help="the program byol")
    parser.add_argument("--only", default="", help="tests whose name has this pattern")
    parser.add_argument("--screenshots", type=Path, help="a folder for a picture of every page")
    choices = parser.parse_args()
    report = Report(choices.only)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="byol-browser-") as folder:
        work = Path(folder)
        # What else the machine does must not starve the training.
        flags = ["--niceness", "0", "--threads", "2"]
        with Service(choices.service, work / "data", *flags) as service, Browser(service.address) as browser:
            report.browser = browser
            for name, test in faults.TESTS + limits.TESTS:
                report.run(name, test, browser, service)
            journey = Journey(browser, service, Pictures(work))
            if report.run_all(journey.tests()):
                for name, test in looks.TESTS + times.TESTS:
                    report.run(name, test, browser, service)
                if choices.screenshots:
                    report.run("Pictures of every page are taken", looks.take_pictures, browser, service,
                        choices.screenshots)
                report.run_all(faults.Faults(browser, service, journey).tests() + journey.last_tests())
            browser.open()
            for name, test in curves_test.TESTS + map_test.TESTS:
                report.run(name, test, browser)
            report.browser = None
            report.run("Without JavaScript a person reads what to do", faults.without_javascript, service)
        report.run("A service with keys asks for one, and forgets one that was revoked",
            faults.keys, choices.service, work / "with-keys")
        report.run_where(faults.may_mount(), "this system lets no user mount a file system",
            "A full disk: the page says so, and nothing is kept of the upload",
            faults.full_disk, choices.service, work, journey.pictures)
    print(f"browser: {report.passed} passed, {len(report.failed)} failed in {time.monotonic() - started:.0f} s")
    for name in report.failed:
        print(f"browser: FAILED {name}", file=sys.stderr)
    return 1 if report.failed or report.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
