"""What a page has to say of records, computed from their samples here and not by bench."""

import collections
import json
import statistics


class Case:
    """A case of a record."""

    def __init__(self, record, case):
        self.key = key(case)
        self.rate = median(rate(case, sample) for sample in verified(case))
        self.unit = "GB/s" if case.get("bytes") else "GFLOPS"
        peaks = [
            peak["gflops"]
            for peak in (record.get("limits") or {}).get("fma_peaks", [])
            if peak["verified"]
            and (peak["dtype"], peak["threads"], peak["isa"]) == (case["dtype"], case["threads_used"], case.get("isa"))
        ]
        self.percent = 100 * self.rate / max(peaks) if peaks and self.rate and self.unit == "GFLOPS" else None


def key(case):
    """By what a page tells cases apart."""
    return case["kernel"], case["n"], case["dtype"], case["threads_used"]


def rate(case, sample):
    """GFLOPS, or GB/s where bytes are counted."""
    return 1e-9 * (case.get("bytes") or case["flop"]) / sample["run_time_s"]


def verified(case):
    return [sample for sample in case["samples"] if sample["verification"]["passed"]]


class Side:
    """A host in one state: in these records only its commits tell its states apart."""

    def __init__(self, records):
        self.records = sorted(records, key=lambda record: record["started_utc"])
        self.hostname = records[0]["host"]["hostname"]
        self.commit = records[0]["software"]["bench_commit"]
        self.runs = len(records)
        self.invalid = sum(grade(record) == "INVALID" for record in records)
        triads = [record["limits"]["triad"] for record in self.records if (record.get("limits") or {}).get("triad")]
        self.bandwidth = triads[-1]["gb_per_s"] if triads else None
        by_key = collections.defaultdict(list)
        for record in self.records:
            for case in record["cases"]:
                by_key[key(case)].append(record)
        self.rows = {of: Row(of, of_key) for of, of_key in by_key.items()}
        rates = [row.rate for row in self.rows.values() if row.unit == "GFLOPS" and row.rate is not None]
        self.best = max(rates, default=None)


def grade(record):
    return (record.get("grade") or {}).get("grade", "QUICK")


class Row:
    """What a side did of a case: the median of its sound runs, of all where none is."""

    def __init__(self, key, records):
        sound = [record for record in records if grade(record) != "INVALID"] or records
        cases = [Case(record, case) for record in sound for case in record["cases"]]
        cases = [case for case in cases if case.key == key]
        self.unit = cases[0].unit
        self.runs, self.all_runs = len(sound), len(records)
        self.rate = median(case.rate for case in cases)
        self.percent = median(case.percent for case in cases)
        self.grade = max((grade(record) for record in sound), key=["VALID", "QUICK", "INVALID"].index)


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def sides(directory):
    """The sides of a directory's records, by host and commit."""
    by_side = collections.defaultdict(list)
    for path in sorted(directory.glob("*.json")):
        record = json.loads(path.read_text())
        if "schema_version" in record:
            by_side[record["host"]["hostname"], record["software"]["bench_commit"]].append(record)
    return [Side(records) for records in by_side.values()]
