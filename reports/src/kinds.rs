//! What kinds of pictures a report has, and what each is made of.

use results::Record;
use results::comparison::Comparison;
use results::history::series::History;
use results::survey::Survey;

use crate::figure::{Figures, Missing};
use crate::{history_plot, plots};

/// What pictures are made of.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// The records, host by host; of a host in many states its newest ([`Survey::newest_states`]): only the history shows all.
    pub side_by_side: &'a Survey,
    /// The newest record of each of a few hosts, in full.
    pub newest: &'a [Record],
    /// Comparisons in turns, the newest first.
    pub comparisons: &'a [Comparison],
    /// One value a run over time; `None` where no case was measured twice.
    pub history: Option<&'a History>,
}

/// The pictures of one kind.
#[derive(Clone, Debug)]
pub struct Kind {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// The pictures, or why there are none.
    pub figures: Figures,
}

/// What each kind is called, and what it shows, in the order in which a report has them.
pub const KINDS: [(&str, &str); 10] = [
    ("hosts", "Hosts ranked"),
    ("heat-map", "Hosts by sizes"),
    ("energy", "Energy"),
    ("by-size", "Speed by size"),
    ("scaling", "Scaling with threads"),
    ("roofline", "Roofline"),
    ("samples", "Samples of the newest runs"),
    ("trace", "Samples with clock and temperature"),
    ("history", "History"),
    ("ratios", "Comparisons in turns"),
];

/// All kinds, in the order of [`KINDS`].
pub fn kinds(material: &Material) -> Vec<Kind> {
    KINDS
        .iter()
        .map(|(name, title)| Kind {
            name,
            title,
            figures: figures(name, material),
        })
        .collect()
}

/// The figures of a kind by its name.
///
/// # Errors
///
/// Why there are none: which data they would need.
pub fn figures(name: &str, material: &Material) -> Figures {
    match name {
        "by-size" => plots::by_size::figures(material.side_by_side),
        "scaling" => plots::scaling::figures(material.side_by_side),
        "energy" => plots::energy::figures(material.side_by_side),
        "roofline" => plots::roofline::figures(material.side_by_side),
        "samples" => plots::samples::figures(material.newest),
        "trace" => plots::trace::figures(material.newest),
        "ratios" => plots::ratios::figures(material.comparisons),
        "hosts" => plots::hosts::figures(material.side_by_side),
        "heat-map" => plots::heat_map::figures(material.side_by_side),
        "history" => match material.history {
            Some(history) => history_plot::figures(history),
            None => Err(Missing(
                "no case was measured in two runs of one kind of machine".to_owned(),
            )),
        },
        _ => Err(Missing(format!("there is no plot '{name}'"))),
    }
}
