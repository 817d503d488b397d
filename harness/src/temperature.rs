//! The processor's own temperature, among all that a host measures: disks, boards, batteries and radio modules are no processor.

use std::fs;
use std::path::{Path, PathBuf};

use crate::reread::Reread;

/// The drivers of processors' sensors (`hwmon`), and what the sensor for the whole package is called; the first sensor where none
/// is called so.
const SENSORS: [(&str, &[&str]); 5] = [
    // Tdie is the temperature; Tctl, on some models, is that and an offset for the fan.
    ("k10temp", &["Tdie", "Tctl"]),
    ("zenpower", &["Tdie", "Tctl"]),
    ("coretemp", &["Package id 0", "Physical id 0"]),
    ("cpu_thermal", &[]),
    ("scpi_sensors", &["cpu"]),
];

/// The thermal zones that are processors.
const ZONES: [&str; 4] = ["x86_pkg_temp", "cpu_thermal", "cpu-thermal", "cpu0-thermal"];

/// Opens the best sensor of the processor; `None` when there is none.
pub(crate) fn open(root: &Path) -> Option<Reread> {
    let path = sensor(root).or_else(|| zone(root))?;
    Reread::open(&path).ok()
}

/// A temperature in thousandths of a degree Celsius; sensors that are off say absurd ones.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let thousandths: f64 = text.trim().parse().ok()?;
    Some(thousandths * 1e-3).filter(|celsius| (-50.0..150.0).contains(celsius))
}

fn sensor(root: &Path) -> Option<PathBuf> {
    let monitors = entries(&root.join("sys/class/hwmon"), "hwmon");
    SENSORS.iter().find_map(|(driver, labels)| {
        let monitor = monitors
            .iter()
            .find(|monitor| is_line(&monitor.join("name"), driver))?;
        let labelled = labels.iter().find_map(|label| {
            (1..=16).find(|i| is_line(&monitor.join(format!("temp{i}_label")), label))
        });
        let input = monitor.join(format!("temp{}_input", labelled.unwrap_or(1)));
        input.exists().then_some(input)
    })
}

fn zone(root: &Path) -> Option<PathBuf> {
    let zones = entries(&root.join("sys/class/thermal"), "thermal_zone");
    ZONES.iter().find_map(|kind| {
        let zone = zones
            .iter()
            .find(|zone| is_line(&zone.join("type"), kind))?;
        Some(zone.join("temp"))
    })
}

/// The entries of a directory whose name begins so, in the order of their numbers.
pub(crate) fn entries(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort_by(|a, b| a.len().cmp(&b.len()).then(a.cmp(b)));
    names.iter().map(|name| directory.join(name)).collect()
}

fn is_line(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|line| line.trim() == text)
}
