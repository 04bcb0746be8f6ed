"""A headless Chromium for tests: pages, what they log, clicks, pictures. Talks the DevTools protocol."""

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from websocket import create_connection

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60  # seconds for something that will come; a limit for tests that fail


def installed() -> str | None:
    """The path of a Chromium, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One tab of a browser of its own."""

    def __init__(self, folder: Path) -> None:
        command = [
            installed() or "",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
        ]
        command += ["--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number = 0
        self.logged: list[str] = []  # errors and warnings of the console, exceptions, failed or attempted requests
        try:
            port = self._port(folder / "DevToolsActivePort")
            self.socket = create_connection(port, timeout=PATIENCE)
            target = self("Target.createTarget", url="about:blank")["targetId"]
            self.session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    session = ""

    def _port(self, file: Path) -> str:
        limit = time.monotonic() + PATIENCE
        while not file.exists() or len(lines := file.read_text().splitlines()) < 2:
            assert self.process.poll() is None, "Chromium ended at once"
            assert time.monotonic() < limit, "Chromium did not start"
            time.sleep(0.02)
        return f"ws://127.0.0.1:{lines[0]}{lines[1]}"

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer.get("method", ""), answer.get("params", {}))

    def _note(self, method: str, said: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.logged.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.logged.append(str(said["args"]))
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.logged.append(said["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not said["request"]["url"].startswith(
            ("file:", "data:", "about:")
        ):
            self.logged.append(f"request to {said['request']['url']}")

    def open(self, page: Path, fragment: str = "") -> None:
        """Load a report anew and wait until it has drawn itself."""
        self("Page.navigate", url="about:blank")
        self("Page.navigate", url=page.absolute().as_uri() + fragment)
        self.until("document.documentElement?.dataset.ready === 'true'")

    def js(self, expression: str) -> Any:
        """What an expression gives."""
        found = self("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression holds."""
        limit = time.monotonic() + PATIENCE
        while not self.js(f"Boolean({expression})"):
            assert time.monotonic() < limit, f"never: {expression}; {self.logged}"
            time.sleep(0.02)

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that fit."""
        return self.js(f"[...document.querySelectorAll({json.dumps(selector)})].map(each => each.innerText.trim())")

    def click(self, selector: str) -> None:
        """Click the first element that fits."""
        self.js(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, within: str, text: str) -> None:
        """Click the button that says this."""
        buttons = f"[...document.querySelectorAll({json.dumps(within + ' button')})]"
        self.js(f"{buttons}.find(each => each.innerText.includes({json.dumps(text)})).click()")

    def choose(self, selector: str, value: str) -> None:
        """Pick an option, or type a text."""
        event = "input" if selector.endswith("search") else "change"
        self.js(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)}); box.value = {json.dumps(value)}; "
            f"box.dispatchEvent(new Event('{event}', {{bubbles: true}})); }})()"
        )

    def size(self, width: int, height: int, phone: bool = False) -> None:
        """The window's size."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def media(self, kind: str = "", scheme: str = "light") -> None:
        """Screen or print, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self("Emulation.setEmulatedMedia", media=kind, features=features)

    def picture(self, path: Path) -> bytes:
        """What is to be seen, as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        data = base64.b64decode(self("Page.captureScreenshot", format="png")["data"])
        path.write_bytes(data)
        return data

    def close(self) -> None:
        """End the browser."""
        self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
