//! The pictures of the page, each with what it says in words and as a table.

use super::anchor::Anchors;
use super::grid::Grid;
use crate::figure::Figure;
use crate::kinds::Kind;
use crate::{PlotError, clean};

/// Where pictures stand.
#[derive(Default)]
pub(super) struct Pictures {
    pub(super) hosts: Vec<Picture>,
    pub(super) cases: Vec<Picture>,
    pub(super) samples: Vec<Picture>,
    pub(super) changes: Vec<Picture>,
    /// What is not drawn, and why.
    pub(super) missing: Vec<String>,
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

/// Draws all pictures.
///
/// # Errors
///
/// When one cannot be drawn.
pub(super) fn pictures(kinds: &[Kind], anchors: &mut Anchors) -> Result<Pictures, PlotError> {
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
        for figure in figures {
            place.push(picture(figure, anchors)?);
        }
    }
    Ok(pictures)
}

fn picture(figure: &Figure, anchors: &mut Anchors) -> Result<Picture, PlotError> {
    let id = anchors.unique(&format!("figure {}", figure.name));
    let title = clean(figure.title());
    let table = Grid::of_table(
        &figure.table,
        &format!("{id} data"),
        format!("Data of the picture {id}: {title}"),
        anchors,
    );
    Ok(Picture {
        svg: inline(&figure.svg()?, &id),
        description: clean(figure.description()),
        table,
        title,
        id,
    })
}

/// A picture's own style, which the page's policy does not let in.
const STYLE: &str = "style=\"max-width:100%;height:auto\" ";

/// The document as a part of the page: sized by its style sheet, named by its caption.
fn inline(svg: &str, id: &str) -> String {
    let named = format!(
        "class=\"plot\" aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-description\" "
    );
    svg.replacen(STYLE, &named, 1)
}
