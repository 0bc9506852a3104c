"""The examples run as the README says, beside a simulator of their own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fastapi_apps import events, serving, session, status_of
from wanpoll.examples import studio as studio_module
from wanpoll.examples.studio import PAGE, studio
from wanpoll.providers import DashScope
from wanpoll.simulator import Constant, Simulator

ROOT = Path(__file__).parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

NODE = shutil.which("node")


@contextlib.asynccontextmanager
async def running(name: str) -> AsyncIterator[str]:
    """`python -m wanpoll.examples.<name>`; its URL. It is ended by Ctrl-C."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"wanpoll.examples.{name}", "--port", "0"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.PIPE,
    )
    log = ""
    async with asyncio.timeout(20):
        while not (listening := re.search(r"running on (http://\S+)", log)):
            line = (await process.stderr.readline()).decode()
            assert line, log
            log += line
    try:
        yield listening[1]
    finally:
        process.send_signal(2)
        log += (await asyncio.wait_for(process.stderr.read(), 10)).decode()
        await process.wait()
    assert "Traceback" not in log, log


async def test_the_service_submits_and_waits() -> None:
    """What the README shows, run as a program."""
    async with running("service") as url, session(url) as client:
        async with client.post("/videos", params={"prompt": "a lighthouse"}) as response:
            task_id = await response.json()
        async with client.get(f"/tasks/dashscope/{task_id}") as known:
            assert (response.status, known.status) == (202, 202)
        async with client.get(f"/tasks/dashscope/{task_id}/events") as stream:
            first = await anext(events(stream))
        assert first.data["id"] == task_id
        assert await status_of(client.get("/docs")) == 200


async def test_the_service_submits_where_the_provider_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the address that is the default where the environment names none."""
    from wanpoll.examples import service

    def request(method: str, url: str, **rest: Any) -> Any:
        raise ConnectionError(url)

    monkeypatch.delenv("DASHSCOPE_HTTP_BASE_URL", raising=False)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-x")
    monkeypatch.setattr(aiohttp, "request", request)
    with pytest.raises(ConnectionError, match=f"^{re.escape(DashScope.BASE_URL)}/services/"):
        await service.submit("a lighthouse", None)


@pytest.mark.parametrize("name", ["service", "studio"])
@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_what_they_need_the_examples_say_what_to_install(name: str, missing: str) -> None:
    """As wanpoll does for every extra."""
    code = f"""if True:
        import runpy, sys
        sys.modules[{missing!r}] = None
        runpy.run_module("wanpoll.examples.{name}", run_name="__main__")
    """
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert re.search(r"MissingExtra: the examples need .*: pip install 'wanpoll\[fastapi\]' uvicorn\n$", ended.stderr)


def test_the_readme_shows_the_service() -> None:
    """The same code, without the annotations that a package owes to type checkers; not more than 25 lines of it."""
    from wanpoll.examples import service

    code = Path(service.__file__).read_text().split('"""\n\n', 1)[1].partition("\n\nif __name__")[0]
    code = code.replace("wanpoll: WanPoll =", "wanpoll =").replace("app: FastAPI =", "app =")

    assert f"```python\n{code.strip()}\n```" in (ROOT / "README.md").read_text()
    assert len([line for line in code.splitlines() if line.strip()]) <= 25


@contextlib.asynccontextmanager
async def gallery(speed: float = 200.0) -> AsyncIterator[str]:
    """The page on a server of the test's; tasks take two minutes."""
    simulator = Simulator(speed=speed, durations=Constant(120), queue=Constant(5))
    async with simulator, serving(studio(simulator)) as url:
        yield url


async def test_the_studio_submits_to_five_systems_and_tells_their_progress() -> None:
    """And nothing about tasks that were not submitted there."""
    async with gallery() as url, session(url) as client:
        async with client.get("/") as page:
            assert await page.text() == PAGE.read_text()
        async with client.post("/orders", json={"prompt": "a lighthouse", "takes": 5}) as response:
            tasks = await response.json()

        async def told(task: Any) -> list[str]:
            async with client.get(f"/tasks/{task['provider']}/{task['id']}/events") as stream:
                return [event.name async for event in events(stream)]

        async with asyncio.timeout(10):
            streams = await asyncio.gather(*map(told, tasks))
        assert len({task["provider"] for task in tasks}) == 5
        assert all(names[-1] == "outcome" for names in streams)
        assert await status_of(client.get("/tasks/dashscope/somebody-elses")) == 403
        assert await status_of(client.post("/orders", json={"prompt": "", "takes": 1})) == 422


async def test_the_studio_knows_the_tasks_of_an_old_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds later, too; of more than it keeps, the oldest are dropped."""
    order = {"prompt": "a lighthouse", "takes": 12}
    async with gallery() as url, session(url) as client:
        pages = [await (await client.post("/orders", json=order)).json() for _ in range(18)]
        assert await status_of(client.post("/tasks:batch", json={"tasks": pages[0] + pages[-1]})) == 200
        monkeypatch.setattr(studio_module, "MOST_KNOWN", 12)
        pages.append(await (await client.post("/orders", json=order)).json())
        assert await status_of(client.post("/tasks:batch", json={"tasks": pages[-2]})) == 403
        assert await status_of(client.post("/tasks:batch", json={"tasks": pages[-1]})) == 200


class Page:
    """The script of the page, run by Node without a browser (see `studio_page.mjs`)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.shown: list[str] = []
        self.answers: list[str] = []

    async def tell(self, **form: Any) -> list[str]:
        """Submit a form, where one is given; what the page complained of."""
        self._process.stdin.write((json.dumps(form) if form else "").encode() + b"\n")
        told = json.loads(await self._process.stdout.readline())
        self.shown = told["shown"]
        self.answers += told["answers"]
        return told["alerts"]

    async def settled(self) -> list[str]:
        """What the cards show when none spins."""
        while not all(" ended: " in card for card in self.shown):
            await asyncio.sleep(0.02)
            await self.tell()
        return self.shown


@contextlib.asynccontextmanager
async def page_at(url: str) -> AsyncIterator[Page]:
    """The page, shown as long as this lasts."""
    arguments = (NODE, str(ROOT / "tests" / "studio_page.mjs"), str(PAGE), url)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe)
    try:
        yield Page(process)
    finally:
        process.kill()
        await process.wait()


@pytest.mark.skipif(NODE is None, reason="no Node on this machine")
async def test_the_page_says_what_was_wrong_with_an_order() -> None:
    """In words."""
    async with gallery() as url, page_at(url) as page, asyncio.timeout(10):
        assert await page.tell(prompt="x", takes="13") == ["takes: Input should be less than or equal to 12"]


@pytest.mark.skipif(NODE is None, reason="no Node on this machine")
async def test_no_card_spins_on_after_its_task_ended() -> None:
    """Though its stream tells nothing, as that of a machine that has slept."""
    async with gallery() as url, page_at(url) as page, asyncio.timeout(20):
        await page.tell(prompt="x", takes="6", deaf=True)

        assert await page.settled() == ["card SUCCEEDED ended: done"] * 6


@pytest.mark.skipif(NODE is None, reason="no Node on this machine")
async def test_a_card_that_the_server_does_not_know_is_asked_about_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so; the others of its batch go on."""
    monkeypatch.setattr(studio_module, "MOST_KNOWN", 6)
    async with gallery() as url, page_at(url) as page, asyncio.timeout(20):
        await page.tell(prompt="x", takes="12")
        shown = await page.settled()
        refused = [answer for answer in page.answers if answer.endswith(" 403")]

    assert (
        sorted(shown)
        == ["card EXPIRED ended: expired: not known here any more"] * 6 + ["card SUCCEEDED ended: done"] * 6
    )
    assert len(refused) <= 2 * 6 + 2


class Browser:
    """A page in headless Chromium, told what to do over its debugging protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._serials = itertools.count(1)
        self.errors: list[Any] = []

    async def call(self, method: str, **parameters: Any) -> Any:
        """The answer of the browser."""
        serial = next(self._serials)
        await self._socket.send_json({"id": serial, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.errors.append(message["params"])
            if message.get("id") == serial:
                return message["result"]

    async def run(self, script: str) -> Any:
        """The value of `script` in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until `script` is true in the page."""
        while not await self.run(script):
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def browsing(url: str, folder: Path) -> AsyncIterator[Browser]:
    """A browser that shows the page at `url`."""
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
        *(f"--user-data-dir={folder}", "--window-size=1280,900", "about:blank"),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        port = None
        while port is None:
            line = (await process.stderr.readline()).decode()
            assert line, "the browser did not start"
            port = (re.findall(r"DevTools listening on ws://[^:]+:(\d+)/", line) or [None])[0]
        drain = asyncio.ensure_future(process.stderr.read())
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            async with client.get("/json/list") as response:
                page = next(each for each in await response.json(content_type=None) if each["type"] == "page")
            async with client.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                browser = Browser(socket)
                for domain in ("Runtime", "Log", "Page"):
                    await browser.call(f"{domain}.enable")
                await browser.call("Page.navigate", url=url)
                await browser.until("document.readyState === 'complete' && !!document.forms.length")
                yield browser
    finally:
        process.kill()
        await process.wait()
    await drain


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
async def test_a_browser_shows_the_progress_of_what_it_submitted(tmp_path: Path) -> None:
    """Eight takes: four are followed by streams, the rest by batches until there is room; all end."""
    async with gallery(speed=60.0) as url, asyncio.timeout(40), browsing(url, tmp_path) as browser:
        await browser.run(
            """document.forms[0].prompt.value = "a <b>lighthouse</b>"
            document.forms[0].takes.innerHTML = "<option value=8>8</option>"
            document.forms[0].requestSubmit()"""
        )
        await browser.until("document.querySelectorAll('.card').length === 8")
        await browser.until(
            "[...document.querySelectorAll('.ring text')].some(each => /^\\d+ %$/.test(each.textContent))"
        )
        await browser.until("document.getElementById('done').textContent === '8'")

        assert await browser.run("document.querySelectorAll('.card.SUCCEEDED a[href^=http]').length") == 8
        assert await browser.run("document.querySelector('.prompt').textContent") == "a <b>lighthouse</b>"
        assert await browser.run("document.documentElement.scrollWidth <= innerWidth")
        assert not browser.errors
