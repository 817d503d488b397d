#!/usr/bin/env python3
"""Runs `bench export` on committed records and has each format read by the program that it is made for.

    tests/exchange/validate.py target/release/bench

A reader that refuses what was exported, or that finds other figures in it than stand in the records, is a failure. So is a reader that
cannot be had while CI is set; otherwise it is named as not run. The readers come from PyPI, npm and Debian, into target/exchange.
"""

import copy
import csv
import html.parser
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
import xml.etree.ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = ROOT / "target" / "exchange"
# Debian's libbenchmark-tools.
GOOGLE_TOOLS = Path(os.environ.get("GOOGLE_BENCHMARK_TOOLS", "/usr/share/benchmark"))
ZOD = "zod@4.1.12"
HOSTILE = '<script>alert("x")</script>|`@user`\r\n=1+1,\u202e\x00\x1b[31m\ufffe& \'quoted\' [a](http://b)'


class NotRun(Exception):
    """A reader cannot be had here."""


def with_readers():
    """Goes on in a virtual environment that has the readers, made when it is missing or out of date."""
    wanted = (HERE / "requirements.txt").read_text()
    environment = TOOLS / "venv"
    stamp = environment / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(environment, with_pip=True, clear=True)
        pip = [environment / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    if Path(sys.prefix).resolve() != environment.resolve():
        python = environment / "bin/python"
        os.execv(python, [str(python), *sys.argv])


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{words} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def tool(name):
    return Path(sys.prefix) / "bin" / name


class Case:
    """What a record says of one of its cases, read here and not by bench."""

    def __init__(self, case):
        samples = [sample for sample in case["samples"] if sample["verification"]["passed"]]
        self.name = f"{case['kernel']}/{case['dtype']}/n={case['n']}/threads={case['threads_requested']}"
        self.times_s = [sample["run_time_s"] for sample in samples]
        self.cpu_times_s = [sample["cpu_time_s"] for sample in samples]
        self.warmups_s = [sample["run_time_s"] for sample in case.get("warmup_samples", [])]
        self.bytes = case.get("bytes")
        self.unit = "GB/s" if self.bytes else "GFLOPS"
        work = self.bytes or case["flop"]
        self.rates = [1e-9 * work / time_s for time_s in self.times_s]
        self.rate = statistics.median(self.rates)
        # Ranks of a 95 % interval of the median of nine values: all but the outermost (binomial, 0.9609).
        assert len(self.rates) == 9
        self.low, self.high = sorted(self.rates)[1], sorted(self.rates)[-2]


def cases(record):
    return [Case(case) for case in json.loads(record.read_text())["cases"]]


def same(found, expected):
    assert math.isclose(found, expected, rel_tol=1e-9), f"{found} where the record has {expected}"


def same_list(found, expected):
    assert len(found) == len(expected), f"{len(found)} values where the record has {len(expected)}"
    for one, other in zip(found, expected):
        same(one, other)


class Exports:
    """Exports made in a directory of their own."""

    def __init__(self, bench, directory):
        self.bench = bench
        self.directory = directory
        self.base = HERE / "records/base.json"
        self.candidate = HERE / "records/candidate.json"
        self.hostile = directory / "hostile.json"
        self.hostile.write_text(json.dumps(hostile(json.loads(self.base.read_text()))))

    def export(self, form, *records):
        suffix = {"csv": "csv", "junit": "xml", "markdown": "md"}.get(form, "json")
        stems = "-".join(record.stem for record in records)
        path = self.directory / f"{form}-{stems}.{suffix}"
        run(self.bench, "export", "--to", form, "-o", path, *records)
        return path


def hostile(record):
    """The record as its worst enemy would write it."""
    record = copy.deepcopy(record)
    record["host"]["hostname"] = HOSTILE
    record["host"]["cpu"]["model"] = HOSTILE
    record["host"]["os"]["kernel"] = HOSTILE
    record["software"]["blas"]["name"] = HOSTILE
    record["software"]["bench_version"] = "=cmd|' /C calc'!A0"
    record["warnings"] = [HOSTILE]
    record["grade"]["reasons"] = [HOSTILE]
    record["cases"][0]["kernel"] = HOSTILE
    return record


def check_pyperf(exports):
    import pyperf

    base = exports.export("pyperf", exports.base)
    candidate = exports.export("pyperf", exports.candidate)
    suite = pyperf.BenchmarkSuite.load(str(base))
    for case in cases(exports.base):
        benchmark = suite.get_benchmark(case.name)
        same_list(benchmark.get_values(), case.times_s)
        same(benchmark.median(), statistics.median(case.times_s))
        assert benchmark.get_unit() == "second"
        same_list([value for _, value in benchmark.get_runs()[0].warmups], case.warmups_s)
    assert len(suite.get_benchmarks()) == 4
    for words in (["show", base], ["show", "--metadata", base], ["stats", base], ["dump", base], ["check", base]):
        # `check` ends with 0 and warns of what it finds unstable.
        run(sys.executable, "-m", "pyperf", *words)
    told = run(sys.executable, "-m", "pyperf", "compare_to", "--table", base, candidate)
    assert "matmul-norm/f64/n=100/threads=2" in told or "hidden" in told, told
    # Two runs of one host are two runs of a benchmark.
    both = pyperf.BenchmarkSuite.load(str(exports.export("pyperf", exports.base, exports.candidate)))
    assert both.get_benchmark("triad/f64/n=100/threads=2").get_nrun() == 2
    run(sys.executable, "-m", "pyperf", "show", "--metadata", exports.export("pyperf", exports.hostile))
    return f"pyperf {pyperf.__version__}: show, stats, dump, check, compare_to"


def check_google_benchmark(exports):
    compare = GOOGLE_TOOLS / "compare.py"
    if not compare.exists():
        raise NotRun(f"there is no {compare} (apt-get install libbenchmark-tools)")
    base = exports.export("google-benchmark", exports.base)
    candidate = exports.export("google-benchmark", exports.candidate)
    # What the reader makes of it, by its own modules.
    sys.path.insert(0, str(GOOGLE_TOOLS))
    from gbench import report, util

    results = util.sort_benchmark_results(util.load_benchmark_results(str(base)))
    assert results["context"]["json_schema_version"] == 1
    for case in cases(exports.base):
        entries = [entry for entry in results["benchmarks"] if entry["run_name"] == case.name]
        assert all(report.is_potentially_comparable_benchmark(entry) for entry in entries)
        samples = [entry for entry in entries if entry["run_type"] == "iteration"]
        seconds = [report.get_timedelta_field_as_seconds(entry, "real_time") for entry in samples]
        same_list(seconds, case.times_s)
        same_list([entry["cpu_time"] for entry in samples], case.cpu_times_s)
        same_list([entry[case.unit] for entry in samples], case.rates)
        [median] = [entry["real_time"] for entry in entries if entry.get("aggregate_name") == "median"]
        same(median, statistics.median(case.times_s))
    told = run(sys.executable, compare, "--no-color", "benchmarks", base, candidate)
    for case in cases(exports.base):
        # Nine repetitions are what its U test asks for.
        assert f"{case.name}_pvalue" in told, told
    run(sys.executable, compare, "--no-color", "benchmarks", exports.export("google-benchmark", exports.hostile), candidate)
    return "google-benchmark's compare.py: benchmarks, with its U test"


def check_asv(exports):
    repository = exports.directory / "repository"
    results = exports.directory / "results"
    git = ["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    repository.mkdir()
    run(*git, "init", "--quiet")
    commits = []
    for record in (exports.base, exports.candidate):
        run(*git, "commit", "--quiet", "--allow-empty", "--message", record.stem)
        commits.append(run(*git, "rev-parse", "HEAD").strip())
        run(exports.bench, "export", "--to", "asv", "--commit", commits[-1], "-o", results, record)
    run(exports.bench, "export", "--to", "asv", "--commit", commits[-1], "-o", results, exports.hostile)
    config = {
        "version": 1,
        "project": "benchrun",
        "repo": str(repository),
        "branches": ["main"],
        "results_dir": str(results),
        "html_dir": str(exports.directory / "html"),
        "benchmark_dir": str(exports.directory),
    }
    (exports.directory / "asv.conf.json").write_text(json.dumps(config))
    asv = [tool("asv"), "--config", exports.directory / "asv.conf.json"]

    def call(*words):
        return run(*asv, *words, cwd=exports.directory)

    told = call("show", "--machine", "example", "--details", commits[0])
    for case in cases(exports.base):
        assert f"{case.name} [example/bench]" in told, told
    assert commits[1][:8] in call("show")
    told = call("compare", "--machine", "example", commits[0], commits[1])
    assert "triad/f64/n=200/threads=2" in told, told
    call("publish", "--no-pull")
    assert (exports.directory / "html/index.json").exists()
    # The figures by its own reader.
    from asv.results import Results

    loaded = Results.load(str(results / "example" / f"{commits[0][:8]}-bench.json"), machine_name="example")
    for case in cases(exports.base):
        [value] = loaded.get_result_value(case.name, [])
        same(value, statistics.median(case.times_s))
        [samples] = loaded.get_result_samples(case.name, [])
        same_list(samples, case.times_s)
        [stats] = loaded.get_result_stats(case.name, [])
        low, _, high = statistics.quantiles(case.times_s, n=4, method="inclusive")
        same_list([stats["q_25"], stats["q_75"]], [low, high])
    version = run(tool("asv"), "--version").split()[-1]
    return f"asv {version}: show, compare, publish"


def check_hyperfine(exports):
    if not shutil.which("hyperfine"):
        raise NotRun("there is no hyperfine (apt-get install hyperfine)")
    own = exports.directory / "hyperfine-own.json"
    run("hyperfine", "--runs", "2", "--parameter-list", "n", "1", "--export-json", own, "-N", "true {n}")
    [own] = json.loads(own.read_text())["results"]
    ours = json.loads(exports.export("hyperfine", exports.base).read_text())["results"]
    for case, result in zip(cases(exports.base), ours, strict=True):
        assert result.keys() == own.keys(), f"{result.keys()} where hyperfine has {own.keys()}"
        for key, value in own.items():
            assert isinstance(result[key], type(value)), f"{key} is {result[key]!r}, hyperfine has {value!r}"
        assert result["command"] == case.name
        same_list(result["times"], case.times_s)
        same_list(
            [result["median"], result["mean"], result["stddev"], result["min"], result["max"]],
            [
                statistics.median(case.times_s),
                statistics.mean(case.times_s),
                statistics.stdev(case.times_s),
                min(case.times_s),
                max(case.times_s),
            ],
        )
    version = run("hyperfine", "--version").split()[-1]
    return f"hyperfine {version}: the same keys and types as its own --export-json (it reads none itself)"


def check_junit(exports):
    import junitparser

    base = exports.export("junit", exports.base)
    suites = junitparser.JUnitXml.fromfile(str(base))
    [suite] = list(suites)
    assert (suite.hostname, suite.tests, suite.failures) == ("example", 4, 0)
    for case, test in zip(cases(exports.base), suite, strict=True):
        assert test.name == case.name and test.is_passed
        median_s = statistics.median(case.times_s)
        assert abs(test.time - median_s) <= 0.000_5, "times have three decimals"
        same(float(re.match(r"median (\S+) s", test.system_out)[1]), median_s)
    spoilt = json.loads(exports.base.read_text())
    spoilt["cases"][1]["samples"][0]["verification"]["passed"] = False
    path = exports.directory / "spoilt.json"
    path.write_text(json.dumps(spoilt))
    failing = exports.directory / "spoilt.xml"
    done = subprocess.run([exports.bench, "export", "--to", "junit", "-o", failing, path], capture_output=True)
    assert done.returncode == 4, "a failed verification is told by the exit code"
    [suite] = list(junitparser.JUnitXml.fromfile(str(failing)))
    assert [test.is_passed for test in suite] == [True, False, True, True]
    text = exports.export("junit", exports.hostile).read_text()
    tree = xml.etree.ElementTree.fromstring(text)
    hostname = tree.find("testsuite").get("hostname")
    assert hostname == HOSTILE.replace("\x00", "\ufffd").replace("\x1b", "\ufffd").replace("\ufffe", "\ufffd")
    # The order that Jenkins's schema (xunit-plugin, junit-10.xsd) asks for.
    assert [child.tag for child in tree.find("testsuite")] == ["properties"] + 4 * ["testcase"]
    time = re.compile(r"\d+\.\d{3}")
    assert all(time.fullmatch(element.get("time", "0.000")) for element in tree.iter())
    return f"junitparser {junitparser.version}"


def check_bmf(exports):
    """Bencher's adapter is no package; these are the rules of its source (bmf.rs names it): names of 1 to 1024 bytes that are no
    identifiers of their own, a known or named measure, numbers."""
    results = json.loads(exports.export("bmf", exports.base).read_text())
    for case in cases(exports.base):
        [(measure, metric)] = results.pop(case.name).items()
        assert metric.keys() == {"value", "lower_value", "upper_value"}
        expected, factor = ("Bandwidth (GB/s)", 1) if case.bytes else ("throughput", 1e9)
        assert measure == expected
        same_list(
            [metric["value"], metric["lower_value"], metric["upper_value"]],
            [factor * case.rate, factor * case.low, factor * case.high],
        )
    assert not results
    for name in json.loads(exports.export("bmf", exports.hostile).read_text()):
        assert 0 < len(name.encode()) <= 1024 and name.isprintable() and "_bencher_ignore" not in name
    raise NotRun("Bencher's adapter is no package: the rules of its source were checked here")


def check_github_action_benchmark(exports):
    base = exports.export("github-action-benchmark", exports.base)
    evil = exports.export("github-action-benchmark", exports.hostile)
    # The expression of benchmark-action/github-action-benchmark, src/extractRangeInfo.ts.
    half = re.compile(r"(\+-|±)\s*(\d.*)")
    for case, result in zip(cases(exports.base), json.loads(base.read_text()), strict=True):
        assert (result["name"], result["unit"]) == (case.name, case.unit)
        same_list([result["value"], float(half.match(result["range"])[2])], [case.rate, (case.high - case.low) / 2])
    node = shutil.which("node") or shutil.which("nodejs")
    if not node or not shutil.which("npm"):
        raise NotRun("there is no node with npm: the figures were checked, the action's schema was not")
    modules = TOOLS / "node"
    if not (modules / "node_modules/zod").exists():
        run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", modules, ZOD)
    # The schema statement by statement as it stands in src/extract.ts.
    reader = modules / "reader.mjs"
    reader.write_text("""
        import { z } from 'zod';
        import { readFileSync } from 'fs';
        const BenchmarkResult = z.object({
            name: z.coerce.string(),
            value: z.coerce.number(),
            range: z.coerce.string().optional(),
            unit: z.coerce.string(),
            extra: z.coerce.string().optional(),
        });
        console.log(JSON.stringify(z.array(BenchmarkResult).parse(JSON.parse(readFileSync(process.argv[2], 'utf8')))));
    """)
    for path in (base, evil):
        assert json.loads(run(node, reader, path)) == json.loads(path.read_text())
    return f"{ZOD} with github-action-benchmark's schema (the action itself runs on GitHub only)"


class Table(html.parser.HTMLParser):
    """The cells of a page's tables, and its other elements' names."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.is_cell = [], set(), False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        self.is_cell = tag in ("td", "th")
        if self.is_cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.is_cell = self.is_cell and tag not in ("td", "th")

    def handle_data(self, text):
        if self.is_cell:
            self.rows[-1][-1] += text


def check_markdown(exports):
    import cmarkgfm
    from cmarkgfm.cmark import Options

    def render(record):
        text = exports.export("markdown", record).read_text()
        # Raw HTML is let through, so that none is there to be filtered.
        return Table(cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE))

    table = render(exports.base)
    for case, row in zip(cases(exports.base), table.rows[1:], strict=True):
        assert row[0] == case.name and row[4] == "9 of 9"
        median, unit = row[1].split()
        assert unit == case.unit and math.isclose(float(median), case.rate, rel_tol=1e-3)
        low, high = map(float, row[2].split(" to "))
        assert math.isclose(low, case.low, rel_tol=1e-3) and math.isclose(high, case.high, rel_tol=1e-3)
    evil = render(exports.hostile)
    assert [len(row) for row in evil.rows] == 5 * [6]
    assert evil.tags == table.tags, f"{evil.tags ^ table.tags} came out of a record's strings"
    return "cmarkgfm: GitHub's own Markdown"


def check_csv(exports):
    with exports.export("csv", exports.base).open(newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    for case in cases(exports.base):
        of_case = [row for row in rows if row["case"] == case.name]
        same_list([float(row["run_time_s"]) for row in of_case], case.times_s)
        same_list([float(row["rate"]) for row in of_case], case.rates)
        for row in of_case:
            assert (row["rate_unit"], row["verified"]) == (case.unit, "true")
            same_list(
                [float(row[name]) for name in ("rate_median", "rate_median_low", "rate_median_high")],
                [case.rate, case.low, case.high],
            )
    with exports.export("csv", exports.hostile).open(newline="") as file:
        for row in csv.reader(file, strict=True):
            assert len(row) == len(rows[0])
            assert not any(re.match(r"[=+\-@\t\r]", field) for field in row), row
    return "Python's csv, strict"


def check_pipelines(exports):
    """The GitHub action and the GitLab snippet, by the vendors' schemas that come with check-jsonschema; then their own steps, in a
    shell, as far as that can stand for a runner."""
    import yaml

    action_file = ROOT / ".github/actions/bench-check/action.yml"
    snippet_file = ROOT / ".gitlab/bench-check.yml"
    check = tool("check-jsonschema")
    run(check, "--builtin-schema", "vendor.github-actions", action_file)
    run(check, "--builtin-schema", "vendor.github-workflows", *(ROOT / ".github/workflows").glob("*.yml"))
    run(check, "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", snippet_file)

    fake = exports.directory / "bench.run"
    fake.write_text("#!/bin/sh\necho measured\nexit 1\n")
    (exports.directory / "baseline").mkdir()
    (exports.directory / "baseline/bench.run").write_text("")
    action = yaml.safe_load(action_file.read_text())
    inputs = {name: given.get("default", "") for name, given in action["inputs"].items()}
    inputs["baseline"] = "baseline/bench.run"
    [step] = action["runs"]["steps"]
    github = {"GITHUB_ACTION_PATH": str(action_file.parent)}
    github |= {name: str(exports.directory / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}

    def call(shell, environment):
        done = subprocess.run(["sh", "-c", shell], cwd=exports.directory, env={**os.environ, **environment}, capture_output=True, text=True)
        assert done.returncode == 1, f"{shell} ended with {done.returncode}\n{done.stderr}"

    expression = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
    given = {name: expression.sub(lambda found: inputs[found[1]], value) for name, value in step["env"].items()}
    call(step["run"], given | github)
    written = dict(line.split("=") for line in Path(github["GITHUB_OUTPUT"]).read_text().splitlines())
    assert written == {"verdict": "regression", "exit-code": "1"}
    for output in action["outputs"].values():
        assert output["value"] in [f"${{{{ steps.{step['id']}.outputs.{name} }}}}" for name in written]
    assert "measured" in Path(github["GITHUB_STEP_SUMMARY"]).read_text()

    job = yaml.safe_load(snippet_file.read_text())[".bench-check"]
    # A runner starts in the project's directory, where the script is.
    variables = {**job["variables"], "BENCH_CHECK": str(ROOT / job["variables"]["BENCH_CHECK"])}
    [line] = job["script"]
    call(line, variables)
    import junitparser

    [suite] = list(junitparser.JUnitXml.fromfile(str(exports.directory / job["artifacts"]["reports"]["junit"])))
    assert suite.failures == 1
    return "check-jsonschema on the action, the workflows and the GitLab snippet; their steps in a shell with a fake bench"


CHECKS = [
    check_pyperf,
    check_google_benchmark,
    check_asv,
    check_hyperfine,
    check_junit,
    check_bmf,
    check_github_action_benchmark,
    check_markdown,
    check_csv,
    check_pipelines,
]
# Readers that may be missing where CI is set, too: one is no package, and Debian's npm would take longer than all of this.
MAY_BE_MISSING = {check_bmf, check_github_action_benchmark}


def main():
    bench = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/bench").resolve()
    failed = False
    for check in CHECKS:
        name = check.__name__.removeprefix("check_").replace("_", "-")
        with tempfile.TemporaryDirectory() as directory:
            try:
                print(f"ok       {name}: {check(Exports(bench, Path(directory)))}")
            except NotRun as reason:
                print(f"not run  {name}: {reason}")
                failed = failed or ("CI" in os.environ and check not in MAY_BE_MISSING)
            except Exception as error:  # each reader has its own
                print(f"FAILED   {name}: {type(error).__name__}: {error}")
                failed = True
    sys.exit(failed)


if __name__ == "__main__":
    with_readers()
    main()
