//! Where, on an axis of threads, something of a host is full.

use results::record::Topology;
use results::survey::Survey;

use crate::plot::scene::{Anchor, Scene, Text};
use crate::plot::{font, palette};
use crate::plots::line_panel::PLOT;
use crate::plots::sheet::SMALL_SIZE;

/// More nodes than this are not marked one by one.
const NODES_MAX: usize = 8;
/// Rows of labels.
const ROWS_MAX: usize = 3;
const ROW: i32 = 17;

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Boundary {
    /// So many threads fill it.
    pub(super) threads: f64,
    pub(super) what: What,
}

/// What is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// All physical cores: more threads share cores.
    Cores,
    /// So many packages (sockets).
    Packages(usize),
    /// So many NUMA nodes.
    Nodes(usize),
    /// The CPU time that the control group allows.
    Quota,
}

impl Boundary {
    /// Between the last number of threads that fits and the next one.
    fn at(&self) -> f64 {
        match self.what {
            What::Quota => self.threads,
            _ => self.threads + 0.5,
        }
    }

    fn label(&self) -> String {
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what} full"),
            _ => format!("{count} {what}s full"),
        };
        match self.what {
            What::Cores => format!("SMT beyond {} cores", self.threads),
            What::Packages(count) => counted(count, "socket"),
            What::Nodes(count) => counted(count, "NUMA node"),
            What::Quota => format!("quota {} CPUs", self.threads),
        }
    }

    pub(super) fn sentence(&self) -> String {
        match self.what {
            What::Cores => format!("SMT begins beyond {} threads", self.threads),
            What::Quota => format!("The control group allows {} CPUs", self.threads),
            _ => format!("{} at {} threads", self.label(), self.threads),
        }
    }
}

/// The boundaries between the least and the most of these threads.
pub(super) fn of(survey: &Survey, side: usize, threads: &[usize]) -> Vec<Boundary> {
    let (Some(host), [least, .., most]) = (survey.hosts.get(side), threads) else {
        return Vec::new();
    };
    let within = |boundary: &Boundary| (*least as f64..*most as f64).contains(&boundary.threads);
    let mut boundaries = of_topology(&host.newest.topology);
    boundaries.retain(within);
    boundaries.sort_by(|a, b| a.threads.total_cmp(&b.threads));
    boundaries
}

fn of_topology(topology: &Topology) -> Vec<Boundary> {
    let cores = topology.usable_physical_cores;
    let mut boundaries = Vec::new();
    if cores > 0 && topology.usable_logical_cpus > cores {
        boundaries.push(Boundary {
            threads: cores as f64,
            what: What::Cores,
        });
    }
    // A quota of hundreds of digits is none.
    if let Some(quota) = topology
        .cpu_quota
        .filter(|quota| (0.01..1e6).contains(quota))
    {
        boundaries.push(Boundary {
            threads: (100.0 * quota).round() / 100.0,
            what: What::Quota,
        });
    }
    // Which cores are whose is known only while all may be used and all nodes are alike.
    if cores != topology.physical_cores {
        return boundaries;
    }
    let packages = topology.packages.unwrap_or(1);
    let nodes = topology.numa_nodes.unwrap_or(1);
    let parts = |count: usize, what: fn(usize) -> What| {
        let is_even = (2..=NODES_MAX).contains(&count) && cores.is_multiple_of(count);
        let full = if is_even { 1..count } else { 0..0 };
        full.map(move |full| Boundary {
            threads: (full * (cores / count)) as f64,
            what: what(full),
        })
    };
    boundaries.extend(parts(packages, What::Packages));
    let of_nodes: Vec<Boundary> = parts(nodes, What::Nodes)
        .filter(|node| {
            !boundaries.iter().any(|other| {
                (other.threads - node.threads).abs() < 0.5 && other.what != What::Quota
            })
        })
        .collect();
    boundaries.extend(of_nodes);
    boundaries
}

/// The physical cores, when more threads than these were measured.
pub(super) fn cores(boundaries: &[Boundary]) -> Option<f64> {
    let cores = boundaries
        .iter()
        .find(|boundary| boundary.what == What::Cores);
    cores.map(|boundary| boundary.threads)
}

/// What the caption says of them.
pub(super) fn in_words(boundaries: &[Boundary]) -> Option<String> {
    let is_part = |it: &Boundary| matches!(it.what, What::Packages(_) | What::Nodes(_));
    boundaries.iter().any(is_part).then(|| {
        "Sockets and NUMA nodes are full where they are marked if threads fill one after the other (--affinity compact)."
            .to_owned()
    })
}

/// Labels above the panel, in as few rows as they fit into. Returns where the panel may begin.
pub(super) fn draw_labels(
    scene: &mut Scene,
    y: i32,
    boundaries: &[Boundary],
    place: impl Fn(f64) -> i32,
) -> i32 {
    let mut ends: Vec<i32> = Vec::new();
    let row_y = |row: usize| y + ROW * i32::try_from(row).unwrap_or(0);
    for boundary in boundaries {
        let label = font::ellipsized(&boundary.label(), SMALL_SIZE, PLOT.1 - PLOT.0);
        let half = font::width(&label, SMALL_SIZE) / 2 + 1;
        let x = place(boundary.at()).clamp(PLOT.0 + half, PLOT.1.max(PLOT.0 + half) - half);
        let row = ends
            .iter()
            .position(|end| end + 8 < x - half)
            .unwrap_or(ends.len());
        if row == ROWS_MAX {
            // Its line stands all the same, and the description tells of it.
            continue;
        }
        ends.resize(ends.len().max(row + 1), 0);
        ends[row] = x + half;
        let at = (x, row_y(row) + ROW / 2);
        scene.text(Text::new(label, at, SMALL_SIZE).anchored(Anchor::Middle));
    }
    row_y(ends.len()) + 6
}

/// Their lines across a panel.
pub(super) fn draw_lines(
    scene: &mut Scene,
    boundaries: &[Boundary],
    place: impl Fn(f64) -> i32,
    (top, bottom): (i32, i32),
) {
    for boundary in boundaries {
        let x = place(boundary.at());
        let dash: &[i32] = if boundary.what == What::Cores {
            &[5, 3]
        } else {
            &[1, 3]
        };
        scene.dashed(&[(x, top), (x, bottom)], 1, palette::GREY, dash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_where_parts_are_full() {
        let mut topology = Topology {
            packages: Some(2),
            numa_nodes: Some(4),
            physical_cores: 32,
            usable_physical_cores: 32,
            logical_cpus: 64,
            usable_logical_cpus: 64,
            cpu_quota: Some(20.5),
            ..Topology::default()
        };
        let labels = |topology: &Topology| {
            let mut all = of_topology(topology);
            all.sort_by(|a, b| a.threads.total_cmp(&b.threads));
            all.iter()
                .map(|it| format!("{} {}", it.threads, it.label()))
                .collect::<Vec<_>>()
                .join("; ")
        };
        assert_eq!(
            labels(&topology),
            "8 1 NUMA node full; 16 1 socket full; 20.5 quota 20.5 CPUs; 24 3 NUMA nodes full; 32 SMT beyond 32 cores"
        );
        // Of a part of the cores nobody knows to which node they belong.
        topology.usable_physical_cores = 10;
        topology.usable_logical_cpus = 10;
        topology.cpu_quota = Some(f64::INFINITY);
        assert_eq!(labels(&topology), "");
    }
}
