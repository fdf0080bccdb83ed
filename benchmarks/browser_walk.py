"""A walk through the MLflow UI in a real browser: a picture of each page that docs/mlflow.md speaks of.

Start the server as the README says, on a project with runs of both families: python -m benchmarks.browser_walk OUT
"""

import argparse
import asyncio
import json
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.browser import Page, browser

DRAWN = 4.0  # seconds in which the other charts of a page follow the first
COLORS = 64  # of the pictures, which keeps them small


class Walk:
    """A tab, the runs that it shows, and where its pictures go."""

    def __init__(self, page: Page, server: str, out: Path, data: str, table: str) -> None:
        """Ask the server for the runs of two data sets."""
        self.page, self.server, self.out = page, server, out
        self.experiment, self.table = (self._experiment(f"genloop-{name}") for name in (data, table))
        self.name = f"genloop-{data}"
        self.runs, self.rows = (self._runs(experiment) for experiment in (self.experiment, self.table))

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        content, header = json.dumps(body).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.server}/api/2.0/mlflow/{path}", content, header)
        with urllib.request.urlopen(request) as answer:
            return dict(json.load(answer))

    def _experiment(self, name: str) -> str:
        found = self._ask("experiments/search", {"max_results": 1, "filter": f"name = '{name}'"})
        return str(found["experiments"][0]["experiment_id"])

    def _runs(self, experiment: str) -> list[dict[str, Any]]:
        return list(self._ask("runs/search", {"experiment_ids": [experiment]})["runs"])

    def of(self, family: str, runs: list[dict[str, Any]]) -> str:
        """Return the id of the first of these runs that is of a family."""
        params = ({param["key"]: param["value"] for param in run["data"]["params"]} for run in runs)
        return next(run["info"]["run_id"] for run, known in zip(runs, params, strict=True) if known["family"] == family)

    def of_run(self, run_id: str) -> str:
        """Return the id of the sampler of a run."""
        asked = {"experiment_ids": [self.experiment], "filter": f"source_run_id = '{run_id}'"}
        return str(self._ask("logged-models/search", asked)["models"][0]["info"]["model_id"])

    def address(self, path: str) -> str:
        """Return the address of a page."""
        return f"{self.server}/#/experiments/{path}"

    async def drawn(self) -> None:
        """Wait until charts are drawn: bars and curves, or pictures."""
        there = "document.querySelectorAll('.js-plotly-plot .main-svg').length > 3"
        shown = "[...document.querySelectorAll('img')].some(picture => picture.naturalWidth > 100)"
        await self.page.until(f"{there} || {shown}", "charts")
        await asyncio.sleep(DRAWN)

    async def picture(self, name: str) -> None:
        """Save what is seen, in few colors."""
        path = self.out / f"{name}.png"
        await self.page.leave()
        await self.page.picture(path)
        with Image.open(path) as shot:
            shot.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
        print(path, f"{path.stat().st_size / 1000:.0f} kB", flush=True)


async def runs(walk: Walk) -> None:
    """Come in by the list of experiments, as everybody does."""
    await walk.page.open(f"{walk.server}/#/experiments", walk.name)
    await walk.page.click("Model training")
    await walk.picture("experiments")
    await walk.page.click(walk.name)
    await walk.page.wait("matching runs")
    await walk.picture("runs")


async def groups(walk: Walk) -> None:
    """One line for each group of seeds; the browser remembers it, and groups have no pictures by epoch."""
    await walk.page.open(walk.address(f"{walk.experiment}/runs"), "matching runs")
    await walk.page.click("Group by")
    await walk.page.type("genloop.group")
    await walk.page.click("genloop.group", -1)
    await walk.picture("groups")
    await walk.page.open("about:blank", "")  # else the page would only change its view
    await walk.page.open(walk.address(f"{walk.experiment}/runs?compareRunsMode=CHART"), "loss")
    await walk.drawn()
    await walk.picture("groups_charts")


async def description(walk: Walk) -> None:
    """The page of a run, with its picture."""
    await walk.page.open(walk.address(f"{walk.experiment}/runs/{walk.of('vae', walk.runs)}"), "Show more")
    await walk.page.click("Show more")
    await walk.picture("description")
    await walk.page.open(walk.address(f"{walk.table}/runs/{walk.of('vae', walk.rows)}"), "Show more")
    await walk.page.click("Show more")
    await walk.picture("description_table")


async def charts(walk: Walk) -> None:
    """Curves of both families, and the same latents by epoch."""
    await walk.page.open(walk.address(f"{walk.experiment}/runs?compareRunsMode=CHART"), "loss")
    await walk.drawn()
    await walk.picture("charts")
    for word in ("step/", "score/", "previews"):
        await walk.page.click_on('input[placeholder="Search metric charts"]')
        await walk.page.run("document.activeElement.select()")
        await walk.page.type(word)
        await walk.drawn()
        await walk.picture(f"charts_{word.strip('/')}")
    await walk.page.run("document.activeElement.select(); document.execCommand('delete')")  # else it is remembered
    await walk.page.wait("loss/critic")


async def compare(walk: Walk) -> None:
    """Parallel coordinates of choices and scores."""
    chosen = json.dumps([run["info"]["run_id"] for run in walk.runs], separators=(",", ":"))
    query = f"runs={urllib.parse.quote(chosen)}&experiments={urllib.parse.quote(json.dumps([walk.experiment]))}"
    await walk.page.open(f"{walk.server}/#/compare-runs?{query}", "Parallel Coordinates Plot")
    await walk.picture("compare")


async def artifacts(walk: Walk) -> None:
    """The card of the weights, the report, a hundred rows."""
    of_pictures = f"{walk.experiment}/runs/{walk.of('vae', walk.runs)}/artifacts"
    of_rows = f"{walk.table}/runs/{walk.of('vae', walk.rows)}/artifacts"
    pages = {
        "card": f"{of_pictures}/weights/README.md",
        "report": f"{of_pictures}/report/report.html",
        "traversals": f"{of_pictures}/report/traversals.png",
        "rows": f"{of_rows}/samples/rows.json",
        "marginals": f"{of_rows}/samples/grid.png",
    }
    for name, path in pages.items():
        await walk.page.open("about:blank", "")
        await walk.page.open(walk.address(path), path.rpartition("/")[2])
        await asyncio.sleep(2)
        await walk.picture(name)


async def tables(walk: Walk) -> None:
    """Rows of several runs beside each other."""
    await walk.page.open(walk.address(f"{walk.table}/runs?compareRunsMode=ARTIFACT"), "matching runs")
    await walk.picture("tables")


async def models(walk: Walk) -> None:
    """The samplers of all runs, and one of them."""
    await walk.page.open("about:blank", "")
    await walk.page.open(walk.address(f"{walk.experiment}/models"), "Model attributes")
    await walk.page.press_escape()  # a window greets whoever comes for the first time
    await walk.picture("models")
    sampler = walk.of_run(walk.of("vae", walk.runs))
    await walk.page.open(walk.address(f"{walk.experiment}/models/{sampler}"), "Logged from")
    await walk.picture("model")


PARTS: dict[str, Callable[[Walk], Awaitable[None]]] = {
    part.__name__: part for part in (runs, description, charts, groups, compare, artifacts, tables, models)
}


async def walk_through(options: argparse.Namespace) -> None:
    """Take the pictures."""
    options.out.mkdir(parents=True, exist_ok=True)
    async with browser() as page:
        keys = {"assistant.panelOpen": "false", "assistant.fab.autoOpenedOnFirstLoad": "true"}
        keys |= {} if "runs" in options.only else {"workflowType": '"machine_learning"'}  # what `runs` clicks on
        source = ";".join(f"localStorage['mlflow.{key}_v1'] = '{value}'" for key, value in keys.items())
        await page.send("Page.addScriptToEvaluateOnNewDocument", source=source)
        walk = Walk(page, options.server, options.out, options.data, options.table)
        for name in options.only:
            await PARTS[name](walk)


def main() -> None:
    """Walk through the UI."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--server", default="http://127.0.0.1:5000")
    parser.add_argument("--data", default="digits", help="a data set of pictures")
    parser.add_argument("--table", default="cancer", help="a data set of rows")
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    asyncio.run(walk_through(parser.parse_args()))


if __name__ == "__main__":
    main()
