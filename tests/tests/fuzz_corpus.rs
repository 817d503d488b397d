//! What the fuzz targets have found interesting, once more, and a few thousand changes of it that are the same in every run:
//! through the same entry points, on the same compiler as everything else. A crash that fuzzing finds is fixed, and its input
//! joins the corpus.

use std::fs;

use bundle_squashfs::Image;
use tests::damage::Random;
use tests::{hostile, records, steering};

/// So many changed inputs are tried of each target. They take a few seconds together.
const MUTATION_COUNT: usize = 4000;

/// The inputs of one target, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = tests::repository().join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", directory.display());
    paths
        .iter()
        .map(|path| fs::read(path).expect("an input"))
        .collect()
}

fn replay(target: &str, entry: impl Fn(&[u8])) {
    let inputs = corpus(target);
    for input in &inputs {
        entry(input);
    }
    let mut random = Random::from_seed(1);
    for _ in 0..MUTATION_COUNT {
        let changed = change(&inputs, &mut random);
        entry(&changed);
    }
}

/// One of the inputs with one to four changes: a bit, a number that is often a border, a piece of another input, a cut.
fn change(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    const BORDERS: [u64; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX];
    let mut pick = |limit: usize| random.below(limit.max(1) as u64) as usize;
    let mut bytes = inputs[pick(inputs.len())].clone();
    for _ in 0..=pick(4) {
        let offset = pick(bytes.len());
        let rest = bytes.len() - offset;
        match pick(8) {
            0..3 if rest > 0 => bytes[offset] ^= 1 << pick(8),
            3..6 => {
                let number = BORDERS[pick(BORDERS.len())].to_le_bytes();
                let size = [1, 2, 4, 8][pick(4)].min(rest);
                bytes[offset..offset + size].copy_from_slice(&number[..size]);
            }
            6 => {
                let other = &inputs[pick(inputs.len())];
                let begin = pick(other.len());
                let size = pick(64).min(rest).min(other.len() - begin);
                bytes[offset..offset + size].copy_from_slice(&other[begin..begin + size]);
            }
            _ => bytes.truncate(offset),
        }
    }
    bytes
}

#[test]
fn bundle() {
    replay("bundle", hostile::bundle);
}

#[test]
fn image() {
    replay("image", hostile::image);
}

#[test]
fn layer() {
    replay("layer", hostile::layer);
}

#[test]
fn requests() {
    let bytes = hostile::sample_image();
    let image = Image::open(&bytes).expect("a sound image");
    replay("requests", |input| hostile::requests(&image, input));
}

#[test]
fn fstab() {
    replay("fstab", steering::fstab);
}

#[test]
fn environment() {
    replay("environment", steering::environment);
}

#[test]
fn passwd() {
    replay("passwd", steering::passwd);
}

#[test]
fn configuration() {
    replay("configuration", steering::configuration);
}

#[test]
fn record() {
    replay("record", records::record);
}

/// The control: a sound image is read to its end, and its server answers.
#[test]
fn the_sample_is_sound() {
    let bytes = hostile::sample_image();
    let image = Image::open(&bytes).expect("a sound image");
    assert!(image.walk().expect("a sound tree").len() > 10);
    hostile::requests(&image, &hostile::thorough_requests(&image));
}
