//! A figure: a picture with what it says in words and as a table, so that nobody has to see it to know it.

use crate::plot::scene::Scene;
use crate::plot::{self, PlotError};

/// One picture of a report.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is, as a part of file names and anchors: small letters, digits and hyphens, unique among the figures of a report.
    pub name: String,
    /// The figures behind the picture.
    pub table: Table,
    pub(crate) scene: Scene,
}

impl Figure {
    /// What it shows, in one line.
    pub fn title(&self) -> &str {
        &self.scene.title
    }

    /// What there is to see in it, for those who do not see it.
    pub fn description(&self) -> &str {
        &self.scene.description
    }

    /// As an SVG document: real text, a title and a description for screen readers, no font needed.
    ///
    /// # Errors
    ///
    /// [`PlotError::Draw`] when the drawing library fails, which no figure is known to make it do.
    pub fn svg(&self) -> Result<String, PlotError> {
        plot::svg(&self.scene)
    }

    /// As a PNG, the same picture at two pixels for each unit of the SVG.
    ///
    /// # Errors
    ///
    /// [`PlotError::Draw`] when the drawing library fails, [`PlotError::Encode`] when the pixels cannot be encoded.
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        plot::png(&self.scene)
    }
}

/// Why a picture is not drawn: which data it would need, in one sentence without a full stop, for example
/// `no record tells what energy its samples took`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

/// The figures of one kind, or why there are none.
pub type Figures = Result<Vec<Figure>, Missing>;

/// Figures in rows and columns. Cells are texts as they are shown; the page and CSV escape them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What stands above each column, with its unit, and whether it holds numbers.
    pub columns: Vec<(String, bool)>,
    /// As many cells in each row as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows. A title that begins with `#` is that of numbers.
    pub(crate) fn new(titles: &[&str]) -> Self {
        let column = |title: &&str| match title.strip_prefix('#') {
            Some(title) => (title.to_owned(), true),
            None => ((*title).to_owned(), false),
        };
        Self {
            columns: titles.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.into());
    }
}
