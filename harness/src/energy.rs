//! The energy that the processor says its packages took: RAPL through `powercap`, or the `amd_energy` driver through `hwmon`.
//!
//! The processor estimates it (from 2012 on, Intel's servers measure it), for the package alone: no memory, no fans, no losses of the
//! power supply. It is far from wall power, and figures of different makes are not to be compared.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use reports::counted;
use results::energy::{Energy, MEANING};

use crate::reread::Reread;
use crate::temperature::entries;

/// More than any package takes: where a counter may have gone round more than once at this power, it tells nothing.
const POWER_MAX_W: f64 = 1000.0;

/// The counters of all packages.
#[derive(Debug)]
pub struct Packages {
    driver: &'static str,
    counters: Vec<Counter>,
    read_at: Instant,
}

#[derive(Debug)]
struct Counter {
    file: Reread,
    /// After this it begins at 0 again; `None` when it never does.
    range_uj: Option<u64>,
    last_uj: Option<u64>,
}

/// Why the energy cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EnergyError {
    /// Nothing counts it.
    #[error(
        "cannot read the processor's energy: this host shows no counter of it, as virtual machines and most ARM processors do (try on the bare machine)"
    )]
    Absent,
    /// It is counted, but not for everybody.
    #[error("cannot read the processor's energy: {}: {reason} (try as root)", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
}

/// Opens the counters of this host; `root` is `/` but in tests.
///
/// # Errors
///
/// When there are none, or they may not be read: since 2020 Linux shows RAPL's to root only, because they tell too much.
pub fn open(root: &Path) -> Result<Packages, EnergyError> {
    let (driver, paths) = match rapl(root) {
        zones if !zones.is_empty() => ("RAPL", zones),
        _ => ("amd_energy", amd_energy(root)),
    };
    if paths.is_empty() {
        return Err(EnergyError::Absent);
    }
    let counters = paths
        .into_iter()
        .map(|(path, range_uj)| match Reread::open(&path) {
            Ok(file) => Ok(Counter {
                file,
                range_uj,
                last_uj: None,
            }),
            Err(reason) => Err(EnergyError::Refused { path, reason }),
        });
    Ok(Packages {
        driver,
        counters: counters.collect::<Result<_, _>>()?,
        read_at: Instant::now(),
    })
}

impl Packages {
    /// How a record labels these figures.
    pub fn describe(&self) -> Energy {
        let packages = counted(self.counters.len(), "package");
        Energy {
            source: format!("{} of {packages}", self.driver),
            meaning: MEANING.to_owned(),
        }
    }

    /// The energy in joules since the last call; `None` for the first one, and when a counter cannot be read.
    pub fn advance(&mut self) -> Option<f64> {
        let now = Instant::now();
        let elapsed_s = now.duration_since(self.read_at).as_secs_f64();
        self.read_at = now;
        let mut sum_uj = Some(0);
        // Each is read, whatever became of the one before it.
        for counter in &mut self.counters {
            sum_uj = counter.advance(elapsed_s).and_then(|uj| Some(sum_uj? + uj));
        }
        sum_uj.map(|uj| 1e-6 * uj as f64)
    }
}

impl Counter {
    fn advance(&mut self, elapsed_s: f64) -> Option<u64> {
        let now_uj = self.file.number();
        let last_uj = std::mem::replace(&mut self.last_uj, now_uj);
        risen_uj(last_uj?, now_uj?, self.range_uj, elapsed_s)
    }
}

/// What a counter has counted in this time, gone round once or not at all.
fn risen_uj(before: u64, after: u64, range_uj: Option<u64>, elapsed_s: f64) -> Option<u64> {
    let Some(range_uj) = range_uj else {
        return after.checked_sub(before);
    };
    if POWER_MAX_W * elapsed_s > 1e-6 * range_uj as f64 {
        return None;
    }
    if after >= before {
        Some(after - before)
    } else {
        range_uj.checked_sub(before)?.checked_add(after)
    }
}

/// The zones of whole packages; those of their parts and of the whole platform have other names, and `intel-rapl-mmio` counts
/// the same packages once more.
fn rapl(root: &Path) -> Vec<(PathBuf, Option<u64>)> {
    entries(&root.join("sys/class/powercap"), "intel-rapl:")
        .into_iter()
        .filter(|zone| line(&zone.join("name")).is_some_and(|name| name.starts_with("package")))
        .map(|zone| {
            let range = line(&zone.join("max_energy_range_uj"));
            (
                zone.join("energy_uj"),
                range.and_then(|text| text.parse().ok()),
            )
        })
        .collect()
}

/// The counters of sockets; those of cores are named `Ecore`.
fn amd_energy(root: &Path) -> Vec<(PathBuf, Option<u64>)> {
    let monitors = entries(&root.join("sys/class/hwmon"), "hwmon");
    let monitor = monitors
        .into_iter()
        .find(|monitor| line(&monitor.join("name")).as_deref() == Some("amd_energy"));
    let Some(monitor) = monitor else {
        return Vec::new();
    };
    entries(&monitor, "energy")
        .into_iter()
        .filter(|path| {
            path.to_string_lossy().ends_with("_label")
                && line(path).is_some_and(|label| label.starts_with("Esocket"))
        })
        .map(|label| {
            let input = label.to_string_lossy().replace("_label", "_input");
            (PathBuf::from(input), None)
        })
        .collect()
}

fn line(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakehost::Fake;
    use proptest::prelude::*;

    #[test]
    fn packages_count_and_their_parts_do_not() {
        let host = Fake::new(&[
            ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
            ("sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n"),
            (
                "sys/class/powercap/intel-rapl:0/max_energy_range_uj",
                "262143328850\n",
            ),
            ("sys/class/powercap/intel-rapl:0:0/name", "core\n"),
            ("sys/class/powercap/intel-rapl:0:0/energy_uj", "5\n"),
            ("sys/class/powercap/intel-rapl:1/name", "package-1\n"),
            (
                "sys/class/powercap/intel-rapl:1/energy_uj",
                "262143328000\n",
            ),
            (
                "sys/class/powercap/intel-rapl:1/max_energy_range_uj",
                "262143328850\n",
            ),
            ("sys/class/powercap/intel-rapl:2/name", "psys\n"),
            ("sys/class/powercap/intel-rapl-mmio:0/name", "package-0\n"),
        ]);
        let mut packages = open(host.root()).unwrap();
        assert_eq!(packages.describe().source, "RAPL of 2 packages");
        assert_eq!(packages.advance(), None);
        host.write("sys/class/powercap/intel-rapl:0/energy_uj", "3000000\n");
        // Gone round.
        host.write("sys/class/powercap/intel-rapl:1/energy_uj", "999150\n");
        assert_eq!(packages.advance(), Some(3.0));
        host.write("sys/class/powercap/intel-rapl:1/energy_uj", "");
        assert_eq!(packages.advance(), None);
    }

    #[test]
    fn sockets_of_amd_energy() {
        let host = Fake::new(&[
            ("sys/class/hwmon/hwmon3/name", "amd_energy\n"),
            ("sys/class/hwmon/hwmon3/energy1_label", "Ecore000\n"),
            ("sys/class/hwmon/hwmon3/energy1_input", "7\n"),
            ("sys/class/hwmon/hwmon3/energy17_label", "Esocket0\n"),
            ("sys/class/hwmon/hwmon3/energy17_input", "1000000\n"),
        ]);
        let mut packages = open(host.root()).unwrap();
        assert_eq!(packages.describe().source, "amd_energy of 1 package");
        packages.advance();
        host.write("sys/class/hwmon/hwmon3/energy17_input", "1500000\n");
        assert_eq!(packages.advance(), Some(0.5));
    }

    #[test]
    fn why_there_is_none() {
        let error = open(Fake::new(&[]).root()).unwrap_err();
        assert!(error.to_string().contains("no counter"), "{error}");
        let host = Fake::new(&[("sys/class/powercap/intel-rapl:0/name", "package-0\n")]);
        let error = open(host.root()).unwrap_err();
        assert!(error.to_string().ends_with("(try as root)"), "{error}");
    }

    proptest! {
        #[test]
        fn once_round_is_seen(range in 1u64 << 36..1 << 40, before in 0u64..1 << 36, uj in 0u64..1 << 35) {
            let after = (before + uj) % range;
            prop_assert_eq!(risen_uj(before, after, Some(range), 10.0), Some(uj));
            prop_assert_eq!(risen_uj(before, after, Some(range), 1e-9 * range as f64 + 1.0), None);
        }
    }
}
