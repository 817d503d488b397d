//! Labels beside points, each where it lies on nothing.

use super::scene::{Anchor, Point, Scene, Text};

/// What is taken already.
#[derive(Clone)]
pub(crate) struct Placer {
    /// Left, top, right, bottom: no label leaves these.
    bounds: [i32; 4],
    taken: Vec<[i32; 4]>,
}

impl Placer {
    /// Room between these ends.
    pub(crate) fn new(bounds: [i32; 4]) -> Self {
        Self {
            bounds,
            taken: Vec::new(),
        }
    }

    /// Keeps labels off a mark.
    pub(crate) fn take(&mut self, (x, y): Point, radius: i32) {
        self.taken
            .push([x - radius, y - radius, x + radius, y + radius]);
    }

    /// Keeps labels off a line.
    pub(crate) fn take_line(&mut self, from: Point, to: Point) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = (dx.abs().max(dy.abs()) / 4).max(1);
        for step in 0..=steps {
            self.take((from.0 + dx * step / steps, from.1 + dy * step / steps), 2);
        }
    }

    /// Keeps labels off a text.
    pub(crate) fn take_text(&mut self, text: &Text) {
        let (left, right) = text.extent();
        let (top, bottom) = (
            text.at.1 - text.size / 2 - 1,
            text.at.1 + text.size * 2 / 5 + 2,
        );
        self.taken.push([left - 3, top, right + 3, bottom]);
    }

    /// Writes the text at the first of these places where it lies on nothing, with so much room before it. Returns it as it stands, if
    /// there was one.
    pub(crate) fn place(
        &mut self,
        scene: &mut Scene,
        text: &Text,
        room_before: i32,
        places: &[(Point, Anchor)],
    ) -> Option<Text> {
        for (at, anchor) in places {
            let shift = match anchor {
                Anchor::Start => room_before,
                Anchor::Middle => room_before / 2,
                Anchor::End => 0,
            };
            let text = Text {
                at: (at.0 + shift, at.1),
                anchor: *anchor,
                ..text.clone()
            };
            let (left, right) = (text.extent().0 - room_before, text.extent().1);
            let (top, bottom) = (
                text.at.1 - text.size / 2 - 1,
                text.at.1 + text.size * 2 / 5 + 2,
            );
            let [l, t, r, b] = self.bounds;
            let is_within = left >= l && top >= t && right <= r && bottom <= b;
            let is_free =
                |[l, t, r, b]: &[i32; 4]| right <= *l || *r <= left || bottom <= *t || *b <= top;
            if is_within && self.taken.iter().all(is_free) {
                self.taken.push([left - 3, top, right + 3, bottom]);
                scene.text(text.clone());
                return Some(text);
            }
        }
        None
    }
}

/// Places around a point: beside it, above and below it, and slantwise.
pub(crate) fn around((x, y): Point, distance: i32, size: i32) -> Vec<(Point, Anchor)> {
    let (d, line) = (distance, size);
    vec![
        ((x, y - d - line / 2), Anchor::Middle),
        ((x, y + d + line / 2), Anchor::Middle),
        ((x + d + 2, y), Anchor::Start),
        ((x - d - 2, y), Anchor::End),
        ((x + d, y - d - line / 3), Anchor::Start),
        ((x - d, y - d - line / 3), Anchor::End),
        ((x + d, y + d + line / 3), Anchor::Start),
        ((x - d, y + d + line / 3), Anchor::End),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::boxes::assert_texts_are_apart;

    #[test]
    fn labels_lie_on_nothing_or_are_left_out() {
        let mut scene = Scene::blank(200, 200);
        let mut placer = Placer::new([10, 10, 190, 190]);
        placer.take((100, 100), 5);
        let mut placed = 0;
        for _ in 0..20 {
            let text = Text::new("label", (0, 0), 14);
            placed += usize::from(
                placer
                    .place(&mut scene, &text, 6, &around((100, 100), 8, 14))
                    .is_some(),
            );
        }
        assert!((4..20).contains(&placed), "{placed}");
        assert_texts_are_apart("labels", &scene);
    }
}
