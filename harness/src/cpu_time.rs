//! CPU time as `/proc/stat` counts it: of all CPUs together, and of those that a case uses.

use std::path::Path;

use crate::reread::Reread;

/// What the kernel itself reckons with for the line of a CPU.
const LINE_BYTES: usize = 128;

/// `/proc/stat`, and the CPUs whose lines matter.
#[derive(Debug)]
pub(crate) struct Stat {
    file: Reread,
    /// Ascending.
    used_cpus: Vec<usize>,
    /// Room for the text up to the last of them.
    buffer: Vec<u8>,
}

/// CPU time since the host was started, in scheduler ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    /// Neither idle nor stolen.
    pub(crate) busy: u64,
    /// Given to other guests by the hypervisor.
    pub(crate) steal: u64,
}

/// One reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Of all CPUs.
    pub(crate) all: Ticks,
    /// Of the CPUs used; `None` when one of them has no line, as with an offline CPU or a file that a container's file system
    /// makes up.
    pub(crate) used: Option<Ticks>,
}

impl Stat {
    /// Opens it below `root`, which is `/` but in tests.
    pub(crate) fn open(root: &Path) -> Option<Self> {
        let mut stat = Self {
            file: Reread::open(&root.join("proc/stat")).ok()?,
            used_cpus: Vec::new(),
            buffer: Vec::new(),
        };
        stat.watch(&[]);
        Some(stat)
    }

    /// From now on these are the CPUs used.
    pub(crate) fn watch(&mut self, cpus: &[usize]) {
        self.used_cpus = cpus.to_vec();
        self.used_cpus.sort_unstable();
        self.used_cpus.dedup();
        // One line more for the sums, one for whatever lies behind the last.
        let lines = self.used_cpus.last().map_or(2, |last| last + 3);
        self.buffer = vec![0; lines * LINE_BYTES];
    }

    /// Reads it.
    pub(crate) fn read(&mut self) -> Option<Reading> {
        let used_cpus = &self.used_cpus;
        self.file
            .parse_in(&mut self.buffer, |text| parse(text, used_cpus))
    }
}

/// The sums in the first line, then a line for each CPU, ascending.
pub(crate) fn parse(text: &str, used_cpus: &[usize]) -> Option<Reading> {
    let mut lines = text.lines();
    let all = ticks(lines.next()?.strip_prefix("cpu ")?)?;
    let mut missing = used_cpus;
    let mut used = Ticks::default();
    for line in lines {
        let [next, rest @ ..] = missing else { break };
        let Some((cpu, fields)) = line
            .strip_prefix("cpu")
            .and_then(|line| line.split_once(' '))
        else {
            break;
        };
        if cpu.parse() == Ok(*next) {
            let Some(ticks) = ticks(fields) else { break };
            used.busy += ticks.busy;
            used.steal += ticks.steal;
            missing = rest;
        }
    }
    let is_whole = missing.is_empty() && !used_cpus.is_empty();
    Some(Reading {
        all,
        used: is_whole.then_some(used),
    })
}

/// user, nice, system, idle, iowait, irq, softirq, steal, and guests' time, which is in user time already. Kernels before
/// 2.6.11 have no steal.
fn ticks(fields: &str) -> Option<Ticks> {
    let mut words = fields.split_ascii_whitespace();
    let mut numbers = [0u64; 8];
    for number in &mut numbers {
        *number = words.next()?.parse().ok()?;
    }
    let [user, nice, system, _idle, _iowait, irq, softirq, steal] = numbers;
    let busy = [user, nice, system, irq, softirq]
        .into_iter()
        .try_fold(0u64, u64::checked_add)?;
    Some(Ticks { busy, steal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakehost::Fake;
    use proptest::prelude::*;
    use std::fmt::Write;

    const TEXT: &str = "cpu  10 1 5 100 3 1 2 7 0 0\ncpu0 6 1 2 50 1 0 1 4 0 0\ncpu2 4 0 3 50 2 1 1 3 0 0\nintr 5 0\n";

    fn used(cpus: &[usize]) -> Option<(u64, u64)> {
        let used = parse(TEXT, cpus).unwrap().used?;
        Some((used.busy, used.steal))
    }

    #[test]
    fn the_cpus_used_are_summed_up_and_no_others() {
        assert_eq!(used(&[0]), Some((10, 4)));
        assert_eq!(used(&[2]), Some((9, 3)));
        assert_eq!(used(&[0, 2]), Some((19, 7)));
        let all = parse(TEXT, &[0, 2]).unwrap().all;
        assert_eq!(all, Ticks { busy: 19, steal: 7 });
    }

    #[test]
    fn a_cpu_without_a_line_leaves_the_sums() {
        assert_eq!(used(&[1]), None);
        assert_eq!(used(&[0, 1, 2]), None);
        assert_eq!(used(&[3]), None);
        assert_eq!(used(&[]), None);
    }

    #[test]
    fn the_last_of_many_cpus_is_within_what_is_read() {
        let mut text = "cpu  1 1 1 1 1 1 1 1 0 0\n".to_owned();
        let large = u64::MAX >> 20;
        for cpu in 0..300 {
            let _ = writeln!(text, "cpu{cpu} {large} 1 1 {large} {large} 1 1 9 {large} 0");
        }
        text += "intr 1 2 3\n";
        let host = Fake::new(&[("proc/stat", &text)]);
        let mut stat = Stat::open(host.root()).unwrap();
        for cpus in [&[299][..], &[0, 299], &[299, 0]] {
            stat.watch(cpus);
            let used = stat.read().unwrap().used.unwrap();
            assert_eq!(used.steal, 9 * cpus.len() as u64);
        }
        stat.watch(&[300]);
        assert_eq!(stat.read().unwrap().used, None);
    }

    proptest! {
        #[test]
        fn texts_of_any_kind_are_no_reason_to_panic(text in "[cpu0-9 \n=._-]{0,200}") {
            let _ = parse(&text, &[0, 1]);
            let _ = parse(&format!("cpu  {text}\ncpu0 {text}"), &[0, 1]);
        }

        #[test]
        fn busy_is_neither_idle_nor_steal(fields in prop::array::uniform10(0u64..1 << 40)) {
            let text = fields.map(|field| field.to_string()).join(" ");
            let reading = parse(&format!("cpu  {text}\ncpu0 {text}"), &[0]).unwrap();
            let ticks = reading.used.unwrap();
            prop_assert_eq!(ticks, reading.all);
            prop_assert_eq!(ticks.steal, fields[7]);
            prop_assert_eq!(ticks.busy + fields[3] + fields[4] + fields[7], fields[..8].iter().sum::<u64>());
        }
    }
}
