"""The page in examples/web, in headless Chromium: its numbers are those of ONNX Runtime and of Pillow.

`make web-test` installs what it needs and runs it. The models are exported anew, and the page is built anew, each time.
"""

import base64
import contextlib
import fcntl
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from kerasconv.cli import images

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install '.[web]'")

WEB = pathlib.Path(__file__).parents[2] / "examples" / "web"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Chromium's own services look for hosts of theirs when it starts. This keeps the browser to itself.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
RUNTIME = {"rtol": 1e-5, "atol": 1e-5}

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: apt-get install chromium"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is missing, whose npm builds the page"),
]


# The page, built and served


def npm(*arguments):
    subprocess.run(["npm", *arguments], cwd=WEB, check=True, stdout=subprocess.PIPE)


def install():
    """Installs the page's packages, unless they are there."""
    lock, modules = WEB / "package-lock.json", WEB / "node_modules"
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another test process may be at it
        if not modules.exists() or modules.stat().st_mtime < lock.stat().st_mtime:
            npm("ci")
            modules.touch()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "site"
    install()
    npm("run", "build", "--", str(folder))
    script = [sys.executable, WEB / "export_models.py", "--output", folder / "models"]
    subprocess.run(script, check=True, stdout=subprocess.PIPE)
    return folder


@contextlib.contextmanager
def serving(folder):
    """Serves a folder with Python's own server, on a port that is free."""
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            port = re.search(r"port (\d+)", server.stdout.readline()).group(1)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def url(site):
    with serving(site) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


# A visit


class Visit:
    """A person at the page, who also sees what it asks for and what it complains about."""

    def __init__(self, page, url):
        self.page, self.requests, self.complaints = page, [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.goto(url)
        self.settle()

    def settle(self, runs=0):
        """Waits until the page has nothing more to do, and models ran this often."""
        state = "[window.kerasconv?.runs ?? 0, document.querySelector('#results').ariaBusy]"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done, busy = self.page.evaluate(state)
            if done >= runs and busy == "false":
                return
            time.sleep(0.02)
        raise TimeoutError(f"The page ran {done} models for {runs}, busy: {busy}; it says: {self.error()!r}")

    @contextlib.contextmanager
    def running(self):
        """Waits until what is done inside has made a model run."""
        runs = self.page.evaluate("kerasconv.runs")
        yield
        self.settle(runs + 1)

    def turn_to_digits(self):
        self.page.get_by_text("Digit classifier").click()
        self.settle()

    def choose(self, path):
        self.page.set_input_files("#file", path)

    def tensor(self, key):
        """The input or the output of the last run."""
        dims, data = self.page.evaluate(f"[[...kerasconv.lastRun.{key}.dims], {BASE64}(kerasconv.lastRun.{key}.data)]")
        return np.frombuffer(base64.b64decode(data), "float32").reshape(dims)

    def picture(self, selector):
        """What a canvas shows."""
        script = f"canvas => [canvas.height, canvas.width, {BASE64}({PIXELS})]"
        height, width, data = self.page.locator(selector).evaluate(script)
        return np.frombuffer(base64.b64decode(data), "uint8").reshape(height, width, 4)

    def filters_shown(self):
        return self.page.locator("#maps canvas[data-filter]").evaluate_all("all => all.map(c => c.dataset.filter)")

    def status(self):
        return self.page.inner_text("#status")

    def error(self):
        return self.page.inner_text("#error")


PIXELS = "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
BASE64 = """(array => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let text = "";
    for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return btoa(text);
})"""


@pytest.fixture
def visit(browser, url):
    with browser.new_context() as context:
        yield Visit(context.new_page(), url)


@pytest.fixture
def noise(tmp_path):
    """Writes a PNG of random pixels."""

    def write(height, width):
        pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), "uint8")
        Image.fromarray(pixels).save(tmp_path / "noise.png")
        return tmp_path / "noise.png"

    return write


def runtime(site, file, x):
    """What ONNX Runtime makes of an input."""
    session = onnxruntime.InferenceSession(site / "models" / file, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def prepared(path, height, width, channels, *, invert=False):
    """What Pillow makes of an image: shrunk row by row, then column by column, then grey."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    image = Image.fromarray(255 - pixels if invert else pixels)
    for size in ((width, image.height), (width, height)):
        image = image.resize(size, Image.Resampling.BILINEAR)
    mode = "L" if channels == 1 else "RGB"
    return np.asarray(image.convert(mode), "float32").reshape(height, width, channels) / 255


# The numbers


@pytest.mark.parametrize(("channels", "file"), [(1, "filter_bank.onnx"), (3, "filter_bank_rgb.onnx")])
@pytest.mark.parametrize("photograph", ["Temple", "Flower"])
def test_filters_equal_onnx_runtime(visit, site, photograph, channels, file):
    with visit.running():
        visit.page.select_option("#side", "320")
    if channels == 3:
        with visit.running():
            visit.page.get_by_label("Colours").check()
    with visit.running():
        visit.page.get_by_role("button", name=photograph).click()
    x, y = visit.tensor("input"), visit.tensor("output")
    assert visit.page.evaluate("kerasconv.lastRun.model") == file
    assert x.shape == (1, 214, 320, channels)
    assert y.shape == (1, 214, 320, 11 * channels)
    assert x.std() > 0.1
    np.testing.assert_allclose(y, runtime(site, file, x), **RUNTIME)


def test_a_photograph_of_the_models_own_size_is_as_kerasconv_run_reads_it(visit, site):
    path = site / "models" / "china.png"
    x, y = visit.tensor("input"), visit.tensor("output")
    np.testing.assert_array_equal(x[0], images.fit(images.read(path), (None, None, None, 1)))
    np.testing.assert_allclose(y, runtime(site, "filter_bank.onnx", x), **RUNTIME)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("size", "shown"), [((47, 61), (47, 61)), ((701, 333), (320, 152)), ((150, 799), (60, 320))], ids=str
)
def test_photographs_are_prepared_as_pillow_does(visit, noise, channels, size, shown):
    """To the last bit, with and without shrinking."""
    photograph = noise(*size)
    with visit.running():
        visit.page.select_option("#side", "320")
    if channels == 3:
        with visit.running():
            visit.page.get_by_label("Colours").check()
    with visit.running():
        visit.choose(photograph)
    x = visit.tensor("input")[0]
    np.testing.assert_array_equal(x, prepared(photograph, *shown, channels))
    # Pillow 13 shrinks by columns first where that is quicker, which may round to the next grey.
    np.testing.assert_allclose(x, images.fit(images.read(photograph), (None, *shown, channels)), atol=1.01 / 255)


@pytest.mark.parametrize("size", [(8, 8), (31, 50), (5, 3)], ids=str)
def test_pictures_of_digits_are_prepared_as_pillow_does(visit, noise, size):
    picture = noise(*size)
    visit.turn_to_digits()
    with visit.running():
        visit.choose(picture)
    np.testing.assert_array_equal(visit.tensor("input")[0], prepared(picture, 8, 8, 1))
    visit.page.get_by_label("dark on a light ground").check()
    with visit.running():
        visit.choose(picture)
    np.testing.assert_array_equal(visit.tensor("input")[0], prepared(picture, 8, 8, 1, invert=True))


def test_transparent_is_white(visit, tmp_path):
    pixels = np.zeros((2, 3, 4), "uint8")
    pixels[0] = 0, 0, 0, 255
    Image.fromarray(pixels).save(tmp_path / "half.png")
    with visit.running():
        visit.choose(tmp_path / "half.png")
    np.testing.assert_array_equal(visit.tensor("input")[0, :, :, 0], [[0, 0, 0], [1, 1, 1]])


def test_photographs_stand_upright(visit, tmp_path):
    """A camera that was turned says so; the browser turns the picture back."""
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right-hand side
    pixels = np.uint8([[10, 20, 30], [40, 50, 60]])
    Image.fromarray(pixels).convert("RGB").save(tmp_path / "turned.png", exif=exif)
    with visit.running():
        visit.choose(tmp_path / "turned.png")
    np.testing.assert_array_equal(visit.tensor("input")[0, :, :, 0], np.rot90(pixels, -1) / np.float32(255))


def test_digits_equal_onnx_runtime_and_are_right(visit, site):
    """On twenty digits that the network was not trained on."""
    visit.turn_to_digits()
    listed = json.loads((site / "models" / "models.json").read_text())["digits"]
    assert [digit["label"] for digit in listed] == sorted([*range(10), *range(10)])
    right = 0
    for button, digit in zip(visit.page.locator("#digits button").all(), listed, strict=True):
        with visit.running():
            button.click()
        x, y = visit.tensor("input"), visit.tensor("output")
        np.testing.assert_array_equal(x[0], images.read(site / "models" / digit["file"])[:, :, :1])
        np.testing.assert_allclose(y, runtime(site, "digits.onnx", x), **RUNTIME)
        best = int(y.argmax())
        assert visit.page.locator("#scores .best .digit").inner_text() == str(best)
        assert visit.page.locator("#scores .percent").all_inner_texts() == [f"{100 * score:.1f}%" for score in y[0]]
        assert visit.status() == f"This looks like a {best} ({100 * y.max():.1f}%)."
        right += best == digit["label"]
    assert right >= 18


# What a person sees and does


def test_maps_are_drawn_as_the_command_line_draws_them(visit, site):
    listed = [entry["name"] for entry in json.loads((site / "models" / "models.json").read_text())["filters"]]
    y = visit.tensor("output")[0]
    for name in ("sobel_vertical", "sharpen"):
        drawn = visit.picture(f"canvas[data-filter={name}]")
        at = listed.index(name)
        expected = images.montage(y[:, :, at : at + 1])
        for channel in range(3):
            np.testing.assert_allclose(drawn[:, :, channel], expected, atol=1)
    visit.page.select_option("#shades", "signed")
    x = y[:, :, listed.index("laplacian")]
    drawn = visit.picture("canvas[data-filter=laplacian]")[:, :, 0]
    assert (drawn[x > 0.01] > 127).all()
    assert (drawn[x < -0.01] < 128).all()


def test_colours_are_drawn_from_their_own_maps(visit):
    with visit.running():
        visit.page.select_option("#side", "320")
    with visit.running():
        visit.page.get_by_label("Colours").check()
    blurred = visit.tensor("output")[0, :, :, 8::11]  # gaussian_blur of red, green and blue
    drawn = visit.picture("canvas[data-filter=gaussian_blur]")[:, :, :3]
    white = np.percentile(blurred, 99.5)
    np.testing.assert_allclose(drawn, np.clip(255 * blurred / white, 0, 255), atol=1)


def test_filters_are_picked(visit):
    page = visit.page
    at_first = ["sobel_vertical", "sobel_horizontal", "laplacian", "gaussian_blur", "sharpen", "emboss"]
    assert visit.filters_shown() == at_first
    page.get_by_label("Sobel vertical").uncheck()
    assert visit.filters_shown() == at_first[1:]
    page.get_by_role("button", name="All").click()
    assert len(visit.filters_shown()) == 11
    page.get_by_role("button", name="None").click()
    assert visit.filters_shown() == []
    page.get_by_label("Emboss").check()
    assert visit.filters_shown() == ["emboss"]
    numbers = page.get_by_role("table", name="Kernel of emboss").locator("td").all_inner_texts()
    assert [int(number.replace("\N{MINUS SIGN}", "-")) for number in numbers] == [-2, -1, 0, -1, 1, 1, 0, 1, 2]


def draw(visit, *points):
    """One stroke by mouse, between points of a pad of 256 x 256."""
    pad = visit.page.locator("#pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    places = [(box["x"] + x * box["width"] / 256, box["y"] + y * box["height"] / 256) for x, y in points]
    visit.page.mouse.move(*places[0])
    visit.page.mouse.down()
    for place in places[1:]:
        visit.page.mouse.move(*place, steps=5)
    visit.page.mouse.up()


def test_a_digit_is_drawn(visit, site):
    visit.turn_to_digits()
    three = (80, 60), (150, 45), (190, 80), (170, 120), (120, 130), (180, 150), (190, 190), (140, 225), (75, 200)
    with visit.running():
        draw(visit, *three)
    x, y = visit.tensor("input"), visit.tensor("output")
    assert (x * 16 == (x * 16).round()).all()
    assert x.max() == 1
    np.testing.assert_allclose(y, runtime(site, "digits.onnx", x), **RUNTIME)
    assert y.argmax() == 3
    np.testing.assert_allclose(visit.picture("#seen")[:, :, 0], 255 * x[0, :, :, 0], atol=1)
    visit.page.get_by_role("button", name="Clear").click()
    assert visit.status() == "Draw a digit, or choose one."
    assert not visit.picture("#pad").any()
    assert not visit.picture("#seen").any()


def test_a_digit_is_drawn_by_keyboard_alone(visit):
    page = visit.page
    page.focus("#choose-filters")
    page.keyboard.press("ArrowRight")
    visit.settle()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "pad"
    with visit.running():
        for key in ["Space", *["ArrowDown"] * 20, "Space"]:
            page.keyboard.press(key)
    x = visit.tensor("input")[0, :, :, 0]
    assert x[:, :3].sum() == x[:, 5:].sum() == 0
    assert (x[1:7, 3:5] > 0).all()
    page.keyboard.press("Delete")
    visit.settle()
    assert visit.status() == "Draw a digit, or choose one."


def drop(visit, name, content):
    """Drops a file on the page."""
    data = base64.b64encode(content).decode()
    script = """([name, data]) => {
        const files = new DataTransfer();
        files.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], name));
        return files;
    }"""
    transfer = visit.page.evaluate_handle(script, [name, data])
    visit.page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def test_what_is_no_image_is_an_error(visit, noise):
    picture = noise(20, 30).read_bytes()
    before = visit.tensor("input")
    for name, content in (("notes.txt", b"no image"), ("cut.png", picture[:60]), ("empty.png", b"")):
        drop(visit, name, content)
        visit.settle()
        visit.page.wait_for_selector("#error:visible")
        assert visit.error() == (
            f"“{name}” is not an image that this browser can read. Choose a PNG, JPEG or WebP file."
        )
        np.testing.assert_array_equal(visit.tensor("input"), before)
    with visit.running():
        drop(visit, "noise.png", picture)
    assert visit.tensor("input").shape == (1, 20, 30, 1)
    assert visit.page.locator("#error").is_hidden()
    visit.page.dispatch_event("#drop", "drop", {"dataTransfer": visit.page.evaluate_handle("new DataTransfer()")})
    assert visit.error() == "That is not a file. Drop an image file."


@pytest.mark.parametrize("lacking", ["models.json", "filter_bank.onnx"])
def test_a_missing_model_is_an_error(browser, site, tmp_path, lacking):
    shutil.copytree(site, tmp_path / "site", ignore=shutil.ignore_patterns(lacking))
    with serving(tmp_path / "site") as url, browser.new_context() as context:
        visit = Visit(context.new_page(), url)
        assert visit.error() == (
            f"models/{lacking} is missing: the server answers 404. "
            "Run “make web”, which exports the models and builds the page."
        )


def test_a_broken_model_is_an_error(browser, site, tmp_path):
    shutil.copytree(site, tmp_path / "site")
    model = tmp_path / "site" / "models" / "digits.onnx"
    model.write_bytes(model.read_bytes()[:1000])
    with serving(tmp_path / "site") as url, browser.new_context() as context:
        visit = Visit(context.new_page(), url)
        visit.turn_to_digits()
        visit.page.locator("#digits button").first.click()
        visit.page.wait_for_selector("#error:visible")
        assert visit.error().startswith("models/digits.onnx is no model that onnxruntime-web can run: ")


def test_it_stays_at_home_and_has_nothing_to_complain_of(visit, url):
    page = visit.page
    with visit.running():
        page.get_by_role("button", name="Flower").click()
    with visit.running():
        page.get_by_label("Colours").check()
    visit.turn_to_digits()
    with visit.running():
        page.locator("#digits button").last.click()
    asked_for = {address.removeprefix(url) for address in visit.requests}
    assert {
        "",
        "main.js",
        "ort-wasm-simd-threaded.wasm",
        "models/filter_bank_rgb.onnx",
        "models/digits.onnx",
    } <= asked_for
    assert [address for address in visit.requests if not address.startswith(url)] == []
    assert visit.complaints == []


@pytest.mark.parametrize("obeyed", [True, False])
def test_the_page_may_ask_no_other_server(browser, url, obeyed):
    """Its policy forbids it; with the policy switched off the same request goes through."""
    elsewhere = url.replace("127.0.0.1", "localhost")
    ask = f"fetch({elsewhere!r}, {{mode: 'no-cors'}}).then(() => 'answered', () => 'refused')"
    with browser.new_context(bypass_csp=not obeyed) as context:
        assert Visit(context.new_page(), url).page.evaluate(ask) == ("refused" if obeyed else "answered")


# Everybody can use it


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_is_accessible_and_fits(browser, url, width, scheme):
    """axe-core finds nothing wrong (names, labels, contrast), and nothing needs scrolling sideways."""
    axe = (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text()
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        visit = Visit(context.new_page(), url)
        visit.page.evaluate(axe)
        for half in ("filters", "digits"):
            if half == "digits":
                visit.turn_to_digits()
            drop(visit, "notes.txt", b"no image")  # the error shall be readable, too
            visit.page.wait_for_selector("#error:visible")
            found = visit.page.evaluate("axe.run()")
            assert found["passes"]
            assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]] == []
            assert visit.page.evaluate("document.documentElement.scrollWidth") == width
