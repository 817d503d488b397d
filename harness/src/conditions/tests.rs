use super::*;
use crate::fakehost::{CONTAINER, Fake, GUEST, LAPTOP, SERVER};
use proptest::prelude::*;

/// What is seen on a host whose files change so in between.
fn check(host: &Fake, changes: &[(&str, &str)]) -> Conditions {
    let mut watch = Watch::open(host.root(), &[0, 1], None);
    watch.before();
    for (path, content) in changes {
        host.write(path, content);
    }
    watch.after();
    watch.seen.unwrap()
}

#[test]
fn a_laptop_gets_hot() {
    let conditions = check(
        &Fake::new(LAPTOP),
        &[
            (
                "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count",
                "9\n",
            ),
            ("sys/class/hwmon/hwmon4/temp2_input", "99000\n"),
        ],
    );
    assert_eq!(conditions.thermal_throttles, Some(2));
    assert_eq!(conditions.temperature_c, Some(99.0));
    assert_eq!(conditions.clock_mhz, Some(2600.0));
    assert_eq!(conditions.clock_source.as_deref(), Some("cpufreq"));
    assert_eq!(conditions.steal_s, Some(0.0));
    assert_eq!(conditions.quota_throttled_s, None);
}

#[test]
fn a_server_has_another_sensor_and_no_throttle_counter() {
    let conditions = check(&Fake::new(SERVER), &[]);
    assert_eq!(conditions.temperature_c, Some(61.25));
    assert_eq!(conditions.thermal_throttles, None);
    assert_eq!(conditions.clock_mhz, None);
}

#[test]
fn a_guest_shares_its_processor() {
    // 50 ticks of steal, and 1000 of work that was not ours; the busy ones are in user, nice, system, irq and softirq.
    let conditions = check(
        &Fake::new(GUEST),
        &[(
            "proc/stat",
            "cpu  2786044 138009 712876 1698120 119343 50 5149 7936 0 0\n",
        )],
    );
    assert_eq!(conditions.steal_s, Some(0.5));
    let foreign_s = conditions.foreign_cpu_s.unwrap();
    assert!(foreign_s > 9.0 && foreign_s <= 10.0, "{foreign_s}");
    assert_eq!(conditions.temperature_c, None);
}

#[test]
fn the_cpus_of_a_case_are_told_from_the_others() {
    let stat = |one: u64, other: u64| {
        format!(
            "cpu  {} 0 0 9 0 0 0 8\ncpu0 {one} 0 0 9 0 0 0 5\ncpu1 {other} 0 0 9 0 0 0 3\n",
            one + other
        )
    };
    let host = Fake::new(&[("proc/stat", &stat(100, 100))]);
    let mut watch = Watch::open(host.root(), &[0, 1], None);
    for (cpus, busy_s) in [(vec![0], 3.0), (vec![1], 20.0), (vec![0, 1], 23.0)] {
        host.write("proc/stat", &stat(100, 100));
        watch.begin_case(&CpusUsed {
            of_threads: cpus.clone(),
            of_cores: cpus,
        });
        watch.before();
        host.write("proc/stat", &stat(400, 2100));
        watch.after();
        let used = watch.seen.take().unwrap().used_cpus.unwrap();
        assert!((used.busy_s - busy_s).abs() < 1e-9, "{used:?}");
        assert!(used.own_s < 1.0 && used.steal_s.abs() < 1e-9, "{used:?}");
    }
}

#[test]
fn a_container_is_held_back() {
    let host = Fake::new(CONTAINER);
    let stat = "usage_usec 2000000\nnr_periods 110\nnr_throttled 45\nthrottled_usec 2750000\n";
    let conditions = check(&host, &[("sys/fs/cgroup/cpu.stat", stat)]);
    assert_eq!(conditions.quota_throttled_periods, Some(5));
    assert!((conditions.quota_throttled_s.unwrap() - 0.25).abs() < 1e-9);
}

#[test]
fn version_1_counts_in_nanoseconds() {
    assert_eq!(
        parse_cpu_stat("nr_periods 7\nnr_throttled 3\nthrottled_time 1500000000\n"),
        Some(Quota {
            throttled_periods: 3,
            throttled_s: 1.5
        })
    );
    assert_eq!(parse_cpu_stat("usage_usec 5\n"), None);
}

#[test]
fn a_host_without_proc_and_sys_still_has_its_own_counters() {
    let conditions = check(&Fake::new(&[]), &[]);
    assert!(conditions.page_faults_minor.is_some());
    assert!(conditions.context_switches_voluntary.is_some());
    let nothing = Conditions {
        observed_s: conditions.observed_s,
        context_switches_voluntary: conditions.context_switches_voluntary,
        context_switches_involuntary: conditions.context_switches_involuntary,
        page_faults_minor: conditions.page_faults_minor,
        page_faults_major: conditions.page_faults_major,
        ..Conditions::default()
    };
    assert_eq!(conditions, nothing);
}

#[test]
fn counters_that_go_back_tell_nothing() {
    let conditions = check(
        &Fake::new(GUEST),
        &[("proc/stat", "cpu  1 1 1 1 1 1 1 1 0 0\n")],
    );
    assert_eq!(conditions.steal_s, None);
    assert_eq!(conditions.foreign_cpu_s, None);
}

#[test]
fn what_the_processor_counted_comes_before_what_the_kernel_says() {
    let counters = |tsc, mperf, aperf| frequency::Counters { tsc, mperf, aperf };
    let watch = &mut Watch::open(Fake::new(LAPTOP).root(), &[0], None);
    let before = Counters {
        cycles: vec![
            Some(counters(0, 0, 0)),
            Some(counters(0, 0, 0)),
            None,
            Some(counters(5, 5, 5)),
        ],
        ..watch.counters()
    };
    let after = Counters {
        at: before.at + std::time::Duration::from_millis(10),
        // 3 GHz and 1.2 times that, half of the time and all of it; one CPU is not read, one stands still.
        cycles: vec![
            Some(counters(30_000_000, 15_000_000, 18_000_000)),
            Some(counters(30_000_000, 30_000_000, 36_000_000)),
            Some(counters(1, 1, 1)),
            Some(counters(5, 5, 5)),
        ],
        ..before.clone()
    };
    let mhz = clock_mhz(&before, &after).unwrap();
    assert!((mhz - 3600.0).abs() < 0.1, "{mhz}");
    assert_eq!(clock_mhz(&before, &before), None);
}

#[test]
fn the_clock_is_that_of_the_cpus_used() {
    let clock = |cpu| format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq");
    let (first, second) = (clock(0), clock(1));
    let host = Fake::new(&[(&first, "2000000\n"), (&second, "3000000\n")]);
    let mut watch = Watch::open(host.root(), &[0, 1], None);
    for (cpus, mhz) in [(vec![1], 3000.0), (vec![0], 2000.0), (vec![0, 1], 2500.0)] {
        watch.begin_case(&CpusUsed {
            of_threads: cpus.clone(),
            of_cores: cpus,
        });
        watch.before();
        watch.after();
        assert_eq!(watch.seen.take().unwrap().clock_mhz, Some(mhz));
    }
}

#[test]
fn few_of_many_cpus_are_read() {
    let all: Vec<usize> = (0..256).collect();
    assert_eq!(spread_out(&all, 8), [0, 32, 64, 96, 128, 160, 192, 224]);
    assert_eq!(spread_out(&[3, 5], 8), [3, 5]);
    assert_eq!(spread_out(&[], 8), [0; 0]);
}

#[test]
fn a_sample_is_told_what_was_seen_around_it_and_nothing_twice() {
    let host = Fake::new(GUEST);
    let mut watch = Watch::open(host.root(), &[0], None);
    watch.after();
    assert_eq!(watch.seen, None, "nothing came before");
    watch.before();
    watch.after();
    assert!(watch.seen.take().is_some());
    watch.after();
    assert_eq!(watch.seen, None);
}

#[test]
fn parts_of_a_sample_are_put_together_and_what_lies_between_is_left_out() {
    let stat = |busy: u64| format!("cpu  {busy} 0 0 9 0 0 0 8\ncpu0 {busy} 0 0 9 0 0 0 8\n");
    let host = Fake::new(&[("proc/stat", &stat(0))]);
    let mut watch = Watch::open(host.root(), &[0], None);
    watch.begin_case(&CpusUsed {
        of_threads: vec![0],
        of_cores: vec![0],
    });
    for (begins, ends) in [(0, 100), (5000, 5300)] {
        host.write("proc/stat", &stat(begins));
        watch.before();
        host.write("proc/stat", &stat(ends));
        watch.after();
    }
    let busy_s = watch.seen.take().unwrap().used_cpus.unwrap().busy_s;
    assert!((busy_s - 4.0).abs() < 1e-9, "{busy_s}");
}

proptest! {
    #[test]
    fn texts_of_any_kind_are_no_reason_to_panic(text in "[a-z0-9 \n=._-]{0,200}") {
        let _ = (parse_cpu_stat(&text), temperature::parse(&text));
    }
}
