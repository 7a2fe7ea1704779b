"""A browser that is used as a person uses it, by what is written on buttons and beside fields.

It remembers what it complained of.
"""

import re
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By

PATIENCE = 20
# Told of before any script of a page runs. What a page logs itself comes with the driver's log.
WATCH = """
window.reported = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.reported.push(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
window.longest = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest.push(entry.duration);
}).observe({ type: "longtask", buffered: true });
"""
# Visible elements of a kind whose words contain a text; the shortest are the closest to it.
FIND = """
const [selector, text] = arguments;
const shown = (node) => node.checkVisibility({ checkOpacity: false }) && !node.closest("[inert]");
const words = (node) => (node.getAttribute("aria-label") ?? node.textContent).replace(/\\s+/g, " ").trim();
const found = [...document.querySelectorAll(selector)].filter((node) => shown(node) && words(node).includes(text));
return found.sort((a, b) => words(a).length - words(b).length)[0] ?? null;
"""
# The control of a label, by `for` or around it, shown or not (a chooser of files is hidden behind its label).
LABELLED = """
const text = arguments[0];
const words = (node) => node.textContent.replace(/\\s+/g, " ").trim();
const labels = [...document.querySelectorAll("label")].filter((label) => label.control
    && words(label).startsWith(text));
const best = labels.sort((a, b) => words(a).length - words(b).length)[0];
return best?.control ?? document.querySelector(`[aria-label="${text}"]`);
"""


class Browser:
    def __init__(self, address: str, javascript: bool = True):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in (
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--force-color-profile=srgb",
            # WebGL by the processor: machines of continuous integration have no graphics card.
            "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-accelerated-2d-canvas",
            "--window-size=1280,900", "--lang=en-GB",
        ):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not javascript:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(options=options, service=Driver("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(120)
        self.address = address
        self.allowed: list[str] = []
        self.complaints: list[str] = []
        if javascript:
            self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def open(self, route: str = "", width: int = 1280, height: int = 900):
        self.resize(width, height)
        self.driver.get(f"{self.address}/{route}")

    def resize(self, width: int, height: int = 900):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def load(self, route: str = "", width: int = 1280):
        """Opens a page anew. A change of the part behind # alone would load nothing."""
        self.open(route, width)
        self.driver.refresh()

    def go(self, route: str):
        """Changes the route without loading the page again."""
        self.driver.execute_script("location.hash = arguments[0]", route)

    def script(self, text: str, *arguments):
        return self.driver.execute_script(text, *arguments)

    def promise(self, text: str, *arguments):
        """The value of a promise, an expression of `arguments`."""
        value = self.driver.execute_async_script(
            f"const done = arguments[arguments.length - 1]; ({text})"
            ".then((value) => done({ value }), (error) => done({ error: String(error?.stack ?? error) }))", *arguments)
        if "error" in value:
            raise AssertionError(value["error"])
        return value["value"]

    # What a person sees and does.

    def until(self, what: str, condition, seconds: float = PATIENCE):
        """The first true value of a condition; what it was waited for is said when it does not come."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {seconds} s.")
            time.sleep(0.05)

    def see(self, text: str, selector: str = "body", seconds: float = PATIENCE):
        return self.until(f"“{text}” is seen", lambda: self.script(FIND, selector, text), seconds)

    def unseen(self, text: str, selector: str, seconds: float = PATIENCE):
        return self.until(f"“{text}” is gone", lambda: not self.script(FIND, selector, text), seconds)

    def control(self, label: str):
        return self.until(f"A field is labelled “{label}”", lambda: self.script(LABELLED, label))

    def click(self, text: str, selector: str = "button, a, summary, [role=button]", seconds: float = PATIENCE):
        node = self.until(
            f"“{text}” can be clicked",
            lambda: (found := self.script(FIND, selector, text)) and found.is_enabled() and found, seconds)
        self.script("arguments[0].scrollIntoView({ block: 'center' })", node)
        node.click()

    def fill(self, label: str, value: str):
        node = self.control(label)
        node.clear()
        node.send_keys(value)

    def choose(self, label: str, text: str):
        node = self.control(label)
        self.until(f"“{text}” can be chosen as {label}", lambda: self.script("""
            const [select, text] = arguments;
            const option = [...select.options].find((option) => option.textContent.includes(text));
            if (!option || select.disabled) return false;
            select.value = option.value;
            select.dispatchEvent(new Event("input", { bubbles: true }));
            select.dispatchEvent(new Event("change", { bubbles: true }));
            return true;""", node, text))

    def send_files(self, label: str, *files):
        self.control(label).send_keys("\n".join(str(file) for file in files))

    def drop(self, selector: str, *files):
        """Drops files as a file manager would, on the first element of a selector."""
        carrier = self.script("""
            const input = document.createElement("input");
            input.type = "file";
            input.multiple = true;
            document.body.append(input);
            return input;""")
        carrier.send_keys("\n".join(str(file) for file in files))
        self.script("""
            const [selector, input] = arguments;
            const dataTransfer = new DataTransfer();
            for (const file of input.files) dataTransfer.items.add(file);
            input.remove();
            const node = document.querySelector(selector);
            for (const kind of ["dragenter", "dragover", "drop"]) {
              node.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
            }""", selector, carrier)

    def count(self, selector: str) -> int:
        return len(self.driver.find_elements("css selector", selector))

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    # What the page complained of.

    def collect(self):
        """Takes in what the console and the content security policy said since the last time."""
        for entry in self.driver.get_log("browser"):
            if entry["level"] in ("WARNING", "SEVERE"):
                self.complaints.append(f"{entry['level']}: {entry['message']}")
        self.complaints += self.script("return (window.reported ?? []).splice(0)") or []

    def allow(self, pattern: str):
        """A complaint that a test provokes: what the console says of a refused request, say."""
        self.allowed.append(pattern)

    def fault(self) -> str | None:
        """What it complained of without leave; then it is forgotten."""
        self.collect()
        bad = [line for line in self.complaints if not any(re.search(pattern, line) for pattern in self.allowed)]
        self.complaints.clear()
        return "\n".join(bad) or None
