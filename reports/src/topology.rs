//! What the text and the picture of a machine have in common.

use results::machine::{CpuList, Machine};

use crate::figures::counted;

/// Where threads would run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadPlan {
    /// How many there are.
    pub threads: usize,
    /// The logical CPU of each; `None` when they are not bound.
    pub cpus: Option<Vec<usize>>,
    /// To follow "because".
    pub reason: String,
}

impl ThreadPlan {
    /// The plan in words, after "thread plan: ".
    pub fn sentence(&self) -> String {
        let on = match &self.cpus {
            Some(cpus) => {
                let each = if cpus.len() == 1 { "" } else { "s" };
                format!("on CPU{each} {}", CpuList(cpus.clone()))
            }
            None => "bound to no CPUs".to_owned(),
        };
        format!(
            "{} {on} because: {}",
            counted(self.threads, "thread"),
            self.reason
        )
    }

    /// Which thread is bound to this CPU, counted from 0.
    pub fn rank(&self, cpu: usize) -> Option<usize> {
        self.cpus.as_ref()?.iter().position(|other| *other == cpu)
    }
}

/// Whether this process may not use a logical CPU.
pub(crate) fn is_unusable(machine: &Machine, cpu: usize) -> bool {
    let is_allowed = machine.allowed_cpus.contains(cpu);
    let has_affinity = machine
        .affinity_cpus
        .as_ref()
        .is_none_or(|cpus| cpus.contains(cpu));
    !(is_allowed && has_affinity)
}

/// A capacity in binary units, with a fraction only where it needs one.
pub(crate) fn bytes(bytes: u64) -> String {
    let (unit_bytes, unit) = if bytes < 1 << 20 {
        (1024.0, "KiB")
    } else if bytes < 1 << 30 {
        (1_048_576.0, "MiB")
    } else {
        (1_073_741_824.0, "GiB")
    };
    let value = bytes as f64 / unit_bytes;
    let rounded = (10.0 * value).round() / 10.0;
    format!("{rounded} {unit}")
}
