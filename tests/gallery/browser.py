"""A real browser, where the machine has one: Chromium or Chrome with its driver, driven by selenium."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_BROWSERS = ("google-chrome", "chromium", "chromium-browser")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--lang=en-US",
    "--mute-audio",
)
"""Nothing of it may call home, and it runs in containers."""
_WAIT = 15.0


class Browser:
    """One window. A page that writes to its console, or is refused anything by its own policy, fails the test."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def command(self, name: str, **values: Any) -> Any:
        """A command of the browser's own protocol."""
        return self.driver.execute_cdp_cmd(name, values)

    def open(self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """A file, as from a file manager; below 600 pixels as a telephone shows it."""
        phone = width < 600
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        self.command("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.driver.get("about:blank")
        self.driver.get(page.as_uri())

    def run(self, script: str, *values: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *values)

    def until(self, script: str, *values: Any) -> Any:
        """Wait until a script returns something true, and return that."""
        from selenium.webdriver.support.ui import WebDriverWait

        wait: Callable[..., Any] = WebDriverWait(self.driver, _WAIT, poll_frequency=0.05).until
        return wait(lambda driver: driver.execute_script(script, *values), script)

    def find(self, selector: str) -> Any:
        """The first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def press(self, *keys: str) -> None:
        """Keys of the keyboard, by their names in selenium (`TAB`), or characters."""
        from selenium.webdriver import ActionChains, Keys

        ActionChains(self.driver).send_keys(*(getattr(Keys, key, key) for key in keys)).perform()

    def point_at(self, selector: str) -> None:
        """Move the mouse there."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).move_to_element(self.find(selector)).perform()

    def tap(self, selector: str) -> None:
        """With a finger."""
        box = self.run(
            "const e = document.querySelector(arguments[0]); e.scrollIntoView({ block: 'center' }); "
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]",
            selector,
        )
        self.command("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": box[0], "y": box[1]}])
        self.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def choose(self, selector: str, value: str) -> None:
        """A value of a `select`."""
        from selenium.webdriver.support.ui import Select

        Select(self.find(selector)).select_by_value(value)

    def shown(self) -> list[str]:
        """The keys of the cards that are to be seen, in their order."""
        keys: list[str] = self.run(
            "return [...document.querySelectorAll('#cards > li:not([hidden]) h2')].map((e) => e.textContent)"
        )
        return keys

    def asked(self) -> list[str]:
        """The addresses of all requests since the last time."""
        told = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [one["params"]["request"]["url"] for one in told if one["method"] == "Network.requestWillBeSent"]

    def errors(self) -> list[dict[str, Any]]:
        """What the page wrote to its console, which includes whatever its policy refused."""
        entries: list[dict[str, Any]] = self.driver.get_log("browser")
        return entries


def browsers(artefacts: Path) -> Iterator[Browser]:
    """A browser, closed at the end. Skips where the machine has none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    program = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("there is no Chromium with its driver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in _OPTIONS:
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={artefacts / 'profile'}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    window = webdriver.Chrome(options=options, service=Service(driver, env={**os.environ, "TZ": "UTC"}))
    try:
        yield Browser(window)
    finally:
        window.quit()
