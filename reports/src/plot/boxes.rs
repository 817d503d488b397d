//! Where the texts and the marks of a picture are, for tests of all pictures.

use super::scene::{Mark, Scene};

/// Left, top, right, bottom of each text.
pub(crate) fn boxes(scene: &Scene) -> Vec<(String, [i32; 4])> {
    let texts = scene.marks.iter().filter_map(|mark| match mark {
        Mark::Text(text) => Some(text),
        _ => None,
    });
    texts
        .map(|text| {
            let (left, right) = text.extent();
            // From the top of the tallest letters to the base line and a little: descenders may touch ascenders.
            let (top, bottom) = (text.at.1 - text.size / 2, text.at.1 + text.size * 2 / 5);
            (text.content.clone(), [left, top, right, bottom])
        })
        .collect()
}

/// No text lies on another one or leaves the picture.
pub(crate) fn assert_texts_are_apart(name: &str, scene: &Scene) {
    let boxes = boxes(scene);
    for (index, (text, [left, top, right, bottom])) in boxes.iter().enumerate() {
        assert!(
            *left >= 4 && *right <= scene.width - 4,
            "{name}: {text:?} is at {left} to {right}"
        );
        assert!(
            *top >= 4 && *bottom <= scene.height - 4,
            "{name}: {text:?} is at {top} to {bottom}"
        );
        for (other, [l, t, r, b]) in &boxes[..index] {
            let is_apart = r <= left || right <= l || b <= top || bottom <= t;
            assert!(is_apart, "{name}: {text:?} lies on {other:?}");
        }
    }
}

/// No mark begins or ends outside of the picture.
pub(crate) fn assert_marks_are_inside(name: &str, scene: &Scene) {
    let is_inside =
        |(x, y): &(i32, i32)| (0..=scene.width).contains(x) && (0..=scene.height).contains(y);
    for mark in &scene.marks {
        let points = match mark {
            Mark::Rect { from, to, .. } => vec![*from, *to],
            Mark::Path { points, .. } | Mark::Polygon { points, .. } => points.clone(),
            Mark::Dot { center, .. } => vec![*center],
            Mark::Hint { at, .. } => vec![*at],
            Mark::Text(_) => continue,
        };
        assert!(points.iter().all(is_inside), "{name}: {mark:?}");
    }
}
