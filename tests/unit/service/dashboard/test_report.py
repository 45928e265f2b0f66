"""Reports: one file with everything in it, of which nothing but its own script runs, whatever a study is called."""

import base64
import gzip
import hashlib
import html
import json
import random
import re
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any
from urllib.parse import quote

import pytest

from service.dashboard.report import answers, thinning, writing
from service.dashboard.report.bundle import Unbundled, bundle
from service.dashboard.report.listing import rows
from service.wire.charts import Column, Columns
from tests.unit.service.dashboard.conftest import Visit
from tests.unit.service.http.api import Api

HOSTILE = "</script><img src=x onerror=alert(1)>\"' & 😀 שלום עולם"
STRANGE = "<b onclick=\"alert(1)\">'quoted' & 😀 שלום עולם"
SPACE = {
    "lr": {"type": "float", "low": 0.001, "high": 1.0, "log": True},
    "kind": {"type": "categorical", "choices": ["plain", HOSTILE]},
}
SCRIPT = re.compile(r"<script([^>]*)>(.*?)</script>", re.DOTALL)


@pytest.fixture
def api(visit: Visit) -> Api:
    return visit()


def report(api: Api, study: str) -> str:
    answer = api.get(f"/v1/studies/{study}/export?format=html")
    assert answer.status_code == 200, answer.text
    return answer.text


def held(text: str) -> dict[str, Any]:
    """The answers that a report holds."""
    (packed,) = (body for kind, body in SCRIPT.findall(text) if "data-answers" in kind)
    told: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed)))
    return told


def made(api: Api, **more: Any) -> str:
    body = {"name": "s", "objectives": [{"metric": "loss"}], "space": SPACE, "note": HOSTILE, "tags": [], **more}
    api.ok("POST", "/v1/studies", body)
    for n in range(12):
        params = {"lr": 0.5 / (1 + n), "kind": ("plain", HOSTILE)[n % 2]}
        values = {one["metric"]: float(n if place % 2 else -n) for place, one in enumerate(body["objectives"])}
        trial: dict[str, Any] = {"params": params, "state": "completed", "values": values}
        if len(body["objectives"]) == 1:
            trial |= {"points": [{"step": s, "metrics": {"loss": s - n}} for s in (1, 2)], "values": {"loss": 2.0 - n}}
        api.ok("POST", f"/v1/studies/{quote(body['name'], safe='')}/trials", trial)
    return "s"


def test_its_policy_lets_only_its_own_script_and_style_run(api: Api) -> None:
    answer = api.get(f"/v1/studies/{made(api)}/export?format=html")
    text = answer.text
    running = [body for kind, body in SCRIPT.findall(text) if "text/plain" not in kind]
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in (*running, *styles)]
    (policy,) = re.findall(r'http-equiv="content-security-policy" content="([^"]+)"', text)
    assert html.unescape(policy) == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    tags = "\n".join(re.findall(r"<[a-z][^>]*>", SCRIPT.sub("", text)))
    assert re.search(r'\s(on\w+|style|src|srcset|action)\s*=|href="(?!#)', tags) is None
    assert re.search(r"url\(|@import", styles[0]) is None
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["content-disposition"].startswith('attachment; filename="s.html"')


def test_what_a_study_says_is_text_and_nothing_else(api: Api) -> None:
    made(api, name=STRANGE)
    text = report(api, quote(STRANGE, safe=""))
    assert "<img" not in text
    assert "<b onclick" not in text
    assert text.count("</script>") == text.count("<script")
    shown = html.unescape(re.sub(r"<[^>]+>", "", SCRIPT.sub("", text)))
    assert shown.count(HOSTILE) >= 7, "in the note, the best trial, the rows"
    assert STRANGE in shown
    assert held(text)["columns"]["params"][1]["choices"] == ["plain", HOSTILE]


def test_a_report_holds_what_the_api_answers(api: Api) -> None:
    study = made(api, objectives=[{"metric": "loss"}, {"metric": "size"}])
    text = report(api, study)
    told, address = held(text), f"/v1/studies/{study}"
    assert told["pareto"] == api.ok("GET", f"{address}/pareto")
    assert told["study"] == api.ok("GET", address)
    assert told["best"] == api.ok("GET", f"{address}/best?count=2")
    assert told["columns"] == api.ok("GET", f"{address}/columns")
    for axis in ("step", "time", "gpu"):
        for scale in ("linear", "log"):
            wanted = f"axis={axis}&scale={scale}"
            assert told["curves"][f"{axis}.{scale}"] == api.ok("GET", f"{address}/curves?{wanted}")
            (packed,) = re.findall(f'data-curves="{axis}.{scale}">([^<]+)<', text)
            whole = api.get(f"{address}/curves/all?{wanted}").content
            assert gzip.decompress(base64.b64decode(packed)) == whole


def test_it_can_be_read_without_scripts(api: Api) -> None:
    text = report(api, made(api))
    body = re.sub(r"<[^>]+>", " ", SCRIPT.sub("", text))
    assert "#11" in body
    assert "-9.0" in body
    assert "asked nobody" not in body
    assert len(re.findall(r"<tr><td>#\d+</td><td>completed</td>", text)) == 12


def test_curves_that_do_not_fit_are_left_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    study = made(api)
    sizes = [len(one) for one in re.findall('data-curves="[^"]+">([^<]+)<', report(api, study))]
    monkeypatch.setattr(answers, "MOST_CURVE_LETTERS", sum(sizes[:2]))
    assert re.findall('plain" data-curves="([^"]+)"', report(api, study)) == ["step.linear", "step.log"]


def test_a_study_without_trials_is_a_report_too(api: Api) -> None:
    api.ok("POST", "/v1/studies", {"name": "s", "objectives": [{"metric": "loss"}], "space": SPACE})
    text = report(api, "s")
    assert "The study had no trial when this was made." in text
    assert "No trial has completed yet." in text


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [("s/export?format=html&points=true", 422, "points"), ("nobody/export?format=html", 404, "nobody")],
)
def test_what_cannot_be_is_refused(api: Api, path: str, status: int, said: str) -> None:
    made(api)
    answer = api.get(f"/v1/studies/{path}")
    assert answer.status_code == status
    assert said in answer.text


# --- modules as one script


def reader(modules: Mapping[str, str]) -> Callable[[str], str]:
    return modules.__getitem__


def test_modules_come_before_those_that_need_them() -> None:
    modules = {
        "js/main.js": 'import * as one from "./a/one.js";\nimport { two as other, three } from "./two.js";\n',
        "js/a/one.js": 'import { two } from "../two.js";\n// import { x } from "./no.js";\nexport const ONE = 1;\n',
        "js/two.js": "export function two() {}\nexport async function three() {}\nexport class Four {}\n",
    }
    text = bundle("js/main.js", reader(modules))
    assert [
        line for line in text.splitlines() if line.startswith(("const module", "const {", "const one", "return"))
    ] == [
        "const module0 = (() => {",
        "return { two, three, Four };",
        "const module1 = (() => {",
        "const { two } = module0;",
        "return { ONE };",
        "const module2 = (() => {",
        "const one = module1;",
        "const { two: other, three } = module0;",
        "return {  };",
    ]
    assert text.count("js/two.js") == 1


@pytest.mark.parametrize(
    "source",
    [
        'import x from "./b.js";',
        'import "./b.js";',
        'export { a } from "./b.js";',
        "export default 1;",
        "export let a = 1;",
        "const a = await import('./b.js');",
        'const a = "</script>";',
        'import { a } from "./a.js";',
    ],
)
def test_what_a_module_says_otherwise_is_refused(source: str) -> None:
    with pytest.raises(Unbundled, match=r"a\.js"):
        bundle("a.js", reader({"a.js": source, "b.js": ""}))


def test_the_charts_are_one_script() -> None:
    script, _ = writing.script_and_style()
    for chart in ("curves", "history", "importance", "parallel", "slices", "contour", "pareto", "pareto-space"):
        assert f"// js/charts/{chart}.js\n" in script


# --- fewer trials, and rows of them


def columns(count: int, rng: random.Random) -> Columns:
    steps = tuple(rng.randint(1, 3) for _ in range(count))
    return Columns(
        study="s",
        seq=1,
        metrics=("loss", "size"),
        direction=rng.choice(["minimize", "maximize"]),
        of=count,
        read=count,
        steps_between=steps,
        states="".join(rng.choice("ccccpfi") for _ in range(count)),
        values=tuple(rng.choice([None, rng.random()]) for _ in range(count)),
        others=(tuple(float(place) for place in range(count)),),
        params=(Column(name="x", kind="choice", choices=("a", "b"), values=tuple(float(n % 2) for n in range(count))),),
    )


def test_thinned_columns_keep_the_best_the_front_and_each_trial_s_own_values() -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    for _ in range(20):
        whole = columns(rng.randint(300, 900), rng)
        numbers = [one - 1 for one in accumulate(whole.steps_between)]
        front = set(rng.sample(numbers, 30))
        thin = thinning.thinned(whole, front, cells=1_000)
        kept = [one - 1 for one in accumulate(thin.steps_between)]
        places = {number: place for place, number in enumerate(numbers)}
        assert len(kept) == len(thin.states) == 250, f"seed {seed}"
        assert front <= set(kept)
        for place, number in enumerate(kept):
            before = places[number]
            assert (thin.states[place], thin.values[place]) == (whole.states[before], whole.values[before])
            assert thin.others[0][place] == whole.others[0][before] == float(before)
            assert thin.params[0].values[place] == whole.params[0].values[before]
        assert thin.sampled == f"the best 50 and 200 others, of {whole.of} trials"
        assert rows(thin, 50) == rows(whole, 50), f"seed {seed}"


def test_few_trials_are_not_thinned() -> None:
    whole = columns(100, random.Random(1))
    assert thinning.thinned(whole, (), cells=1) is whole


def test_rows_are_the_best_then_the_newest() -> None:
    told = columns(0, random.Random(1)).model_copy(
        update={
            "direction": "maximize",
            "steps_between": (1, 1, 2, 1),
            "states": "cpcc",
            "values": (1.0, 9.0, 2.0, None),
            "others": ((0.0, None, 2.0, 3.0),),
            "params": (Column(name="x", kind="choice", choices=("a", None), values=(0.0, 1.0, None, 0.0)),),
        }
    )
    found = rows(told)
    assert [(row.number, row.state) for row in found] == [
        (3, "completed"),
        (0, "completed"),
        (4, "completed"),
        (1, "pruned"),
    ]
    assert [row.params for row in found] == [[None], ["a"], ["a"], [None]]
    assert found[3].values == [9.0, None]
