//! The axes of a roofline: both logarithmic, as wide as its cases, its ridges and its roofs need.

use super::super::hint::ends;
use super::super::points::drawable;
use super::super::sheet::SMALL_SIZE;
use super::model::Model;
use super::{PLOT, Series};
use crate::plot::log_axis::LogAxis;
use crate::plot::palette;
use crate::plot::scale::draw_ticks;
use crate::plot::scene::{Anchor, Scene, Text};

const HEIGHT: i32 = 380;

/// The picture's axes.
pub(super) struct Axes {
    x: LogAxis,
    y: LogAxis,
    /// The least and the largest intensity.
    pub(super) ends: (f64, f64),
    pub(super) top: i32,
    pub(super) bottom: i32,
}

impl Axes {
    pub(super) fn of(model: &Model, drawn: &[Series], top: i32) -> Self {
        let dots = || drawn.iter().flat_map(|series| &series.dots);
        let ridges = || model.roofs.iter().filter_map(|roof| model.ridge(roof));
        let intensities = dots().map(|dot| dot.intensity).chain(ridges());
        let (low, high) = ends(intensities).unwrap_or((1.0, 1.0));
        let ends_x = (
            drawable(low / 4.0).unwrap_or(low),
            drawable(high * 4.0).unwrap_or(high),
        );
        let slope_low = model
            .bandwidth
            .and_then(|bandwidth| drawable(bandwidth * ends_x.0));
        let slope_high = model
            .bandwidth
            .and_then(|bandwidth| drawable(bandwidth * ends_x.1));
        // The slope's own end matters only where no roof cuts it.
        let slope_high = slope_high.filter(|_| model.roofs.is_empty());
        let roofs = model.roofs.iter().map(|roof| roof.gflops);
        let rates = dots()
            .map(|dot| dot.gflops)
            .chain(roofs)
            .chain(slope_low)
            .chain(slope_high);
        let (low, high) = ends(rates).unwrap_or((1.0, 1.0));
        Self {
            x: LogAxis::between(ends_x.0, ends_x.1),
            y: LogAxis::between(
                drawable(low / 1.3).unwrap_or(low),
                drawable(high * 1.7).unwrap_or(high),
            ),
            ends: ends_x,
            top,
            bottom: top + HEIGHT,
        }
    }

    pub(super) fn at(&self, intensity: f64, gflops: f64) -> (i32, i32) {
        (
            self.x.position(intensity, PLOT),
            self.y.position(gflops, (self.bottom, self.top)),
        )
    }

    /// Ticks and titles. Returns where the horizontal axis ends.
    pub(super) fn draw(&self, scene: &mut Scene) -> i32 {
        for (value, label) in &self.y.ticks {
            let y = self.y.position(*value, (self.bottom, self.top));
            scene.line((PLOT.0, y), (PLOT.1, y), 1, palette::GRID);
            scene.text(Text::new(label, (PLOT.0 - 8, y), SMALL_SIZE).anchored(Anchor::End));
        }
        scene.line(
            (PLOT.0, self.bottom),
            (PLOT.1, self.bottom),
            1,
            palette::AXIS,
        );
        let ticks = self.x.ticks.iter();
        let ticks: Vec<(i32, String)> = ticks
            .map(|(value, label)| (self.x.position(*value, PLOT), label.clone()))
            .filter(|(x, _)| (PLOT.0..PLOT.1 - 20).contains(x))
            .collect();
        let y = draw_ticks(scene, self.bottom, &ticks, SMALL_SIZE);
        let title = "operations for each byte moved (flop/byte, logarithmic)";
        let middle = i32::midpoint(PLOT.0, PLOT.1);
        scene.text(Text::new(title, (middle, y + 21), SMALL_SIZE).anchored(Anchor::Middle));
        y + 34
    }
}
