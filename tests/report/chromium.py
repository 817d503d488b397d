"""Chromium without a window, by the DevTools protocol through a pipe: nothing but Python's standard library."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

# More than anything here takes on a slow machine.
PATIENCE_S = 60

NAMES = ["chromium", "chromium-browser", "google-chrome"]
KEYS = {
    "Tab": {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Delete": {"key": "Delete", "code": "Delete", "windowsVirtualKeyCode": 46},
    "Space": {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32, "text": " "},
}


class Browser:
    """A process of Chromium with a profile of its own."""

    def __init__(self, profile):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            raise FileNotFoundError("there is no chromium (apt-get install chromium)")
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        # Out of the way of 3 and 4, which the browser reads and writes.
        to_browser, from_browser = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser))
        arguments = [
            "--headless=new",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--force-color-profile=srgb",
        ]
        if os.geteuid() == 0:
            # Its sandbox refuses root, and containers have no other user.
            arguments.append("--no-sandbox")

        def attach():
            os.dup2(to_browser, 3)
            os.dup2(from_browser, 4)

        self.log = open(profile / "stderr.txt", "w+")
        self.process = subprocess.Popen(
            [program, *arguments, "about:blank"],
            preexec_fn=attach,
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.ours_in, self.ours_out = ours_in, ours_out
        self.rest = b""
        self.last_id = 0
        self.pages = {}

    def send(self, method, parameters, session):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.ours_out, data) :]
        return self.last_id

    def receive(self, deadline):
        """The next message; None when time is over."""
        while b"\0" not in self.rest:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([self.ours_in], [], [], left_s)[0]:
                return None
            data = os.read(self.ours_in, 1 << 20)
            if not data:
                self.log.seek(0)
                raise ChildProcessError(f"chromium ended: {self.log.read()[-2000:]}")
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        wanted = self.send(method, parameters, session)
        deadline = time.monotonic() + PATIENCE_S
        while (message := self.receive(deadline)) is not None:
            if message.get("id") == wanted:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.take(message)
        raise TimeoutError(f"{method} was not answered in {PATIENCE_S} s")

    def take(self, message):
        page = self.pages.get(message.get("sessionId"))
        if page is not None and "method" in message:
            page.take(message["method"], message["params"])

    def close(self):
        try:
            self.send("Browser.close", {}, None)
            self.process.wait(PATIENCE_S)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        for end in (self.ours_in, self.ours_out):
            os.close(end)
        self.log.close()


class Page:
    """A tab, and what it asked for and complained of since it was opened."""

    def __init__(self, browser):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        self.requests, self.complaints, self.dialogs, self.is_loaded = [], [], [], False
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def take(self, method, parameters):
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            words = [word.get("value", word.get("description")) for word in parameters["args"]]
            self.complaints.append(f"console.{parameters['type']}: {words}")
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", details).get("description", details["text"]))
        elif method == "Log.entryAdded":
            self.complaints.append(f"{parameters['entry']['level']}: {parameters['entry']['text']}")
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(parameters["message"])
            self.browser.send("Page.handleJavaScriptDialog", {"accept": True}, self.session)
        elif method == "Page.loadEventFired":
            self.is_loaded = True

    def open(self, url):
        self.is_loaded = False
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE_S
        while not self.is_loaded:
            message = self.browser.receive(deadline)
            if message is None:
                raise TimeoutError(f"{url} was not loaded in {PATIENCE_S} s")
            self.browser.take(message)

    def close(self):
        del self.browser.pages[self.session]
        self.browser.call("Target.closeTarget", targetId=self.target)

    def evaluate(self, expression):
        """The value of a JavaScript expression, a promise's when it is kept."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait_for(self, expression):
        deadline = time.monotonic() + PATIENCE_S
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"this did not become true: {expression}")
            time.sleep(0.02)

    def set_size(self, width, height, scale=1, is_phone=False):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=is_phone
        )

    def set_media(self, scheme="light", medium=""):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=medium, features=features)

    def set_script(self, is_on):
        self.call("Emulation.setScriptExecutionDisabled", value=not is_on)

    def place(self, expression):
        """The middle of an element in the window, scrolled to where it can be seen."""
        return self.evaluate(
            f"""(async () => {{
                const element = {expression};
                element.scrollIntoView({{ block: "center", behavior: "instant" }});
                // Until those that listen have heard of it.
                await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
                const box = element.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, expression):
        x, y = self.place(expression)
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def press(self, name):
        key = KEYS[name]
        self.call("Input.dispatchKeyEvent", type="keyDown", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **{name: key[name] for name in key if name != "text"})

    def type(self, text):
        self.call("Input.insertText", text=text)

    def screenshot(self, path, box):
        """A picture of a part of the page: left, top, width and height."""
        clip = dict(zip(("x", "y", "width", "height"), box), scale=1)
        shot = self.call(
            "Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True, optimizeForSpeed=True
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
