//! The pictures of the page, each with what it says in words and as a table.

use std::fmt::Write;

use super::grid::Grid;
use crate::figure::Figure;
use crate::kinds::Kind;
use crate::plot::escaped;
use crate::slugs::Slugs;
use crate::{PlotError, clean};

/// Where pictures stand.
#[derive(Default)]
pub(super) struct Pictures {
    pub(super) hosts: Vec<OfKind>,
    pub(super) cases: Vec<OfKind>,
    pub(super) samples: Vec<OfKind>,
    pub(super) changes: Vec<OfKind>,
    /// What is not drawn, and why.
    pub(super) missing: Vec<String>,
}

/// Pictures of a kind that are seen at once; the others are unfolded.
const OPEN_MAX: usize = 2;

/// The pictures of one kind.
pub(super) struct OfKind {
    pub(super) title: &'static str,
    pub(super) first: Vec<Picture>,
    pub(super) more: Vec<Picture>,
}

/// One picture.
pub(super) struct Picture {
    /// Its anchor; those of its parts begin with it.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) svg: String,
    pub(super) table: Grid,
}

/// Letters of a description that stands below its picture: a longer one tells of each point, and is folded with the data.
const BRIEF_MAX: usize = 260;

impl Picture {
    /// Whether its description is short enough to be read by those who see the picture.
    pub(super) fn is_brief(&self) -> bool {
        self.description.chars().count() <= BRIEF_MAX
    }
}

/// Draws all pictures.
///
/// # Errors
///
/// When one cannot be drawn.
pub(super) fn pictures(kinds: &[Kind], anchors: &mut Slugs) -> Result<Pictures, PlotError> {
    let mut pictures = Pictures::default();
    for kind in kinds {
        let figures = match &kind.figures {
            Ok(figures) => figures,
            Err(missing) => {
                pictures
                    .missing
                    .push(clean(&format!("{}: {}", kind.title, missing.0)));
                continue;
            }
        };
        let place = match kind.name {
            "hosts" | "heat-map" | "energy" => &mut pictures.hosts,
            "samples" | "trace" => &mut pictures.samples,
            "history" | "ratios" => &mut pictures.changes,
            _ => &mut pictures.cases,
        };
        let mut first = Vec::new();
        for figure in figures {
            first.push(picture(figure, anchors)?);
        }
        let more = first.split_off(first.len().min(OPEN_MAX));
        place.push(OfKind {
            title: kind.title,
            first,
            more,
        });
    }
    Ok(pictures)
}

fn picture(figure: &Figure, anchors: &mut Slugs) -> Result<Picture, PlotError> {
    let id = anchors.take(&format!("figure {}", figure.name));
    let title = clean(figure.title());
    let table = Grid::of_table(
        &figure.table,
        &format!("{id} data"),
        format!("Data of the picture {id}: {title}"),
        anchors,
    );
    Ok(Picture {
        svg: inline(figure, &id)?,
        description: clean(figure.description()),
        table,
        title,
        id,
    })
}

/// A picture's own style, which the page's policy does not let in.
const STYLE: &str = "style=\"max-width:100%;height:auto\" ";

/// Points that a picture tells of when somebody points at them.
const HINTS_MAX: usize = 600;

/// The document as a part of the page: sized by its style sheet, named by its caption, with values to be pointed at.
fn inline(figure: &Figure, id: &str) -> Result<String, PlotError> {
    let named = format!(
        "class=\"plot\" aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-description\" "
    );
    let mut svg = figure.svg()?.replacen(STYLE, &named, 1);
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    let mut hints = String::new();
    for ((x, y), text) in figure.scene.hints().take(HINTS_MAX) {
        let text = escaped(&clean(text));
        let _ = writeln!(
            hints,
            "<circle class=\"hint\" cx=\"{x}\" cy=\"{y}\" r=\"9\" fill=\"none\"><title>{text}</title></circle>"
        );
    }
    svg.insert_str(end, &hints);
    Ok(svg)
}
