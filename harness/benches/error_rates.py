#!/usr/bin/env python3
"""How often `bench check` is wrong, and what it finds: gates on this machine, kept as JSON lines, and the same data through others' methods.

    harness/benches/error_rates.py run ./bench.run --out gates.jsonl --gates 200 --size 1000 --budget 20s
    harness/benches/error_rates.py run ./bench.run --out gates.jsonl --gates 40 --size 1000 --budget 20s --inject stretch:0.05
    harness/benches/error_rates.py report gates.jsonl                           # error_rates.txt is that of gates.jsonl.gz
    harness/benches/error_rates.py series gates.jsonl > series.jsonl    # for cargo run --release -p results --example gate_simulation

`run` goes on until the file has so many gates of this kind, so it can be stopped and started again. Every gate is kept, with the rates
of all repetitions. Both sides are the same bench; what is injected into the candidate's processes:

    none            nothing: an A/A gate, in which every regression is false
    stretch:0.05    exact and synthetic: the rates in the candidate's real records are 5 % lower (and the digest of its samples is left out)
    beside:0.05     real: a process beside each of the candidate's takes 5 % of the time of the first CPU, in slices of some 0.2 ms
    coretype:Haswell  real: OPENBLAS_CORETYPE, other kernels of the same library
    threads:1       real: fewer threads

The methods beside ours, with their documented defaults, as their users feed them (one process of each side) and, more kindly than that, with
all repetitions of the gate's first look, which bench has interleaved for them:

    github-action-benchmark   alert-threshold 200 % (and 110 %) on the time of one run against the one before it. README of
                              benchmark-action/github-action-benchmark
    Bencher t-test            lower boundary 0.99 of Student's distribution with the mean and the deviation of up to 64 earlier runs, one
                              value each. bencher.dev/docs/explanation/thresholds
    google-benchmark          tools/compare.py: Mann-Whitney, two-sided, 0.05, over 9 or more repetitions; and slower
    criterion                 Welch's t by bootstrap from both samples together, p < 0.05, and the 95 % interval of the change of the mean wholly
                              above its noise threshold of 1 %. criterion.rs book, Analysis Process (2,000 resamples here, not 100,000)
"""

import argparse
import collections
import gzip
import json
import math
import os
import random
import shlex
import statistics
import subprocess
import sys
import time

SELF = os.path.abspath(__file__)


def stretched(share, command):
    """Runs a bench and prints its record with rates that are lower by this share."""
    done = subprocess.run(command, stdout=subprocess.PIPE)
    record = json.loads(done.stdout)
    record.pop("samples_sha256", None)
    for case in record["cases"]:
        for sample in case["samples"]:
            sample["gflops"] *= 1.0 - share
            sample["run_time_s"] /= 1.0 - share
    print(json.dumps(record))
    sys.exit(done.returncode)


def compete(share, period_s=0.004):
    """Takes this share of the first CPU's time until it is ended, or its parent has."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    parent = os.getppid()
    while os.getppid() == parent:
        begin, end = time.monotonic(), time.thread_time() + share * period_s
        while time.thread_time() < end:
            pass
        time.sleep(max(0.0, begin + period_s - time.monotonic()))


def beside(share, command):
    """Runs a bench with a competitor beside it."""
    competitor = subprocess.Popen([sys.executable, SELF, "compete", str(share)])
    try:
        sys.exit(subprocess.run(command).returncode)
    finally:
        competitor.kill()
        competitor.wait()


def candidate_command(bench, inject):
    kind, _, value = inject.partition(":")
    words = {
        "none": [bench],
        "stretch": [sys.executable, SELF, "stretched", value, bench],
        "beside": [sys.executable, SELF, "beside", value, bench],
        "coretype": ["env", f"OPENBLAS_CORETYPE={value}", bench],
        "threads": [bench, "--threads", value],
    }
    if kind not in words:
        sys.exit(f"error_rates: cannot inject {inject}: it is none, stretch, beside, coretype or threads")
    return shlex.join(words[kind])


def read(path):
    if not os.path.exists(path):
        return []
    with gzip.open(path, "rt") if path.endswith(".gz") else open(path) as lines:
        # The last line may have been cut off.
        return [json.loads(line) for line in lines if line.endswith("\n")]


def run(arguments):
    bench = os.path.abspath(arguments.bench)
    kind = {"n": arguments.size, "budget": arguments.budget, "inject": arguments.inject, "threshold": arguments.threshold}
    done = sum(1 for gate in read(arguments.out) if all(gate[key] == kind[key] for key in kind))
    for index in range(done, arguments.gates):
        command = [bench, "check", "--against", shlex.quote(bench), "--candidate", candidate_command(bench, arguments.inject)]
        command += ["--size", str(arguments.size), "--max-time", arguments.budget, "--json", "--accepted", os.devnull + ".none"]
        command += ["--order-seed", str(random.getrandbits(32))]
        if arguments.threshold:
            command += ["--threshold", arguments.threshold]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode not in (0, 1, 3):
            sys.exit(f"error_rates: a gate failed with code {ended.returncode}: {ended.stdout[:300]}{ended.stderr}")
        found = json.loads(ended.stdout)
        case = found["cases"][0]
        gate = kind | {
            "verdict": found["verdict"],
            "started_utc": found["started_utc"],
            "elapsed_s": found["elapsed_s"],
            "bundle": ((found["baseline"]["software"] or {}).get("bundle") or {}).get("digest"),
            "ratio": case["ratio"],
            "gate": case["gate"],
            "first": case["first"],
            "fresh": case.get("fresh", []),
            "processes": [[p["stage"], p["side"], p["gflops"][0]] for p in found["processes"]],
        }
        with open(arguments.out, "a") as out:
            out.write(json.dumps(gate) + "\n")
        ratio = case["ratio"] or {"estimate": math.nan, "noise_floor": math.nan}
        print(
            f"{index + 1} of {arguments.gates} n={arguments.size} {arguments.inject}: {found['verdict']}, ratio {ratio['estimate']:.4f},"
            f" noise {100 * ratio['noise_floor']:.1f} %, {len(case['first'])}+{len(gate['fresh'])} blocks, {found['elapsed_s']:.0f} s",
            flush=True,
        )


# The others' methods. Each gets rates of the baseline and of the candidate and says whether it would raise an alarm.


def ratio_of_times(baseline, candidate, percent):
    return statistics.median(baseline) / statistics.median(candidate) * 100 > percent


def t_cumulative(t, freedom):
    """Student's distribution, by Simpson's rule over the angle: t = sqrt(freedom) * tan(angle)."""
    limit, steps = math.atan(t / math.sqrt(freedom)), 400
    step = limit / steps
    values = [math.cos(index * step) ** (freedom - 1) for index in range(steps + 1)]
    integral = step / 3 * (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]))
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    return 0.5 + scale * integral


def t_quantile(probability, freedom):
    low, high = -1e3, 1e3
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cumulative(middle, freedom) < probability else (low, middle)
    return low


def bencher(history, value, boundary=0.99):
    history = history[-64:]
    if len(history) < 2:
        return False
    limit = statistics.mean(history) - t_quantile(boundary, len(history) - 1) * statistics.stdev(history)
    return value < limit


def mann_whitney(baseline, candidate, alpha=0.05):
    """Two-sided, by the normal approximation with corrections for ties and continuity, as scipy does from 9 values on."""
    m, n = len(baseline), len(candidate)
    ranked = sorted([(rate, 0) for rate in baseline] + [(rate, 1) for rate in candidate])
    ranks, index, ties = 0.0, 0, 0.0
    while index < m + n:
        end = index
        while end < m + n and ranked[end][0] == ranked[index][0]:
            end += 1
        ranks += sum((index + 1 + end) / 2 for place in range(index, end) if ranked[place][1])
        ties += (end - index) ** 3 - (end - index)
        index = end
    u = ranks - n * (n + 1) / 2
    deviation = math.sqrt(m * n / 12 * (m + n + 1 - ties / ((m + n) * (m + n - 1))))
    z = (abs(u - m * n / 2) - 0.5) / deviation if deviation else 0.0
    return math.erfc(z / math.sqrt(2)) < alpha and statistics.median(candidate) < statistics.median(baseline)


def welch(one, other):
    variance = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(variance) if variance else 0.0


def criterion(baseline, candidate, resamples=2000, significance=0.05, noise=0.01):
    old, new = [1 / rate for rate in baseline], [1 / rate for rate in candidate]
    draw = random.Random(1).choices
    found, pooled = welch(new, old), old + new
    drawn = [welch(draw(pooled, k=len(new)), draw(pooled, k=len(old))) for _ in range(resamples)]
    above = sum(1 for t in drawn if t > found)
    p = 2 * min(above, resamples - above) / resamples
    change = lambda: statistics.fmean(draw(new, k=len(new))) / statistics.fmean(draw(old, k=len(old))) - 1
    changes = sorted(change() for _ in range(resamples))
    return p < significance and changes[int(0.025 * resamples)] > noise


METHODS = (
    "bench check",
    "github-action-benchmark 200 %",
    "github-action-benchmark 110 %",
    "Bencher t-test 0.99",
    "google-benchmark U test",
    "google-benchmark U test, pooled",
    "criterion",
    "criterion, pooled",
)


def alarms(gate, history):
    """Which methods raise an alarm at this gate. `history` holds one value of the baseline for each gate before it."""
    samples = {side: [rates for stage, of, rates in gate["processes"] if stage == "first" and of == side] for side in "AB"}
    if not samples["A"] or not samples["B"]:
        return None
    run = {side: list(samples[side][0]) for side in "AB"}
    nine = {side: [] for side in "AB"}
    for side in "AB":
        for rates in samples[side]:
            if len(nine[side]) < 9:
                nine[side] += rates
    pooled = {side: [rate for rates in samples[side] for rate in rates] for side in "AB"}
    return (
        gate["verdict"] == "regression",
        ratio_of_times(run["A"], run["B"], 200),
        ratio_of_times(run["A"], run["B"], 110),
        bencher(history, statistics.median(run["B"])),
        mann_whitney(nine["A"], nine["B"]),
        mann_whitney(pooled["A"], pooled["B"]),
        criterion(nine["A"], nine["B"]),
        criterion(pooled["A"], pooled["B"]),
    )


def upper_bound(hits, tries, confidence=0.95):
    """The largest rate at which so few hits would still be seen with a probability of 1 - confidence (Clopper and Pearson, one side)."""
    low, high = hits / tries, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        tail = sum(math.comb(tries, k) * middle**k * (1 - middle) ** (tries - k) for k in range(hits + 1))
        low, high = (middle, high) if tail > 1 - confidence else (low, middle)
    return low


def p_below(differences, shift):
    """The probability of differences as low as these if their centre were at `shift`: Wilcoxon's signed ranks, exact, as bench has it."""
    moved = sorted((difference - shift for difference in differences), key=abs)
    rank_sum = sum(rank for rank, difference in enumerate(moved, 1) if difference > 0)
    ways = [1]
    for rank in range(1, len(moved) + 1):
        longer = ways + [0] * rank
        for index, count in enumerate(ways):
            longer[index + rank] += count
        ways = longer
    return sum(ways[: rank_sum + 1]) / 2 ** len(moved)


def would_alarm(gate, threshold):
    """Whether the gate's blocks are a regression by bench's rules if this threshold is asked for instead of one by the noise. A gate that
    passed at its first look has no blocks to confirm one."""
    def ratio(block):
        logs = {side: [math.log(rate) for s, rate in zip(block["order"], block["rates"]) if s == side] for side in "AB"}
        return statistics.fmean(logs["B"]) - statistics.fmean(logs["A"])

    first, fresh = ([ratio(block) for block in gate[look]] for look in ("first", "fresh"))
    return bool(fresh) and p_below(first + fresh, math.log(1 - threshold)) <= 0.025 and p_below(fresh, 0.0) <= 0.025


# By the noise that a gate met, in percent.
NOISE_CLASSES = (("noise below 1 %", 0.0, 1.0), ("noise of 1 to 3 %", 1.0, 3.0), ("noise above 3 %", 3.0, math.inf))


def noise_of(gate):
    """The noise that the gate itself found, in percent; that of a gate without enough blocks to tell is above all."""
    return 100 * gate["ratio"]["noise_floor"] if gate["ratio"] else 1e9


def report(arguments):
    kinds = collections.defaultdict(list)
    for gate in (gate for path in arguments.files for gate in read(path)):
        kinds[gate["n"], gate["budget"], gate["threshold"], gate["inject"]].append(gate)
    for (n, budget, threshold, inject), gates in sorted(kinds.items(), key=str):
        ratios = [gate["ratio"]["estimate"] for gate in gates if gate["ratio"]]
        noise = [100 * gate["ratio"]["noise_floor"] for gate in gates if gate["ratio"]]
        count, unsure = len(gates), sum(gate["verdict"] == "inconclusive" for gate in gates)
        print(f"n={n}, {budget} a gate, threshold {threshold or 'by noise'}, injected: {inject}; {count} gates")
        if ratios:
            limits = [gate["gate"]["threshold_percent"] for gate in gates if gate["gate"]["threshold_percent"]]
            print(
                f"    ratio, median {statistics.median(ratios):.4f} ({min(ratios):.4f} to {max(ratios):.4f}); noise {statistics.median(noise):.1f} %;"
                f" threshold {statistics.median(limits):.1f} %; {statistics.median(gate['elapsed_s'] for gate in gates):.0f} s"
            )
        for name, least, most in NOISE_CLASSES:
            verdicts = collections.Counter(gate["verdict"] for gate in gates if least <= noise_of(gate) < most)
            if verdicts:
                print(f"    bench check, {name:21} " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items())))
        for asked in (0.01, 0.02):
            hits = sum(would_alarm(gate, asked) for gate in gates)
            print(f"    the same blocks by --threshold {100 * asked:.0f}%   alarm in {100 * hits / count:5.1f} %")
        history, found = [], []
        for gate in gates:
            raised = alarms(gate, history)
            if raised:
                found.append(raised)
                history.append(statistics.median(next(rates for stage, side, rates in gate["processes"] if side == "A" and stage == "first")))
        for method, raised in zip(METHODS, zip(*found)):
            hits = sum(raised)
            extra = f", inconclusive {100 * unsure / count:.1f} %" if method == METHODS[0] else ""
            bound = f" (at most {100 * upper_bound(hits, len(raised)):.1f} %)" if inject == "none" else ""
            print(f"    {method:34} alarm in {100 * hits / len(raised):5.1f} %{bound}{extra}")


def series(arguments):
    """The rates of the processes of each gate, in their order, without those of an injected candidate."""
    for gate in (gate for path in arguments.files for gate in read(path)):
        if gate["inject"] == "none" and arguments.size in (None, gate["n"]):
            rates = [max(rates) for stage, _, rates in gate["processes"] if stage != "warmup"]
            print(json.dumps({"n": gate["n"], "rates": rates}))


def main():
    # The wrappers of a candidate: what follows is the bench's own command line.
    if sys.argv[1:2] in (["stretched"], ["beside"]):
        {"stretched": stretched, "beside": beside}[sys.argv[1]](float(sys.argv[2]), sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="run gates and keep them")
    running.add_argument("bench", help="bench.run, or the program bench")
    running.add_argument("--out", required=True)
    running.add_argument("--gates", type=int, default=200)
    running.add_argument("--size", type=int, default=1000)
    running.add_argument("--budget", default="20s", help="--max-time of each gate")
    running.add_argument("--threshold", help="--threshold of each gate, left to the noise by default")
    running.add_argument("--inject", default="none")
    running.set_defaults(does=run)
    for name, does in (("report", report), ("series", series)):
        command = commands.add_parser(name, help=does.__doc__)
        command.add_argument("files", nargs="+")
        command.set_defaults(does=does)
    command.add_argument("--size", type=int, help="gates of this n alone")
    competing = commands.add_parser("compete", help="what beside runs")
    competing.add_argument("share", type=float)
    competing.set_defaults(does=lambda arguments: compete(arguments.share))
    arguments = parser.parse_args()
    arguments.does(arguments)


if __name__ == "__main__":
    main()
