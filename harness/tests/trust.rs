//! What a run says of the host that it ran on: in its record always, on the terminal in as few words as asked for.

use std::process::{Child, Command, Output};
use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use results::Record;
use results::grade::{Grade, grade};

fn bench(words: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(words)
        .current_dir(directory.path())
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{message}");
    output
}

#[test]
fn every_sample_has_its_conditions_and_the_run_a_grade() {
    let output = bench(&["--size", "100,150", "--repeats", "4", "--output", "-"]);
    let record: Record = serde_json::from_slice(&output.stdout).unwrap();
    for sample in record.cases.iter().flat_map(|case| &case.samples) {
        let conditions = sample.conditions.as_ref().unwrap();
        assert!(conditions.observed_s >= sample.run_time_s);
        assert!(conditions.page_faults_minor.is_some());
        assert_eq!(conditions.energy_j, None, "too short");
    }
    assert!(record.stability.is_some());
    // Four samples are too few on every host, and anybody may grade the record again.
    let graded = record.grade.clone().unwrap();
    assert!(graded.grade >= Grade::Quick);
    assert_eq!(grade(&record), graded);
}

#[test]
fn one_line_says_the_grade_and_quiet_runs_say_nothing() {
    let output = bench(&["--size", "100"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = text
        .lines()
        .filter(|it| it.starts_with("grade: "))
        .collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(
        lines[0].contains("3 samples, 5 are needed (try --repeats 5)"),
        "{text}"
    );
    let output = bench(&["--size", "100", "--quiet"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3);
}

#[test]
fn energy_that_was_asked_for_is_there_or_there_is_a_reason() {
    let output = bench(&["--size", "100", "--energy"]);
    let message = String::from_utf8_lossy(&output.stderr);
    // Samples of this size have none on any host.
    assert_eq!(message.matches("energy").count(), 1, "{message}");
    assert!(message.contains("bench: warning: cannot "), "{message}");
    let output = bench(&["--size", "100"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!message.contains("energy"), "{message}");
}

/// A process that keeps one CPU busy until it is dropped.
struct Competitor(Child);

impl Competitor {
    fn on(cpu: usize) -> Self {
        // A process runs where the thread does that has started it.
        let start = move || {
            let mut only = CpuSet::new();
            only.set(cpu).unwrap();
            sched_setaffinity(Pid::from_raw(0), &only).unwrap();
            let mut command = Command::new("sh");
            command.args(["-c", "while :; do :; done"]).spawn().unwrap()
        };
        Self(thread::spawn(start).join().unwrap())
    }
}

impl Drop for Competitor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One case of a thread on the first usable CPU while another process keeps a CPU busy: what was observed in all, and what
/// others took on the CPU used and on all. Other tests may run meanwhile.
fn beside_a_competitor_on(cpu: usize, own: usize) -> (Record, [f64; 3]) {
    let _competitor = Competitor::on(cpu);
    let own = own.to_string();
    let words = ["--size", "2000", "--threads", "1", "--affinity", &own];
    let output = bench(
        &[
            &words[..],
            &["--repeats", "3", "--no-peak", "--output", "-"],
        ]
        .concat(),
    );
    let record: Record = serde_json::from_slice(&output.stdout).unwrap();
    let conditions = record.cases[0].samples.iter().map(|sample| {
        let conditions = sample.conditions.as_ref().unwrap();
        let used = conditions.used_cpus.unwrap();
        let foreign_s = conditions.foreign_cpu_s.unwrap();
        [conditions.observed_s, used.foreign_s(), foreign_s]
    });
    let sums = conditions.fold([0.0; 3], |sum, more| [0, 1, 2].map(|i| sum[i] + more[i]));
    (record, sums)
}

#[test]
fn who_works_on_a_cpu_in_use_is_noticed_and_who_works_elsewhere_is_not_held_against_us() {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let cpus: Vec<usize> = (0..CpuSet::count())
        .filter(|cpu| allowed.is_set(*cpu).unwrap())
        .collect();
    let (record, [observed_s, on_used_s, _]) = beside_a_competitor_on(cpus[0], cpus[0]);
    assert!(on_used_s > 0.25 * observed_s, "{on_used_s} of {observed_s}");
    let graded = grade(&record);
    assert_eq!(graded.grade, Grade::Invalid, "{graded:?}");
    assert!(graded.reasons[0].contains("other processes took"));
    // The last CPU is a sibling of the first one only where there is one core.
    if let [own, .., other] = cpus[..]
        && record.host.topology.usable_physical_cores > 1
    {
        let (_, [observed_s, on_used_s, on_all_s]) = beside_a_competitor_on(other, own);
        let elsewhere_s = on_all_s - on_used_s;
        assert!(
            elsewhere_s > 0.7 * observed_s,
            "{elsewhere_s} of {observed_s}"
        );
    }
}
