//! Labels at the ends of lines, instead of a legend: each as near to its line's height as the others leave it.

#![allow(
    clippy::cast_possible_wrap,
    reason = "a picture has a few labels, not 2³¹"
)]

/// Middles of labels for lines that end at these heights, in the same order: no two nearer than `distance`, all between `top` and
/// `bottom` as far as there is room, moved as little as that allows.
pub(crate) fn spread(heights: &[i32], distance: i32, (top, bottom): (i32, i32)) -> Vec<i32> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by_key(|index| heights[*index]);
    // Blocks of labels that touch: each lies where the mean of its members' wishes is.
    let mut blocks: Vec<(Vec<usize>, i32)> = Vec::new();
    for index in order {
        blocks.push((vec![index], 0));
        loop {
            let last = blocks.len() - 1;
            blocks[last].1 = first_middle(&blocks[last].0, heights, distance, (top, bottom));
            let Some((before, start)) = last.checked_sub(1).map(|at| &blocks[at]) else {
                break;
            };
            let end = start + distance * before.len() as i32;
            if blocks[last].1 >= end {
                break;
            }
            let (members, _) = blocks.remove(last);
            blocks[last - 1].0.extend(members);
        }
    }
    let mut middles = vec![0; heights.len()];
    for (members, first) in blocks {
        for (place, index) in members.into_iter().enumerate() {
            middles[index] = first + distance * place as i32;
        }
    }
    middles
}

/// Where a block's first label is.
fn first_middle(
    members: &[usize],
    heights: &[i32],
    distance: i32,
    (top, bottom): (i32, i32),
) -> i32 {
    let count = members.len() as i32;
    let wishes = members
        .iter()
        .enumerate()
        .map(|(place, index)| heights[*index] - distance * place as i32);
    let mean = wishes.sum::<i32>().div_euclid(count);
    mean.min(bottom - distance * (count - 1)).max(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_heights_where_there_is_room() {
        assert_eq!(spread(&[90, 10, 50], 16, (0, 100)), [90, 10, 50]);
    }

    #[test]
    fn labels_that_touch_move_as_little_as_they_must() {
        assert_eq!(spread(&[50, 50], 16, (0, 100)), [42, 58]);
        assert_eq!(spread(&[98, 99, 100], 16, (0, 100)), [68, 84, 100]);
        assert_eq!(spread(&[0, 1, 2], 10, (0, 100)), [0, 10, 20]);
    }

    #[test]
    fn labels_are_never_nearer_than_they_may_be() {
        let heights: Vec<i32> = (0..12).map(|index| index * index * 37 % 101).collect();
        let mut middles = spread(&heights, 14, (0, 200));
        middles.sort_unstable();
        assert!(
            middles.windows(2).all(|pair| pair[1] - pair[0] >= 14),
            "{middles:?}"
        );
        assert!(middles[0] >= 0 && middles[11] <= 200, "{middles:?}");
    }
}
