use super::*;
use crate::fakehost::{CONTAINER, Fake, GUEST, LAPTOP, SERVER};
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn check(
    files: &[(&str, &str)],
    when: When,
    cpus: usize,
    hypervisor: Option<&str>,
    expected: &Expect,
) {
    let state = State::read(Fake::new(files).root());
    let lines: Vec<String> = findings(&state, when, cpus, hypervisor)
        .iter()
        .map(|finding| {
            format!(
                "{:?} {}: {}\n",
                finding.severity, finding.check, finding.text
            )
        })
        .collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn a_laptop_on_its_battery() {
    check(
        LAPTOP,
        When::Before,
        8,
        None,
        &expect![[r"
        Note governor: the frequency governor is powersave: clocks rise with a delay (try cpupower frequency-set -g performance)
        Note turbo: turbo is on: clocks depend on temperature and on how many cores work (turn it off to compare cores, leave it on to compare machines)
        Note smt: cores run two hardware threads each: other processes may share a core with the benchmark (echo off > /sys/devices/system/cpu/smt/control)
        Warning power: the host runs on its battery, and most hosts save power then (plug it in)
        Warning platform-profile: the platform profile is low-power: the firmware saves power (try powerprofilesctl set performance)
        Note swap: 1.1 GB of swap are in use: memory was short at some time (free some)
    "]],
    );
}

#[test]
fn a_server_that_is_set_well() {
    check(
        SERVER,
        When::Before,
        64,
        None,
        &expect![[r"
        Note turbo: turbo is on: clocks depend on temperature and on how many cores work (turn it off to compare cores, leave it on to compare machines)
        Note numa-balancing: the kernel moves pages between NUMA nodes while measuring (sysctl kernel.numa_balancing=0)
    "]],
    );
}

#[test]
fn a_guest_with_neighbours() {
    check(
        GUEST,
        When::Before,
        2,
        Some("KVM"),
        &expect![[r"
        Note virtual-machine: this is a virtual machine (KVM): others may take its processors away without its seeing it (repeat at another hour)
        Warning load: the host is not idle: its load is 2.1 on 2 CPUs and 2 other threads run now (try an idle host)
        Warning memory-pressure: memory is short: processes waited for it 12 % of the last ten seconds (free some)
        Warning huge-pages: huge pages are never used: large matrices miss the TLB more often (echo madvise > /sys/kernel/mm/transparent_hugepage/enabled)
    "]],
    );
    check(
        GUEST,
        When::After,
        2,
        Some("KVM"),
        &expect![[r"
        Note virtual-machine: this is a virtual machine (KVM): others may take its processors away without its seeing it (repeat at another hour)
        Note load: other processes ran right after measuring: 2 threads (try an idle host)
        Warning memory-pressure: memory is short: processes waited for it 12 % of the last ten seconds (free some)
        Warning huge-pages: huge pages are never used: large matrices miss the TLB more often (echo madvise > /sys/kernel/mm/transparent_hugepage/enabled)
    "]],
    );
}

#[test]
fn a_container_and_hosts_that_hide_everything_find_nothing() {
    check(CONTAINER, When::Before, 8, None, &expect![[""]]);
    check(&[], When::Before, 1, None, &expect![[""]]);
}

#[test]
fn powersave_is_slow_where_the_kernel_chooses() {
    let policy = "sys/devices/system/cpu/cpufreq/policy0";
    let files = [
        (format!("{policy}/scaling_governor"), "powersave\n"),
        (format!("{policy}/scaling_driver"), "acpi-cpufreq\n"),
        ("sys/devices/system/cpu/cpufreq/boost".to_owned(), "0\n"),
    ];
    let files = files.each_ref().map(|(path, text)| (path.as_str(), *text));
    check(
        &files,
        When::Before,
        4,
        None,
        &expect![[r"
        Warning governor: the frequency governor is powersave: clocks stay at their lowest (try cpupower frequency-set -g performance)
        Note turbo: turbo is off: the processor can do more (see intel_pstate/no_turbo or cpufreq/boost in /sys/devices/system/cpu)
    "]],
    );
}

#[test]
fn what_changes_while_measuring_is_found() {
    let host = Fake::new(LAPTOP);
    let before = State::read(host.root());
    assert_eq!(changes(&before, &State::read(host.root())), []);
    host.write("sys/class/power_supply/AC/online", "1\n");
    host.write("sys/firmware/acpi/platform_profile", "balanced\n");
    let found = changes(&before, &State::read(host.root()));
    let checks: Vec<&str> = found.iter().map(|finding| finding.check.as_str()).collect();
    assert_eq!(checks, ["power-change", "platform-profile-change"]);
    assert!(
        found
            .iter()
            .all(|finding| finding.severity == Severity::Warning)
    );
}

#[test]
fn a_mouse_s_battery_is_not_the_host_s() {
    let host = Fake::new(&[
        ("sys/class/power_supply/hidpp_battery_0/type", "Battery\n"),
        ("sys/class/power_supply/hidpp_battery_0/scope", "Device\n"),
        (
            "sys/class/power_supply/hidpp_battery_0/status",
            "Discharging\n",
        ),
    ]);
    assert_eq!(State::read(host.root()).on_battery, None);
}

proptest! {
    #[test]
    fn texts_of_any_kind_are_no_reason_to_panic(text in "[a-zA-Z0-9 \n=./:\\[\\]-]{0,200}") {
        let _ = (parse_load(&text), parse_runnable_others(&text), parse_pressure(&text));
        let _ = (parse_swap_used(&text), parse_choice(&text));
    }
}
