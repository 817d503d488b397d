//! What `bench.run` makes of a quota of 1.5 CPUs: one thread, since two would be stopped again and again; and it says so.

use std::process::{Command, Output};

use results::Record;
use tests::docker::Engine;
use tests::quota::QuotaGroup;
use tests::{bench, scratch, skip, stderr, stdout};

#[track_caller]
fn record(output: &Output) -> Record {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("a record")
}

/// Measures with these words where a quota of 1.5 CPUs is in force, and asserts what the record says of it.
fn check_quota(run: impl Fn(&[&str]) -> Output) {
    let words = ["--size", "test", "--output", "-"];
    let by_default = record(&run(&words));
    assert_eq!(by_default.host.topology.cpu_quota, Some(1.5));
    let threads = &by_default.settings.threads;
    // Of a machine with one core nothing is left for the quota to say.
    if by_default.host.topology.usable_physical_cores > 1 {
        assert_eq!((threads.count, threads.source.as_str()), (1, "cpu quota"));
    }
    assert_eq!(by_default.cases[0].threads_used, 1);
    for sample in &by_default.cases[0].samples {
        let conditions = sample.conditions.as_ref().expect("conditions");
        assert!(
            conditions.quota_throttled_s.is_some(),
            "what the quota held back can be read: {conditions:?}"
        );
    }
    if by_default.host.topology.usable_logical_cpus > 1 {
        let asked = record(&run(&[&words[..], &["--threads", "2"]].concat()));
        assert_eq!(asked.cases[0].threads_used, 2);
        let is_warned = |warning: &String| warning.contains("2 threads share a quota of 1.5 CPUs");
        assert!(asked.warnings.iter().any(is_warned), "{:?}", asked.warnings);
    }
}

/// The thread plan in a text of `bench topology`.
fn plan(output: &Output) -> String {
    let text = stdout(output);
    let plan = text.lines().find(|line| line.starts_with("thread plan: "));
    plan.unwrap_or_else(|| panic!("{text}{}", stderr(output)))
        .to_owned()
}

#[test]
fn a_control_group_with_a_quota() {
    let name = "a_control_group_with_a_quota";
    let group = match QuotaGroup::new(name, 150_000) {
        Ok(group) => group,
        Err(why) => return skip(name, &why),
    };
    let directory = scratch();
    let run = |words: &[&str]| {
        let mut command: Command = group.command(&bench(directory.path(), words));
        command.output().expect("it starts")
    };
    check_quota(run);
    let plan = plan(&run(&["topology"]));
    assert!(plan.starts_with("thread plan: 1 thread on CPU"), "{plan}");
    assert!(plan.contains("a quota of 1.5 CPUs"), "{plan}");
}

#[test]
fn a_container_with_a_quota() {
    let name = "a_container_with_a_quota";
    let engine = match Engine::shared() {
        Ok(engine) => engine,
        Err(why) => return skip(name, &why),
    };
    check_quota(|words| engine.run(&["--cpus", "1.5", "--tmpfs", "/tmp:exec"], words));
}
