//! The host's state before and after measuring, and what of it can make figures wrong or hard to repeat.
//!
//! Reading ([`State::read`]) and judging ([`findings`]) are apart: the rules are a pure function, tested with what hosts of many
//! kinds say.

use std::fs;
use std::path::Path;

use results::stability::{Finding, Severity};

use crate::temperature::entries;

/// What is known of the host's state. What cannot be read is `None` and gives no finding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The frequency governors of all CPUs, each once.
    pub governors: Vec<String>,
    /// The driver that they use, for example `intel_pstate`.
    pub driver: Option<String>,
    /// Whether clocks above the nominal one are allowed.
    pub turbo: Option<bool>,
    /// Whether cores have more than one hardware thread in use.
    pub smt: Option<bool>,
    /// Processes that ran or waited for a CPU over the last minute, on average.
    pub load: Option<f64>,
    /// Threads that run or wait for a CPU right now, this one not counted.
    pub runnable_others: Option<u64>,
    /// The share of the last ten seconds in which some process waited for memory, in percent.
    pub memory_pressure_percent: Option<f64>,
    /// Swap in use.
    pub swap_used_bytes: Option<u64>,
    /// Whether the host runs on its battery.
    pub on_battery: Option<bool>,
    /// What the firmware is told to favour, for example `low-power`.
    pub platform_profile: Option<String>,
    /// `always`, `madvise` or `never`.
    pub huge_pages: Option<String>,
    /// Whether the kernel moves pages between NUMA nodes by itself; `None` as well when there is one node only.
    pub numa_balancing: Option<bool>,
}

impl State {
    /// Reads the state of the host below `root`, which is `/` but in tests.
    pub fn read(root: &Path) -> Self {
        let text = |file: &str| {
            let text = fs::read_to_string(root.join(file)).ok()?;
            Some(text.trim().to_owned())
        };
        let cpu = |file: &str| text(&format!("sys/devices/system/cpu/{file}"));
        let load_average = text("proc/loadavg");
        let policies = entries(&root.join("sys/devices/system/cpu/cpufreq"), "policy");
        let of_policies = |file: &str| -> Vec<String> {
            let mut words: Vec<String> = policies
                .iter()
                .filter_map(|policy| fs::read_to_string(policy.join(file)).ok())
                .map(|word| word.trim().to_owned())
                .collect();
            words.sort();
            words.dedup();
            words
        };
        Self {
            governors: of_policies("scaling_governor"),
            driver: of_policies("scaling_driver").into_iter().next(),
            turbo: cpu("intel_pstate/no_turbo")
                .map(|no_turbo| no_turbo == "0")
                .or_else(|| cpu("cpufreq/boost").map(|boost| boost == "1")),
            smt: cpu("smt/active").map(|active| active == "1"),
            load: load_average.as_deref().and_then(parse_load),
            runnable_others: load_average.as_deref().and_then(parse_runnable_others),
            memory_pressure_percent: text("proc/pressure/memory")
                .and_then(|text| parse_pressure(&text)),
            swap_used_bytes: text("proc/meminfo").and_then(|text| parse_swap_used(&text)),
            on_battery: on_battery(root),
            platform_profile: text("sys/firmware/acpi/platform_profile"),
            huge_pages: text("sys/kernel/mm/transparent_hugepage/enabled")
                .and_then(|text| parse_choice(&text)),
            numa_balancing: text("sys/devices/system/node/online")
                .filter(|nodes| nodes != "0")
                .and_then(|_| Some(text("proc/sys/kernel/numa_balancing")? != "0")),
        }
    }
}

/// When a state was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the first sample.
    Before,
    /// After the last one: the load average is now this run's own and tells nothing.
    After,
}

/// More running threads than this share of the CPUs take something away.
const LOAD_SHARE_MAX: f64 = 0.1;

/// Time that processes waited for memory, in percent, from which on it matters.
const PRESSURE_PERCENT_MAX: f64 = 1.0;

/// Swap in use up to this is what a host has put aside long ago.
const SWAP_BYTES_MAX: u64 = 64 << 20;

/// What of a state can make figures wrong or hard to repeat. `cpus` is how many logical CPUs the host has, `hypervisor` the one
/// that it runs under.
pub fn findings(state: &State, when: When, cpus: usize, hypervisor: Option<&str>) -> Vec<Finding> {
    let machine = match hypervisor {
        // What a guest sees of clocks, governors and batteries, it cannot change.
        Some(name) => vec![note(
            "virtual-machine",
            format!(
                "this is a virtual machine ({name}): others may take its processors away without its seeing it (repeat at another hour)"
            ),
        )],
        None => Vec::new(),
    };
    machine
        .into_iter()
        .chain(clock(state))
        .chain(power(state))
        .chain(others(state, when, cpus))
        .chain(memory(state))
        .collect()
}

/// What decides on clocks.
fn clock(state: &State) -> Vec<Finding> {
    let mut findings = Vec::new();
    // These drivers leave the choice to the processor in every mode: `powersave` is their default and reaches every clock.
    let is_hardware_s = matches!(
        state.driver.as_deref(),
        Some("intel_pstate" | "amd-pstate-epp")
    );
    for governor in &state.governors {
        let remedy = "try cpupower frequency-set -g performance";
        match governor.as_str() {
            "performance" => {}
            "powersave" if !is_hardware_s => findings.push(warning(
                "governor",
                format!(
                    "the frequency governor is powersave: clocks stay at their lowest ({remedy})"
                ),
            )),
            other => findings.push(note(
                "governor",
                format!("the frequency governor is {other}: clocks rise with a delay ({remedy})"),
            )),
        }
    }
    match state.turbo {
        Some(true) => findings.push(note(
            "turbo",
            "turbo is on: clocks depend on temperature and on how many cores work (turn it off to compare cores, leave it on to compare machines)".to_owned(),
        )),
        Some(false) => findings.push(note(
            "turbo",
            "turbo is off: the processor can do more (see intel_pstate/no_turbo or cpufreq/boost in /sys/devices/system/cpu)".to_owned(),
        )),
        None => {}
    }
    if state.smt == Some(true) {
        findings.push(note(
            "smt",
            "cores run two hardware threads each: other processes may share a core with the benchmark (echo off > /sys/devices/system/cpu/smt/control)".to_owned(),
        ));
    }
    findings
}

fn power(state: &State) -> Vec<Finding> {
    let mut findings = Vec::new();
    if state.on_battery == Some(true) {
        findings.push(warning(
            "power",
            "the host runs on its battery, and most hosts save power then (plug it in)".to_owned(),
        ));
    }
    if let Some(profile) = state.platform_profile.as_deref()
        && matches!(profile, "low-power" | "powersave" | "quiet" | "cool")
    {
        findings.push(warning(
            "platform-profile",
            format!("the platform profile is {profile}: the firmware saves power (try powerprofilesctl set performance)"),
        ));
    }
    findings
}

/// Who else runs.
fn others(state: &State, when: When, cpus: usize) -> Option<Finding> {
    let most = LOAD_SHARE_MAX * cpus as f64;
    let running = state.runnable_others.unwrap_or(0);
    let is_busy_now = running as f64 > most;
    if when == When::After {
        return is_busy_now.then(|| {
            let text = format!(
                "other processes ran right after measuring: {running} threads (try an idle host)"
            );
            note("load", text)
        });
    }
    let load = state.load.filter(|load| *load > most.max(0.3))?;
    // A load of the last minute that is over by now does not matter; that of a single moment may be chance.
    Some(if is_busy_now {
        let text = format!(
            "the host is not idle: its load is {load:.1} on {cpus} CPUs and {running} other threads run now (try an idle host)"
        );
        warning("load", text)
    } else {
        let text = format!(
            "the host was not idle in the last minute: its load is {load:.1} on {cpus} CPUs (wait a minute)"
        );
        note("load", text)
    })
}

fn memory(state: &State) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(percent) = state.memory_pressure_percent
        && percent > PRESSURE_PERCENT_MAX
    {
        findings.push(warning(
            "memory-pressure",
            format!("memory is short: processes waited for it {percent:.0} % of the last ten seconds (free some)"),
        ));
    }
    if let Some(bytes) = state.swap_used_bytes
        && bytes > SWAP_BYTES_MAX
    {
        findings.push(note(
            "swap",
            format!(
                "{:.1} GB of swap are in use: memory was short at some time (free some)",
                bytes as f64 * 1e-9
            ),
        ));
    }
    if state.huge_pages.as_deref() == Some("never") {
        findings.push(warning(
            "huge-pages",
            "huge pages are never used: large matrices miss the TLB more often (echo madvise > /sys/kernel/mm/transparent_hugepage/enabled)".to_owned(),
        ));
    }
    if state.numa_balancing == Some(true) {
        findings.push(note(
            "numa-balancing",
            "the kernel moves pages between NUMA nodes while measuring (sysctl kernel.numa_balancing=0)".to_owned(),
        ));
    }
    findings
}

/// What became another one while measuring: then samples were taken under different conditions. What could not be read both
/// times has not changed.
pub fn changes(before: &State, after: &State) -> Vec<Finding> {
    let settings = |state: &State| {
        let governors = Some(state.governors.join(", ")).filter(|names| !names.is_empty());
        let switch = |is_on: Option<bool>| is_on.map(|is_on| is_on.to_string());
        [
            ("governor", governors),
            ("turbo", switch(state.turbo)),
            ("smt", switch(state.smt)),
            ("power", switch(state.on_battery)),
            ("platform-profile", state.platform_profile.clone()),
        ]
    };
    let pairs = settings(before).into_iter().zip(settings(after));
    pairs
        .filter(|((_, before), (_, after))| before.is_some() && after.is_some() && before != after)
        .map(|((check, _), _)| {
            let text = format!(
                "the host's {} changed while measuring (measure again)",
                check.replace('-', " ")
            );
            // Not the same as the finding that it is one way or the other.
            warning(&format!("{check}-change"), text)
        })
        .collect()
}

fn note(check: &str, text: String) -> Finding {
    Finding {
        check: check.to_owned(),
        severity: Severity::Note,
        text,
    }
}

fn warning(check: &str, text: String) -> Finding {
    Finding {
        severity: Severity::Warning,
        ..note(check, text)
    }
}

/// The first field of `/proc/loadavg`.
fn parse_load(text: &str) -> Option<f64> {
    text.split(' ').next()?.parse().ok()
}

/// The fourth field: threads that are runnable, a slash, all threads. Who reads it is running.
fn parse_runnable_others(text: &str) -> Option<u64> {
    let (runnable, _all) = text.split(' ').nth(3)?.split_once('/')?;
    Some(runnable.parse::<u64>().ok()?.saturating_sub(1))
}

/// `some avg10=0.00 avg60=...`
fn parse_pressure(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let average = line
        .split(' ')
        .find_map(|word| word.strip_prefix("avg10="))?;
    average.parse().ok()
}

fn parse_swap_used(text: &str) -> Option<u64> {
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    };
    let used_kib = field("SwapTotal:")?.checked_sub(field("SwapFree:")?)?;
    used_kib.checked_mul(1024)
}

/// `always [madvise] never`
fn parse_choice(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

/// A host with no battery of its own (that of a mouse counts as a device's) does not run on one.
fn on_battery(root: &Path) -> Option<bool> {
    let supplies = entries(&root.join("sys/class/power_supply"), "");
    let is = |path: &Path, file: &str, text: &str| {
        fs::read_to_string(path.join(file)).is_ok_and(|line| line.trim() == text)
    };
    let batteries: Vec<_> = supplies
        .iter()
        .filter(|supply| is(supply, "type", "Battery") && !is(supply, "scope", "Device"))
        .collect();
    if batteries.is_empty() {
        return None;
    }
    let is_plugged = supplies.iter().any(|supply| is(supply, "online", "1"));
    Some(!is_plugged && batteries.iter().any(|it| is(it, "status", "Discharging")))
}

#[cfg(test)]
mod tests;
