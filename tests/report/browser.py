#!/usr/bin/env python3
"""Has `bench report` make the page of the example hosts, opens it in Chromium, and does with it what a reader does.

    tests/report/browser.py [target/release/bench [unittest's options and names of tests]]

What cannot be run is a failure: nothing is skipped. Screenshots and the printed page are left in target/report-check, to be looked at.
"""

import collections
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

import expected
from chromium import Browser, Page

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HOSTS = ROOT / "reports/tests/hosts"
OUT = ROOT / "target/report-check"
BENCH = ROOT / "target/release/bench"
TITLE = "Example hosts"
WIDTHS = [360, 768, 1280]
SCHEMES = ["light", "dark"]
SCRIPT_HOST = "<script>alert(1)</script>"
# The kinds of pictures, each of which these records have.
KINDS = "hosts heat-map energy by-size scaling roofline samples trace history ratios".split()
# What bench ends with when hosts computed different norms, as one of them did.
DIFFERENT_NORMS = 4
# As much of the page as one picture shows.
SCREEN_HEIGHT = 2600


def axe():
    """The program text of axe-core, fetched once."""
    script = OUT / "axe.min.js"
    wanted = (HERE / "requirements.txt").read_text()
    stamp = OUT / "requirements.txt"
    if not script.exists() or not stamp.exists() or stamp.read_text() != wanted:
        with tempfile.TemporaryDirectory() as directory:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            pip += ["--only-binary", ":all:", "--require-hashes", "--requirement", HERE / "requirements.txt"]
            subprocess.run([*pip, "--dest", directory], check=True)
            [wheel] = Path(directory).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                [name] = [name for name in archive.namelist() if name.endswith("/axe.min.js")]
                script.write_bytes(archive.read(name))
        stamp.write_text(wanted)
    return script.read_text()


def make_page(output, *words):
    """Has bench write a page; what it printed, and how it ended."""
    words = [BENCH, "report", *words, "--output", output, "--force"]
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=ROOT)


def js(value):
    """A Python value in JavaScript."""
    return json.dumps(value)


def table(selector):
    """An expression for what a table holds: titles, how they are sorted, and rows of [text, value]."""
    return f"""(() => {{
        const table = document.querySelector({js(selector)});
        const heads = [...table.tHead.rows[0].cells];
        const value = (cell) => cell.dataset.value === undefined ? null : Number(cell.dataset.value);
        return {{
            titles: heads.map((head) => head.textContent.trim()),
            sorts: heads.map((head) => head.getAttribute("aria-sort")),
            rows: [...table.tBodies[0].rows].filter((row) => !row.hidden && !row.classList.contains("more"))
                .map((row) => [...row.cells].map((cell) => [cell.textContent.trim(), value(cell)])),
        }};
    }})()"""


def column(held, title):
    """The [text, value] pairs of a column."""
    index = held["titles"].index(title)
    return [row[index] for row in held["rows"]]


def named(label):
    """The host and commit that a label names; no commit where the host has one state only."""
    found = re.fullmatch(r"(.*?)(?: \(commit (\w+)\))?", label)
    return found[1], found[2]


class Timed(unittest.TextTestResult):
    """Says of each test how long it took: the browser is not to become what everybody waits for."""

    def startTest(self, test):
        self.begin_s = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok ({time.monotonic() - self.begin_s:.1f} s)")


class InBrowser(unittest.TestCase):
    """Tests that open the page in a tab of their own, light and 1280 wide."""

    @classmethod
    def setUpClass(cls):
        OUT.mkdir(parents=True, exist_ok=True)
        cls.page_file = OUT / "report.html"
        done = make_page(cls.page_file, HOSTS, "--title", TITLE)
        assert done.returncode == DIFFERENT_NORMS, f"bench ended with {done.returncode}: {done.stderr}"
        cls.sides = expected.sides(HOSTS)
        cls.profile = tempfile.TemporaryDirectory()
        cls.browser = Browser(Path(cls.profile.name))

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.profile.cleanup()

    def setUp(self):
        self.page = Page(self.browser)
        self.page.set_size(1280, 900)
        self.page.set_media()
        self.addCleanup(self.page.close)

    def open(self, path=None):
        self.page.open((path or self.page_file).as_uri())

    def tearDown(self):
        """Whatever was done: no word on the console, no question to the network, no dialog."""
        self.assertEqual(self.page.complaints, [])
        self.assertEqual([url for url in self.page.requests if not url.startswith(("file:", "data:"))], [])
        self.assertLessEqual(len({url.split("#")[0] for url in self.page.requests if url.startswith("file:")}), 1)
        self.assertEqual(self.page.dialogs, [])

    def side(self, label):
        """The side that a label names; the newest where it names a host in many states."""
        hostname, commit = named(label)
        sides = [side for side in self.sides if side.hostname == hostname and commit in (None, side.commit)]
        return max(sides, key=lambda side: side.records[-1]["started_utc"])

    def newest(self):
        """The newest side of each host."""
        return [self.side(hostname) for hostname in dict.fromkeys(side.hostname for side in self.sides)]

    def assert_shows(self, cell, value):
        """The cell shows this number as exactly as its decimals tell, and is sorted by all of it."""
        text, sorted_by = cell
        if value is None:
            self.assertEqual((text, sorted_by), ("-", None))
            return
        self.assertTrue(math.isclose(sorted_by, value, rel_tol=1e-9), f"{sorted_by} where the records have {value}")
        figure = re.match(r"[\d,.]+", text)[0].replace(",", "")
        last_digit = 10.0 ** -len(figure.partition(".")[2])
        self.assertLessEqual(abs(float(figure) - value), 0.5 * last_digit * (1 + 1e-9), text)


class Values(InBrowser):
    def test_the_title_is_the_one_asked_for(self):
        self.open()
        self.assertEqual(self.page.evaluate("document.title"), TITLE)
        self.assertEqual(self.page.evaluate("document.querySelector('h1').textContent"), TITLE)

    def test_hosts_have_the_figures_of_their_records(self):
        self.open()
        held = self.page.evaluate(table("#hosts table"))
        self.assertEqual(len(held["rows"]), len(self.newest()))
        for index, [label, _] in enumerate(column(held, "host")):
            side = self.side(label)
            with self.subTest(label):
                self.assert_shows(column(held, "best GFLOPS")[index], side.best)
                self.assert_shows(column(held, "memory GB/s")[index], side.bandwidth)
                invalid = f" ({side.invalid} INVALID)" if side.invalid else ""
                self.assertEqual(column(held, "runs")[index], [f"{side.runs}{invalid}", side.runs])

    def test_cases_have_the_medians_of_their_samples(self):
        self.open()
        cases = self.page.evaluate("[...document.querySelectorAll('[data-case]')].map((case_) => case_.dataset.case)")
        count = 0
        for place, title in enumerate(cases):
            held = self.page.evaluate(
                table("[data-case] table").replace(
                    'document.querySelector("[data-case] table")',
                    f"document.querySelectorAll('[data-case] table')[{place}]",
                )
            )
            for row in held["rows"]:
                cells = dict(zip(held["titles"], row))
                # Where hosts stand alone, each row says its case for itself.
                case = title or cells["case"][0]
                kernel, n, dtype, threads = re.match(r"(\S+) n=(\d+) (\w+), (\d+) ", case).groups()
                with self.subTest(f"{case}: {cells['host'][0]}"):
                    should = self.side(cells["host"][0]).rows[kernel, int(n), dtype, int(threads)]
                    self.assert_shows(cells[should.unit], should.rate)
                    self.assert_shows(cells["of peak"], should.percent)
                    self.assertEqual(cells["grade"][0], should.grade)
                    runs = [should.runs] if should.runs == should.all_runs else [should.runs, "of", should.all_runs]
                    self.assertEqual(cells["runs"][0], " ".join(map(str, runs)))
                count += 1
            if title:
                self.assertGreater(len(held["rows"]), 1, f"{title} has a table of its own for one row")
        self.assertEqual(count, sum(len(side.rows) for side in self.newest()))

    def test_earlier_states_are_folded_with_what_they_did(self):
        self.open()
        [summary, *others] = self.page.evaluate(
            "[...document.querySelectorAll('#table-of-hosts summary')].map((it) => it.textContent)"
        )
        self.assertEqual(others, [])
        earlier = [side for side in self.sides if side.hostname == "ci-runner" and side not in self.newest()]
        self.assertEqual(summary, f"and {len(earlier)} earlier states of ci-runner")
        items = self.page.evaluate(
            "[...document.querySelectorAll('#table-of-hosts li')].map((it) => it.textContent)"
        )
        # The first says which one the newest is.
        self.assertEqual(len(items), 1 + len(earlier))
        earlier.sort(key=lambda side: side.records[-1]["started_utc"], reverse=True)
        for item, side in zip(items[1:], earlier):
            day, figure, difference = item.split(" · ")
            self.assertEqual(day, side.records[-1]["started_utc"][:10])
            self.assertAlmostEqual(float(figure.split()[0]), side.best, delta=0.5)
            self.assertEqual(difference, f"commit {side.commit}")
        # Every record is somewhere in the provenance.
        text = self.page.evaluate("document.getElementById('provenance').textContent")
        for side in self.sides:
            for record in side.records:
                self.assertIn(record["samples_sha256"], text)

    def test_what_is_suspicious_is_said(self):
        self.open()
        text = self.page.evaluate("document.getElementById('summary').textContent")
        for word in ("node17-bad-memory", "old-vm", "container-1.5cpu", "cloud-vm"):
            self.assertIn(word, text)

    def test_a_host_that_is_a_program_is_a_name(self):
        self.open()
        names = [cell[0] for cell in column(self.page.evaluate(table("#hosts table")), "host")]
        self.assertIn(SCRIPT_HOST, names)
        scripts = self.page.evaluate("[...document.scripts].map((script) => script.textContent)")
        self.assertEqual(len(scripts), 1)
        self.assertNotIn("alert(1)", scripts[0])


class Deeds(InBrowser):
    def assert_sorted(self, title, direction):
        held = self.page.evaluate(table("#hosts table"))
        place = held["titles"].index(title)
        self.assertEqual(held["sorts"], [direction if it == place else None for it in range(len(held["titles"]))])
        values = [value for _, value in column(held, title)]
        known = [value for value in values if value is not None]
        # What is not known stands last, whichever way.
        self.assertEqual(values, sorted(known, reverse=direction == "descending") + [None] * (len(values) - len(known)))
        self.assertEqual(len(values), len(self.newest()))
        # What is folded below a row has come with it.
        self.assertEqual(self.page.evaluate(
            "[...document.querySelectorAll('#table-of-hosts tr.more')]"
            ".map((row) => row.previousElementSibling.cells[0].textContent)"
        ), ["ci-runner"])

    def head(self, title):
        titles = self.page.evaluate(table("#hosts table"))["titles"]
        return f"document.querySelectorAll('#hosts table')[0].tHead.rows[0].cells[{titles.index(title)}].querySelector('button')"

    def test_a_click_on_a_head_sorts_and_another_one_turns_it_round(self):
        self.open()
        for title in ("best GFLOPS", "cores", "memory GB/s", "of peak"):
            for direction in ("descending", "ascending", "descending"):
                self.page.click(self.head(title))
                self.assert_sorted(title, direction)

    def test_words_are_sorted_as_words(self):
        self.open()
        for is_reversed in (False, True):
            self.page.click(self.head("processor"))
            words = [text for text, _ in column(self.page.evaluate(table("#hosts table")), "processor")]
            order = self.page.evaluate(
                f"{js(words)}.sort((a, b) => a.localeCompare(b, 'en', {{ numeric: true }}))"
            )
            self.assertEqual(words, order[::-1] if is_reversed else order)

    def test_every_head_sorts_and_no_row_is_lost(self):
        self.open()
        counts = "[...document.querySelectorAll('table[data-sort]')].map((table) => table.tBodies[0].rows.length)"
        before = self.page.evaluate(counts)
        self.page.evaluate("document.querySelectorAll('table[data-sort] th button').forEach((button) => button.click())")
        self.assertEqual(self.page.evaluate(counts), before)

    def filter(self, text):
        self.page.click("document.getElementById('filter')")
        self.page.evaluate("document.getElementById('filter').select()")
        self.page.type(text)
        self.page.wait_for(f"document.getElementById('filter').value === {js(text)}")

    ROWS = "[...document.querySelectorAll('table[data-filter] tbody tr:not(.more)')]"
    SHOWN = f"{ROWS}.filter((row) => row.checkVisibility())"
    OF_HOSTS_AND_CASES = f"{SHOWN}.filter((row) => row.closest('#hosts, [data-case]')).length"

    def test_the_filter_narrows_and_counts(self):
        self.open()
        by_host = {side.hostname: 1 + len(side.rows) for side in self.newest()}
        rows = sum(by_host.values())
        [earlier, *_] = [side for side in self.sides if side not in self.newest()]
        self.assertEqual(self.page.evaluate(self.OF_HOSTS_AND_CASES), rows)
        all_rows = self.page.evaluate(f"{self.ROWS}.length")
        self.assertEqual(
            self.page.evaluate("document.getElementById('filter-count').getAttribute('aria-live')"), "polite"
        )
        for text, shown in (
            ("desktop", by_host["desktop"]),
            ("DESKTOP", by_host["desktop"]),
            ("desktop n=3000 f32", 1),
            ("no such host", 0),
            # A state that is folded is found by its host.
            (earlier.commit, 2),
            (SCRIPT_HOST, by_host[SCRIPT_HOST]),
        ):
            self.filter(text)
            self.page.wait_for(f"document.getElementById('filter-count').textContent.includes('of {all_rows} ')")
            self.page.wait_for(f"{self.OF_HOSTS_AND_CASES} === {shown}")
            count = self.page.evaluate("document.getElementById('filter-count').textContent")
            self.assertEqual(int(count.split()[0]), self.page.evaluate(f"{self.SHOWN}.length"))
        self.page.evaluate("document.getElementById('filter').select()")
        self.page.press("Delete")
        self.page.wait_for(f"{self.SHOWN}.length === {all_rows}")

    def test_a_sorted_and_filtered_table_stays_both(self):
        self.open()
        self.filter("-vm")
        self.page.wait_for("document.getElementById('filter-count').textContent")
        self.page.click(self.head("best GFLOPS"))
        values = [value for _, value in column(self.page.evaluate(table("#hosts table")), "best GFLOPS")]
        self.assertEqual(len(values), 2)
        self.assertEqual(values, sorted(values, reverse=True))
        # What is folded below a row is hidden and shown with it.
        is_seen = "document.querySelector('#table-of-hosts tr.more').checkVisibility()"
        self.assertFalse(self.page.evaluate(is_seen))
        self.filter("ci-runner")
        self.page.wait_for(is_seen)

    def test_the_keyboard_is_enough(self):
        self.open()
        self.page.press("Tab")
        self.assertEqual(self.page.evaluate("document.activeElement.textContent"), "Skip to the report")
        self.page.press("Enter")
        self.assertEqual(self.page.evaluate("location.hash"), "#main")
        wanted = self.head("best GFLOPS")
        for _ in range(100):
            if self.page.evaluate(f"document.activeElement === {wanted}"):
                break
            self.page.press("Tab")
        self.assertTrue(self.page.evaluate(f"document.activeElement === {wanted}"), "Tab does not come to the head")
        self.assertNotEqual(self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "none")
        for key, direction in (("Enter", "descending"), ("Space", "ascending")):
            self.page.press(key)
            self.assert_sorted("best GFLOPS", direction)
        # What is focused stays so.
        self.assertTrue(self.page.evaluate(f"document.activeElement === {wanted}"))
        is_open = "document.querySelector('figure details').open"
        self.page.evaluate("document.querySelector('figure details summary').focus()")
        for should in (True, False):
            self.page.press("Enter")
            self.assertEqual(self.page.evaluate(is_open), should)

    def hints(self):
        """What the points of each picture say: its kind, its title, whether it is seen, texts. The script takes the texts to itself."""
        self.page.set_script(False)
        self.open()
        hints = self.page.evaluate(
            """[...document.querySelectorAll("svg.plot")].map((plot) => [
                plot.closest("figure").id,
                document.getElementById(plot.getAttribute("aria-labelledby")).textContent,
                plot.checkVisibility(),
                [...plot.querySelectorAll(".hint")].map((it) => it.textContent),
            ])"""
        )
        self.page.set_script(True)
        self.open()
        kind = re.compile("figure-(" + "|".join(KINDS) + ")-")
        return [(kind.match(figure)[1], *rest) for figure, *rest in hints]

    def test_the_pointer_tells_values(self):
        plots = [hints if is_seen else [] for _, _, is_seen, hints in self.hints()]
        self.assertGreater(len(list(filter(None, plots))), 3, "pictures tell no values")
        for place, hints in enumerate(plots):
            if not hints:
                continue
            point = f"document.querySelectorAll('svg.plot')[{place}].querySelector('.hint')"
            self.page.mouse("mouseMoved", *self.page.place(point))
            self.page.wait_for("!document.getElementById('hint').hidden")
            self.assertIn(self.page.evaluate("document.getElementById('hint').textContent"), hints)
            [left, right] = self.page.evaluate(
                "(({ left, right }) => [left, right])(document.getElementById('hint').getBoundingClientRect())"
            )
            self.assertTrue(0 <= left and right <= 1280, (left, right))
        self.page.mouse("mouseMoved", 2, 2)
        self.page.wait_for("document.getElementById('hint').hidden")

    def test_what_the_pointer_tells_is_what_was_measured(self):
        checked = collections.Counter()
        for kind, title, _, hints in self.hints():
            self.assertGreater(len(hints), 0, f"{title}: no point says anything")
            for hint in hints:
                told = re.search(r"([\d,]*\d(?:\.\d+)?) (?:(?:GFLOPS|GB/s)(?! per watt)|of A's speed)", hint)
                # Efficiencies are of no unit; what only warmed up counts for nothing; the roofline's figures are all in GFLOPS.
                if told is None or hint.startswith("warm-up") or (kind == "roofline" and hint.startswith("triad")):
                    continue
                figure = told[1].replace(",", "")
                last_digit = 10.0 ** -len(figure.partition(".")[2])
                measured = [value for value in self.measured(f"{title}: {hint}") if value is not None]
                is_one = any(abs(float(figure) - value) <= 0.5 * last_digit * (1 + 1e-9) for value in measured)
                self.assertTrue(is_one, f"{title}: {hint}: {measured}")
                checked[kind] += 1
        self.assertEqual(set(checked), set(KINDS))

    def measured(self, words):
        """What the records say of the case that these words name: more than one figure where they leave it open."""
        if "of A's speed" in words:
            comparison = json.loads((HOSTS / "ab-desktop.json").read_text())
            return [case["ratio"]["estimate"] for case in comparison["cases"] if f"n = {case['n']}, " in words]
        sizes = [int(n.replace(",", "")) for n in re.findall(r"\bn ?= ?(\d[\d,]*)", words)]
        threads = [int(count) for count in re.findall(r"(\d+) (?:library )?threads?\b", words)]

        def is_named(key):
            kernel, n, dtype, count = key
            named_kernel = kernel in words or not re.search("matmul-norm|triad|lu-solve", words)
            named_dtype = dtype in words or not re.search(r"\bf(?:32|64)\b", words)
            return named_kernel and named_dtype and (not sizes or n in sizes) and (not threads or count in threads)

        sides = [side for side in self.sides if side.hostname in words] or self.sides
        sample = re.search(r"\bsample (\d+) of (\d+)", words)
        day = re.search(r"\b(\d{4}-\d\d-\d\d) (\d\d:\d\d), commit", words)
        if not (sample or day or re.search(r"median of \d+ samples", words)):
            return [row.rate for side in sides for key, row in side.rows.items() if is_named(key)]
        records = [record for side in sides for record in side.records]
        if day:
            records = [record for record in records if record["started_utc"].startswith(f"{day[1]}T{day[2]}")]
        cases = [case for record in records for case in record["cases"] if is_named(expected.key(case))]
        if sample:
            index, count = int(sample[1]) - 1, int(sample[2])
            return [expected.rate(case, case["samples"][index]) for case in cases if len(case["samples"]) == count]
        return [expected.median(expected.rate(case, it) for it in expected.verified(case)) for case in cases]


class Everywhere(InBrowser):
    OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    OPEN = "document.querySelectorAll('details').forEach((details) => { details.open = true; })"

    def test_no_width_makes_the_page_scroll_sideways(self):
        self.open()
        for is_open in (False, True):
            if is_open:
                self.page.evaluate(self.OPEN)
            for width in WIDTHS:
                self.page.set_size(width, 800, is_phone=width < 500)
                self.assertLessEqual(self.page.evaluate(self.OVERFLOW), 0, f"{width} wide, opened: {is_open}")

    def test_without_script_everything_is_there(self):
        texts = "[...document.querySelectorAll('td')].map((cell) => cell.textContent)"
        self.open()
        self.page.evaluate(self.OPEN)
        with_script = self.page.evaluate(texts)
        words = self.page.evaluate("document.getElementById('main').innerText.split(/\\s+/).length")
        self.page.set_script(False)
        self.open()
        self.assertEqual(self.page.evaluate(texts), with_script)
        self.page.evaluate(self.OPEN)
        without = self.page.evaluate("document.getElementById('main').innerText.split(/\\s+/).length")
        self.assertGreater(without, 0.98 * words)
        self.assertFalse(self.page.evaluate("document.getElementById('filter-box').checkVisibility()"))
        self.assertEqual(self.page.evaluate("document.querySelectorAll('th button').length"), 0)
        self.assertTrue(self.page.evaluate("document.querySelector('#hosts table').checkVisibility()"))
        self.page.set_script(True)

    def test_what_the_page_points_to_is_there(self):
        self.open()
        lost = self.page.evaluate(
            """(() => {
                const ids = [...document.querySelectorAll("[id]")].map((it) => it.id);
                const twice = ids.filter((id, place) => ids.indexOf(id) !== place);
                const words = (name) => [...document.querySelectorAll(`[${name}]`)]
                    .flatMap((it) => it.getAttribute(name).split(/\\s+/));
                const pointed = ["aria-labelledby", "aria-describedby", "for"].flatMap(words);
                const links = [...document.querySelectorAll("a[href^='#']")].map((it) => it.getAttribute("href").slice(1));
                return [twice, [...pointed, ...links].filter((id) => !ids.includes(id))];
            })()"""
        )
        self.assertEqual(lost, [[], []])

    def test_pictures_are_text_with_a_name(self):
        self.open()
        plots = self.page.evaluate(
            """[...document.querySelectorAll("svg.plot")].map((plot) => [
                plot.getAttribute("role"),
                plot.querySelectorAll("text").length,
                plot.getAttribute("aria-labelledby") || plot.getAttribute("aria-label"),
                Boolean(plot.closest("figure").querySelector("details table")),
            ])"""
        )
        self.assertGreater(len(plots), 5)
        for role, texts, name, has_table in plots:
            self.assertEqual(role, "img")
            self.assertGreater(texts, 2)
            self.assertTrue(name)
            self.assertTrue(has_table)

    def test_letters_of_pictures_can_be_read_on_a_phone(self):
        self.open()
        self.page.set_size(360, 800, is_phone=True)
        small = self.page.evaluate(
            """[...document.querySelectorAll("svg.plot")].flatMap((plot) => {
                const scale = plot.getBoundingClientRect().width / plot.viewBox.baseVal.width;
                return [...plot.querySelectorAll("text")]
                    .map((it) => [scale * parseFloat(getComputedStyle(it).fontSize), it.textContent])
                    .filter(([size]) => size < 9);
            })"""
        )
        self.assertEqual(small, [])

    def test_it_prints(self):
        self.open()
        document = self.page.pdf()
        (OUT / "report.pdf").write_bytes(document)
        self.assertTrue(document.startswith(b"%PDF-"))
        pages = len(re.findall(rb"/Type\s*/Page\b", document))
        self.assertTrue(2 <= pages <= 40, f"{pages} pages")

    # What the paper leaves between its margins, at 96 dots an inch: A4 and Letter, the narrower one.
    PAPER_WIDTH = 8.27 * 96 - 2 * 12 / 25.4 * 96

    def test_on_paper_it_is_light_and_no_wider_than_the_paper(self):
        """What is wider makes the browser print all of it smaller."""
        for scheme in SCHEMES:
            self.page.set_media(scheme, "print")
            self.page.set_size(int(self.PAPER_WIDTH), 1000)
            self.open()
            self.assertEqual(self.page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
            self.assertLessEqual(self.page.evaluate(self.OVERFLOW), 0)
            wide = self.page.evaluate(
                """[...document.querySelectorAll("table, figure")].filter((it) => it.checkVisibility()
                    && it.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((it) => it.id)"""
            )
            self.assertEqual(wide, [])
            small = self.page.evaluate(
                """[...document.querySelectorAll("svg.plot text")].filter((it) => it.checkVisibility()
                    && it.getBoundingClientRect().height < 5).map((it) => it.textContent)"""
            )
            self.assertEqual(small, [])

    def test_what_is_folded_is_printed_or_said_to_be_left_out(self):
        self.page.set_media("light", "print")
        self.open()
        self.assertTrue(self.page.evaluate("document.querySelector('.on-paper').checkVisibility()"))
        self.assertTrue(self.page.evaluate(
            "document.querySelector('#table-of-hosts li').checkVisibility({ contentVisibilityAuto: true })"
        ))
        after = self.page.evaluate(
            """[...document.querySelectorAll("details > summary")].filter((it) => it.checkVisibility()).map((it) =>
                [it.parentNode.className, getComputedStyle(it, "::after").content])"""
        )
        self.assertGreater(len(after), 5)
        for name, content in after:
            self.assertEqual("not printed" in content, name != "printed", (name, content))

    def test_pictures_of_it_are_left_to_be_looked_at(self):
        for old in OUT.glob("*.png"):
            old.unlink()
        for scheme in SCHEMES:
            for name, width, scale in (("desktop", 1280, 1), ("phone", 360, 2)):
                self.page.set_size(width, 900, scale, is_phone=name == "phone")
                self.page.set_media(scheme)
                self.open()
                # Nothing that follows the reader.
                self.page.evaluate("document.querySelector('.filter').style.position = 'static'")
                height = self.page.evaluate("document.documentElement.scrollHeight")
                # Strips of one height: no last one with nothing in it.
                strips = math.ceil(height / SCREEN_HEIGHT)
                strip_height = math.ceil(height / strips)
                for place in range(strips):
                    path = OUT / f"{name}-{scheme}-{place + 1:02}.png"
                    top = place * strip_height
                    self.page.screenshot(path, [0, top, width, min(strip_height, height - top)])
                    self.assertGreater(path.stat().st_size, 1000)
        colours = {}
        for scheme in SCHEMES:
            self.page.set_media(scheme)
            colours[scheme] = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        self.assertNotEqual(colours["light"], colours["dark"])


class Accessible(InBrowser):
    def test_axe_finds_nothing_serious(self):
        script = axe()
        # Half a minute each where the machine is slow: colours are of the scheme and sizes of the width, not of both.
        for scheme, width in zip(SCHEMES, (1280, 360)):
            self.page.set_size(width, 900, is_phone=width < 500)
            self.page.set_media(scheme)
            self.open()
            self.page.evaluate(Everywhere.OPEN)
            self.page.evaluate(script)
            passes, violations = self.page.evaluate(
                """axe.run(document, { resultTypes: ["violations"] }).then((result) => [
                    result.passes.length,
                    result.violations.map((it) => [it.impact, it.id, it.help, it.nodes.slice(0, 3).map((node) => node.html)]),
                ])"""
            )
            with self.subTest(scheme=scheme, width=width):
                self.assertGreater(passes, 20)
                self.assertEqual([it for it in violations if it[0] in ("serious", "critical")], [])
                for impact, name, text, nodes in violations:
                    print(f"axe, {scheme}, {width} wide: {impact}: {name}: {text}: {nodes}", file=sys.stderr)

    def test_texts_of_pictures_stand_out(self):
        """axe does not look into SVGs: each text has 4.5:1 to what lies under it."""
        script = (HERE / "contrast.js").read_text()
        for scheme in SCHEMES:
            self.page.set_media(scheme)
            self.open()
            self.assertEqual(self.page.evaluate(script), [], scheme)


def main():
    global BENCH
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BENCH = Path(sys.argv.pop(1)).resolve()
    if shutil.which(str(BENCH)) is None:
        sys.exit(f"cannot find {BENCH}: it is built by `make target/release/bench`")
    unittest.main(testRunner=unittest.TextTestRunner(verbosity=2, resultclass=Timed))


if __name__ == "__main__":
    main()
