//! A machine's topology as a picture in the manner of lstopo: boxes in boxes, from the machine to its logical CPUs.

use std::fmt::Write;

use results::machine::{Core, CoreKind, Machine};

use crate::topology::{ThreadPlan, bytes, is_unusable};

/// Colours of Okabe and Ito, which all eyes tell apart.
const ORANGE: &str = "#E69F00";
const SKY: &str = "#56B4E9";
const GREEN: &str = "#009E73";
const YELLOW: &str = "#F0E442";
const BLUE: &str = "#0072B2";
const PURPLE: &str = "#CC79A7";
const GREY: &str = "#D0D0D0";

const GAP: f64 = 6.0;
const LABEL: f64 = 18.0;
const LINE: f64 = 14.0;
const CPU_WIDTH: f64 = 34.0;
const CPU_HEIGHT: f64 = 20.0;
const CORE_WIDTH: f64 = 84.0;
/// Siblings beside each other; more go below.
const SIBLINGS_IN_ROW: usize = 2;
/// Width to height that a box aims at.
const ASPECT: f64 = 1.5;
/// Estimated width of a letter: SVG has no measure of text.
const LETTER: f64 = 6.6;

/// Draws the machine with the planned threads marked.
pub fn svg(machine: &Machine, plan: &ThreadPlan) -> String {
    let root = tree(machine, plan);
    let (width, height) = root.size();
    let notes = notes(machine, plan, width.max(480.0));
    let full_width = width.max(480.0) + 2.0 * GAP;
    let legend_top = height + 2.0 * GAP;
    let full_height = legend_top + 26.0 + LINE * notes.len() as f64 + GAP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{full_width:.0}\" height=\"{full_height:.0}\" \
         viewBox=\"0 0 {full_width:.0} {full_height:.0}\" role=\"img\" aria-labelledby=\"title desc\" \
         font-family=\"DejaVu Sans, Arial, sans-serif\" font-size=\"11\">\n\
         <title id=\"title\">Topology: {}</title>\n<desc id=\"desc\">Thread plan: {}</desc>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n",
        escape(&root.label),
        escape(&plan.sentence())
    );
    root.draw(GAP, GAP, width, height, &mut svg);
    legend(GAP, legend_top, &mut svg);
    for (number, line) in notes.iter().enumerate() {
        let y = legend_top + 26.0 + LINE * (number as f64 + 0.8);
        text(GAP, y, "start", "#000000", line, &mut svg);
    }
    svg.push_str("</svg>\n");
    svg
}

/// One box and what is in it.
struct Node {
    label: String,
    /// Smaller lines below the label.
    lines: Vec<String>,
    fill: &'static str,
    opacity: f64,
    children: Vec<Node>,
    /// A logical CPU rather than a box of others.
    is_cpu: bool,
    is_grey: bool,
}

impl Node {
    fn container(label: String, fill: &'static str, opacity: f64, children: Vec<Self>) -> Self {
        Self {
            label,
            lines: Vec::new(),
            fill,
            opacity,
            children,
            is_cpu: false,
            is_grey: false,
        }
    }

    fn is_core(&self) -> bool {
        self.children.first().is_some_and(|child| child.is_cpu)
    }

    fn cell(&self) -> (f64, f64) {
        let sizes = self.children.iter().map(Self::size);
        sizes.fold((0.0, 0.0), |(w, h), (width, height)| {
            (f64::max(w, width), f64::max(h, height))
        })
    }

    fn head(&self) -> f64 {
        LABEL + LINE * self.lines.len() as f64
    }

    fn grid(&self, columns: usize) -> (f64, f64) {
        let (width, height) = self.cell();
        let rows = self.children.len().div_ceil(columns);
        (
            GAP + columns as f64 * (width + GAP),
            self.head() + rows as f64 * (height + GAP) + GAP / 2.0,
        )
    }

    /// As many columns as make the box neither flat nor tall, without a ragged last row where that can be had.
    fn columns(&self) -> usize {
        let count = self.children.len().max(1);
        if self.is_core() {
            return count.min(SIBLINGS_IN_ROW);
        }
        let badness = |columns: &usize| {
            let (width, height) = self.grid(*columns);
            let ragged = if count.is_multiple_of(*columns) {
                0.0
            } else {
                0.4
            };
            ((width / height / ASPECT).ln().abs() + ragged) * 1000.0
        };
        (1..=count)
            .min_by(|a, b| badness(a).total_cmp(&badness(b)))
            .unwrap_or(1)
    }

    fn size(&self) -> (f64, f64) {
        if self.is_cpu {
            return (CPU_WIDTH, CPU_HEIGHT);
        }
        let (width, height) = self.grid(self.columns());
        let words = LETTER * self.label.len() as f64 + 2.0 * GAP;
        let least = if self.is_core() { CORE_WIDTH } else { words };
        (width.max(least), height)
    }

    fn draw(&self, x: f64, y: f64, width: f64, height: f64, svg: &mut String) {
        let (fill, ink) = if self.is_grey {
            (GREY, "#606060")
        } else {
            (self.fill, "#000000")
        };
        let opacity = if self.is_grey { 1.0 } else { self.opacity };
        // Tints do not add up: what is below does not shine through.
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" fill=\"#FFFFFF\"/>"
        );
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" fill=\"{fill}\" \
             fill-opacity=\"{opacity}\" stroke=\"{}\" stroke-width=\"0.8\"/>",
            if self.is_grey { "#A0A0A0" } else { "#404040" }
        );
        if self.is_cpu {
            let middle = x + width / 2.0;
            text(middle, y + 14.0, "middle", ink, &self.label, svg);
            return;
        }
        text(x + GAP, y + 13.0, "start", ink, &self.label, svg);
        for (number, line) in self.lines.iter().enumerate() {
            let y = y + 13.0 + LINE * (number as f64 + 1.0);
            text(x + GAP, y, "start", ink, line, svg);
        }
        let (cell_width, cell_height) = self.cell();
        let columns = self.columns();
        // What is wider than its children, for the sake of its label or its neighbours, gives them the room.
        let room = (width - GAP) / columns as f64 - GAP;
        let cell_width = if self.is_core() { cell_width } else { room };
        for (number, child) in self.children.iter().enumerate() {
            let (column, row) = (number % columns, number / columns);
            child.draw(
                x + GAP + column as f64 * (cell_width + GAP),
                y + self.head() + row as f64 * (cell_height + GAP),
                cell_width,
                cell_height,
                svg,
            );
        }
    }
}

fn text(x: f64, y: f64, anchor: &str, ink: &str, words: &str, svg: &mut String) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{ink}\">{}</text>",
        escape(words)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn legend(left: f64, top: f64, svg: &mut String) {
    let entries = [
        (ORANGE, "a thread is bound to it"),
        ("#FFFFFF", "may be used"),
        (GREY, "may not be used"),
    ];
    let mut x = left;
    for (fill, words) in entries {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"16\" height=\"14\" rx=\"2\" fill=\"{fill}\" stroke=\"#404040\" stroke-width=\"0.8\"/>"
        );
        text(x + 21.0, top + 11.0, "start", "#000000", words, svg);
        x += 21.0 + LETTER * words.len() as f64 + 2.0 * GAP;
    }
}

/// What no box says, broken into lines.
fn notes(machine: &Machine, plan: &ThreadPlan, width: f64) -> Vec<String> {
    let mut limits = Vec::new();
    if let Some(hypervisor) = &machine.hypervisor {
        limits.push(format!("hypervisor {hypervisor}"));
    }
    if let Some(quota) = machine.cpu_quota {
        limits.push(format!("quota of {quota} CPUs"));
    }
    if !machine.offline_cpus.is_empty() {
        limits.push(format!("offline: CPUs {}", machine.offline_cpus));
    }
    let mut notes = wrapped(&format!("Thread plan: {}", plan.sentence()), width);
    if !limits.is_empty() {
        notes.extend(wrapped(&limits.join("; "), width));
    }
    notes
}

/// Breaks after spaces and commas.
fn wrapped(words: &str, width: f64) -> Vec<String> {
    let letters = (width / LETTER) as usize;
    let mut lines = vec![String::new()];
    for piece in words.split_inclusive([' ', ',']) {
        match lines.last_mut() {
            Some(last) if last.is_empty() || last.len() + piece.len() <= letters => {
                last.push_str(piece);
            }
            _ => lines.push(piece.to_owned()),
        }
    }
    lines
}

fn tree(machine: &Machine, plan: &ThreadPlan) -> Node {
    let cores: Vec<&Core> = machine.cores.iter().collect();
    let packages = grouped(&cores, |core| Some(core.package))
        .into_iter()
        .map(|(package, cores)| {
            let label = format!("Package {}", package.unwrap_or(0));
            Node::container(label, YELLOW, 0.25, numa_nodes(machine, plan, &cores))
        })
        .collect();
    let mut label = "Machine".to_owned();
    let memory_bytes: u64 = machine
        .numa_nodes
        .iter()
        .filter_map(|node| node.memory_bytes)
        .sum();
    if memory_bytes > 0 {
        let _ = write!(label, ", {}", bytes(memory_bytes));
    }
    Node::container(label, "#FFFFFF", 1.0, packages)
}

/// Consecutive or not, those with the same key are one group; groups in the order of their first members.
fn grouped<'a>(
    cores: &[&'a Core],
    key: impl Fn(&Core) -> Option<usize>,
) -> Vec<(Option<usize>, Vec<&'a Core>)> {
    let mut groups: Vec<(Option<usize>, Vec<&Core>)> = Vec::new();
    for core in cores {
        let key = key(core);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, group)) => group.push(core),
            None => groups.push((key, vec![core])),
        }
    }
    groups
}

fn first_cpu(core: &Core) -> usize {
    core.cpus.0.first().copied().unwrap_or(0)
}

/// A node that reaches beyond these cores is no box among them.
fn numa_nodes(machine: &Machine, plan: &ThreadPlan, cores: &[&Core]) -> Vec<Node> {
    let holds = |cpu: &usize| cores.iter().any(|core| core.cpus.contains(*cpu));
    let place = |core: &Core| {
        let node = machine.numa_node_of(first_cpu(core))?;
        let is_within = node.cpus.0.iter().all(holds);
        let same = |other: &&results::machine::NumaNode| other.index == node.index;
        is_within.then(|| machine.numa_nodes.iter().position(|other| same(&other)))?
    };
    let mut boxes = Vec::new();
    for (place, cores) in grouped(cores, place) {
        let inner = caches(machine, plan, &cores, 3);
        match place {
            Some(place) => {
                let node = &machine.numa_nodes[place];
                let mut label = format!("NUMA node {}", node.index);
                if let Some(memory_bytes) = node.memory_bytes {
                    let _ = write!(label, ", {}", bytes(memory_bytes));
                }
                boxes.push(Node::container(label, GREEN, 0.15, inner));
            }
            None => boxes.extend(inner),
        }
    }
    boxes
}

/// Boxes of caches that several cores share; a core's own are lines in its box.
fn caches(machine: &Machine, plan: &ThreadPlan, cores: &[&Core], level: u32) -> Vec<Node> {
    if level < 2 {
        return cores
            .iter()
            .map(|core| core_box(machine, plan, core))
            .collect();
    }
    let mut boxes = Vec::new();
    for (place, group) in grouped(cores, |core| machine.cache_of(first_cpu(core), level)) {
        let inner = caches(machine, plan, &group, level - 1);
        let shared = place
            .map(|place| &machine.caches[place])
            .filter(|cache| is_shared(cache, &group));
        match shared {
            Some(cache) => {
                let label = format!("L{level}, {}", bytes(cache.size_bytes));
                let fill = if level == 3 { SKY } else { BLUE };
                boxes.push(Node::container(label, fill, 0.25, inner));
            }
            None => boxes.extend(inner),
        }
    }
    boxes
}

fn is_shared(cache: &results::machine::SharedCache, cores: &[&Core]) -> bool {
    cores.len() > 1 || cores.iter().any(|core| core.cpus.len() < cache.cpus.len())
}

fn core_box(machine: &Machine, plan: &ThreadPlan, core: &Core) -> Node {
    let cpus: Vec<Node> = core
        .cpus
        .0
        .iter()
        .map(|cpu| Node {
            label: cpu.to_string(),
            lines: Vec::new(),
            fill: if plan.rank(*cpu).is_some() {
                ORANGE
            } else {
                "#FFFFFF"
            },
            opacity: 1.0,
            children: Vec::new(),
            is_cpu: true,
            is_grey: is_unusable(machine, *cpu),
        })
        .collect();
    let own = [3, 2, 1].into_iter().filter_map(|level| {
        let cache = &machine.caches[machine.cache_of(first_cpu(core), level)?];
        let is_own = level == 1 || cache.cpus.len() <= core.cpus.len();
        is_own.then(|| format!("L{level} {}", bytes(cache.size_bytes)))
    });
    let (label, fill, opacity) = match core.kind {
        Some(CoreKind::Performance) => ("P-core", "#FFFFFF", 1.0),
        Some(CoreKind::Efficiency) => ("E-core", PURPLE, 0.3),
        None => ("Core", "#FFFFFF", 1.0),
    };
    Node {
        lines: own.collect(),
        is_grey: cpus.iter().all(|cpu| cpu.is_grey),
        ..Node::container(label.to_owned(), fill, opacity, cpus)
    }
}
