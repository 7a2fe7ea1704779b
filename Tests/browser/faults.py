"""What goes wrong, and what a person sees of it. First of all: that these tests notice what goes wrong with a page."""

from browser import Browser

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


TESTS = [("A page's fault is noticed, of every kind", notices_page_faults)]
