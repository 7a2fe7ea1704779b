"""The whole way of a person's pictures: from the upload through a run to search and map, and away again."""

import json
import struct
import time
import urllib.request

from pictures import Pictures

SECONDS_TO_TRAIN = 90
SECONDS_TO_JUDGE = 60


def tensors_of(model: bytes) -> tuple[dict, int]:
    """What the head of a safetensors file says of its tensors, and where it ends."""
    end = 8 + struct.unpack("<Q", model[:8])[0]
    tensors = json.loads(model[8:end])
    del tensors["__metadata__"]
    return tensors, end


def with_other_name(model: bytes, old: str, new: str) -> bytes:
    """A safetensors file as another program's, with one tensor under another name."""
    tensors, end = tensors_of(model)
    tensors[new] = tensors.pop(old)
    head = json.dumps(tensors).encode()
    return struct.pack("<Q", len(head)) + head + model[end:]


class Journey:
    def __init__(self, browser, service, pictures: Pictures):
        self.browser, self.service, self.pictures = browser, service, pictures
        self.run = None

    def tests(self):
        return [
            ("An archive is uploaded, and its report says what was rejected", self.uploads),
            ("A dataset is browsed by label, and renamed", self.browses),
            ("Pictures without an archive become a dataset, with their names", self.uploads_files),
            ("A run is started, its curves move, it is stopped and goes on", self.trains),
            ("A run's model is evaluated", self.evaluates),
            ("A picture becomes a vector", self.embeds),
            ("A model is uploaded, judged, named and removed; one that does not fit is explained", self.models),
            ("An index is made", self.indexes),
            ("A picture finds others like it, and one that was found finds more", self.searches),
            ("Two models are asked the same", self.compares),
            ("An index is seen as a map: colours, hover, lasso, keys", self.maps),
        ]

    def last_tests(self):
        return [("Index, run and dataset are deleted", self.deletes)]

    # Datasets.

    def uploads(self):
        browser = self.browser
        browser.open("#/datasets")
        browser.see("There is no dataset yet")
        browser.drop("#main", self.pictures.archive)
        browser.see("An archive", "form p")
        assert browser.control("Name").get_attribute("value") == "drawn", "The archive's name is not offered"
        browser.fill("Name", "Drawn shapes")
        browser.click("Upload", "button[type=submit]")
        browser.see("Drawn shapes", "h1")
        browser.see(f"{self.pictures.admitted} pictures admitted, 2 rejected", "#toast")
        browser.see(f"2 pictures rejected of {self.pictures.admitted + 2}", "h2")
        for group in browser.driver.find_elements("css selector", ".report details:not([open]) > summary"):
            group.click()
        browser.see("cut off.png", "li")
        browser.see("read me.txt", "li")
        copies = browser.see("1 copy", "h2").find_element("xpath", "..")
        browser.until("The copy is shown beside its original",
            lambda: len(copies.find_elements("css selector", ".group img")) == 2)

    def browses(self):
        browser = self.browser
        browser.choose("Label", "rings")
        browser.until("Only rings are shown", lambda: browser.script("""
            const names = [...document.querySelectorAll(".picture-grid button")].map((node) => node.title);
            return names.length > 0 && names.every((name) => name.includes("rings/"));"""))
        browser.click("More pictures")
        browser.see("that is all of them", "p")
        shown = browser.script("return document.querySelectorAll('.picture-grid img').length")
        assert shown == 61, f"{shown} rings are shown"
        browser.click("rings 005", ".picture-grid button")
        browser.see("32 × 32 pixels", "dialog p")
        browser.click("Close", "dialog button")
        browser.click("Rename")
        browser.fill("Name", "Shapes")
        browser.click("Save", "dialog button")
        browser.see("Shapes", "h1")
        assert self.service.get("/v1/datasets")["data"][0]["name"] == "Shapes"

    def uploads_files(self):
        browser = self.browser
        browser.open("#/datasets")
        browser.see("Shapes", ".card-name")
        browser.drop(".upload-drop", *self.pictures.named, self.pictures.folder / "read me.txt")
        browser.see("2 pictures without labels", "form p")
        browser.see("1 other file will be left out", "summary")
        browser.fill("Name", "Two files")
        browser.click("Upload", "button[type=submit]")
        browser.see("Two files", "h1")
        browser.see("2 pictures admitted. None was rejected.", "#toast")
        dataset = self.service.get("/v1/datasets")["data"][0]
        names = {image["name"] for image in self.service.get(f"/v1/datasets/{dataset['id']}/images")["data"]}
        assert names == {path.name for path in self.pictures.named}, f"The names became {names}"
        browser.click("Delete")
        browser.click("Delete", "dialog button")
        browser.see("“Two files” was deleted.", "#toast")
        browser.unseen("Two files", ".card-name")

    # The run.

    def trains(self):
        browser = self.browser
        # Small pictures and many short updates: it learns next to nothing, and does not end before it is stopped.
        self.start_run("A short run", {"Batch size": "16", "Epochs": "300"})
        self.run = self.service.get("/v1/runs")["data"][0]["id"]
        browser.see("Running", ".badge", SECONDS_TO_TRAIN)
        self.curves_move(SECONDS_TO_TRAIN)
        browser.click("Stop")
        browser.see("Stopped", ".badge", 40)
        browser.until("A checkpoint is listed", lambda: browser.driver.find_elements("css selector", ".checkpoints li"))
        step = self.service.get(f"/v1/runs/{self.run}")["progress"]["step"]
        browser.click("Go on")
        browser.see("Running", ".badge", 40)
        browser.until("It goes on from where it was",
            lambda: self.service.get(f"/v1/runs/{self.run}")["progress"]["step"] > step, 60)
        browser.click("Stop")
        browser.see("Stopped", ".badge", 40)

    def start_run(self, name: str, fields: dict[str, str], choices: dict[str, str] = {}):
        """A run of small views on "Shapes", with what is filled in and chosen besides."""
        browser = self.browser
        browser.open("#/new")
        browser.choose("Pictures", "Shapes")
        browser.fill("Name", name)
        browser.click("The loss", "summary")
        for label, value in choices.items():
            browser.choose(label, value)
        for label, value in ({"How many minutes do you have?": "0", "Side of the views": "16"} | fields).items():
            browser.fill(label, value)
        browser.click("Start training", seconds=40)
        browser.see(name, "h1")

    def delete_this(self):
        """Deletes what the page is about."""
        self.browser.click("Delete", "main button")
        self.browser.click("Delete", "dialog button")

    def curves_move(self, seconds):
        """Charts are canvases: their pixels change when a point comes."""
        browser = self.browser
        look = """
            const charts = [...document.querySelectorAll("main canvas")].slice(0, 3);
            return charts.map((node) => node.toDataURL().length).join();"""
        browser.until("There are charts",
            lambda: browser.script("return document.querySelectorAll('main canvas').length"), seconds)
        before = browser.script(look)
        browser.until("The curves move", lambda: browser.script(look) != before, seconds)

    def evaluates(self):
        browser = self.browser
        browser.click("Evaluate the latest checkpoint")
        browser.see("Statistics of the pictures", "th", SECONDS_TO_JUDGE)

    def embeds(self):
        browser = self.browser
        browser.drop("#main", self.pictures.query)
        browser.see("components", ".vector", 30)

    # Models.

    def models(self):
        browser, service = self.browser, self.service
        files = {name: self.pictures.folder / f"{name}.safetensors" for name in ("own", "strange")}
        step = service.get(f"/v1/runs/{self.run}")["checkpoint"]["step"]
        address = f"{service.address}/v1/runs/{self.run}/checkpoints/{step}/model.safetensors"
        files["own"].write_bytes(urllib.request.urlopen(address, timeout=10).read())
        own = files["own"].read_bytes()
        files["strange"].write_bytes(with_other_name(own, "layer1.0.conv1.weight", "layer1.0.what"))
        # Another program's network has no embedding head: those tensors do not fit, nor the renamed one, and one is missing.
        strangers = sum(name.startswith("head.") for name in tensors_of(own)[0]) + 2
        browser.allow("422")
        browser.go("#/models")
        browser.see("A short run", ".model-card")
        browser.drop("#main", self.pictures.query)
        browser.see("one file whose name ends in .safetensors", ".reason")
        browser.send_files("Choose a safetensors file", files["strange"])
        browser.click("Upload", "button[type=submit]")
        browser.click(f"All {strangers}", "summary")
        browser.see("layer1.0.what", ".reason li")
        browser.send_files("Choose a safetensors file", files["own"])
        browser.fill("Name", "From elsewhere")
        browser.click("Upload", "button[type=submit]")
        browser.see("From elsewhere", "h1")
        browser.see("Mean, deviation", "dt")
        browser.click("Evaluate it")
        browser.see("The same network, random weights", "th", SECONDS_TO_JUDGE)
        browser.click("Give it a name")
        browser.fill("Name", "newest")
        browser.click("Save", "dialog button")
        browser.see("“newest” means this model now.", "#toast")
        browser.go("#/models")
        browser.see("an alias of From elsewhere", ".model-card")
        for name, answer in (("newest", "Take it away"), ("From elsewhere", "Delete")):
            browser.click(name, ".model-card")
            browser.see(name, "h1")
            browser.click("Delete", "main button")
            browser.click(answer, "dialog button")
            browser.see("Models", "h1")
            browser.unseen(name, ".model-card")
        assert [model["source"] for model in service.get("/v1/models")["data"]] == ["run"]

    # Search and map.

    def indexes(self, count: int = 1):
        browser = self.browser
        browser.go("#/search")
        browser.choose("Pictures", "Shapes")
        browser.click("Make the index")
        browser.until("The index is made", lambda: len([
            index for index in self.service.get("/v1/indexes")["data"] if index["state"] == "succeeded"]) == count, 60)
        browser.see("181 pictures", ".index-row")

    def searches(self):
        browser = self.browser
        started = time.monotonic()
        browser.send_files("Choose a picture", self.pictures.query)
        browser.see("181 pictures searched", ".result-column")
        assert time.monotonic() - started < 5, "A search took more than five seconds"
        assert browser.count(".found li") == 12
        scores = [float(node.text) for node in browser.driver.find_elements("css selector", ".found .score")]
        assert scores == sorted(scores, reverse=True), f"The nearest are not first: {scores}"
        browser.click("search with it", ".found button")
        browser.see("have the label", ".result-column p")
        browser.click("Find near copies")
        browser.until("Near copies are said", lambda: browser.script(
            "return /in \\d+ group|None:/.test(document.querySelector('#main').textContent)"))

    def compares(self):
        browser = self.browser
        self.indexes(2)
        browser.choose("Beside it", "A short run")
        browser.click("Compare both on")
        browser.see("precision@10", "p")
        browser.until("Both answer in pictures", lambda: browser.count(".compared-row") >= 2)
        browser.click("Search with picture", ".strip-pictures button")
        browser.until("Both models answer beside each other", lambda: len([
            node for node in browser.driver.find_elements("css selector", ".result-column")
            if node.is_displayed() and "searched in" in node.text]) == 2)

    def maps(self):
        browser = self.browser
        browser.go("#/map")
        browser.see("Arranged by neighbours", ".map-progress", 60)
        rows = browser.script("return [...document.querySelectorAll('.legend-name')].map((node) => node.textContent)")
        assert sorted(rows) == ["bars", "dots", "rings"], f"The legend has {rows}"
        painted = browser.promise("""
            new Promise((resolve) => {
              const canvas = document.querySelector(".map-canvas");
              const { scene } = document.querySelector(".map-box");
              scene.touch();
              requestAnimationFrame(() => {
                scene.draw();
                const pixels = new Uint8Array(4 * canvas.width * canvas.height);
                scene.gl.readPixels(0, 0, canvas.width, canvas.height, scene.gl.RGBA, scene.gl.UNSIGNED_BYTE, pixels);
                let painted = 0;
                for (let k = 3; k < pixels.length; k += 4) painted += pixels[k] > 0;
                resolve(painted);
              });
            })""")
        assert painted > 1000, f"Only {painted} pixels of the map are painted"
        browser.click("rings", ".legend-row")
        browser.see("61 pictures", "h2")
        browser.click("Clear")
        self.lasso()
        browser.choose("Colour by", "cluster")
        browser.see("cluster 10", ".legend-name")
        canvas = browser.driver.find_element("css selector", ".map-canvas")
        before = browser.script("return document.querySelector('.map-box').scene.view.scale")
        canvas.send_keys("+")
        after = browser.script("return document.querySelector('.map-box').scene.view.scale")
        assert after > before, "The key + does not zoom"
        canvas.send_keys("0")

    def lasso(self):
        """Around everything: all pictures are in the list."""
        browser = self.browser
        browser.click("Lasso")
        browser.script("""
            const canvas = document.querySelector(".map-canvas");
            canvas.setPointerCapture = () => {};
            const box = canvas.getBoundingClientRect();
            const at = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
              pointerId: 7, bubbles: true, clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
            at("pointerdown", 0.01, 0.01);
            for (const [x, y] of [[0.99, 0.01], [0.99, 0.99], [0.01, 0.99]]) at("pointermove", x, y);
            at("pointerup", 0.01, 0.99);""")
        browser.see("181 pictures", "h2")
        browser.click("Lasso")
        browser.click("Clear")

    def deletes(self):
        browser = self.browser
        browser.open("#/search")
        for left in (1, 0):
            browser.click("Delete the index")
            browser.click("Delete", "dialog button")
            browser.until("The index is gone", lambda: len(self.service.get("/v1/indexes")["data"]) == left)
            browser.until("It is gone from the page",
                lambda: browser.count(".index-row") == left)
        browser.go(f"#/runs/{self.run}")
        self.delete_this()
        browser.until("The run is gone", lambda: not self.service.get("/v1/runs")["data"])
        browser.see("Ready for a first run")
        browser.go("#/datasets")
        browser.click("Shapes", "a.card")
        self.delete_this()
        browser.see("There is no dataset yet")
        assert not self.service.get("/v1/datasets")["data"]
