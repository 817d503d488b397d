//! A bundle whose bytes are not what was packed says so in one line, and nothing of it runs.

use std::fs;
use std::process::Output;

use bundle_format::{Bundle as Bytes, TRAILER_SIZE_BYTES};
use tests::damage::{Random, forge_trailer};
use tests::leftovers::assert_nothing_left;
use tests::process::finish;
use tests::site::{RUNGS, SHELL, Site, Who, assert_code, write_executable};
use tests::{stderr, stdout};

/// What the payload would do.
const TRACE: [&str; 2] = ["-c", "echo ran; echo ran >\"$SITE/work/ran\""];

fn run(site: &Site, bytes: &[u8]) -> Output {
    run_on(site, "2", bytes)
}

fn run_on(site: &Site, rung: &str, bytes: &[u8]) -> Output {
    let file = site.path("bundle/damaged.run");
    write_executable(&file, bytes);
    let output = finish(site.command_of(rung, &file, &TRACE));
    fs::remove_file(file).expect("it goes");
    output
}

/// Asserts that a damaged bundle is refused for this reason, or for any if it is empty.
#[track_caller]
fn assert_refused(site: &Site, output: &Output, damage: &str, reason: &str) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(125), "{damage}: {message}");
    assert_eq!(message.lines().count(), 1, "{damage}: {message}");
    assert!(message.starts_with("bundle: "), "{damage}: {message}");
    assert!(message.contains(reason), "{damage}: {message}");
    assert_eq!(stdout(output), "", "{damage}");
    assert!(!site.path("work/ran").exists(), "{damage}: the payload ran");
}

/// A bundle to damage, and its bytes.
fn victim(who: Who) -> (Site, Vec<u8>) {
    let site = Site::new(who, SHELL);
    let bytes = fs::read(&site.bundle).expect("the bundle");
    (site, bytes)
}

#[test]
fn cut_off() {
    let (site, bytes) = victim(Who::all()[0]);
    let layout = Bytes::parse(&bytes).expect("a bundle").trailer().layout;
    let launcher_size = layout.launcher().end as usize;
    let mut random = Random::from_printed_seed();
    // The launcher itself must be whole, or it cannot say anything.
    let rest = (bytes.len() - launcher_size) as u64;
    let lengths = (0..20).map(|_| launcher_size + random.below(rest) as usize);
    let at_borders = [
        launcher_size,
        layout.image().start as usize,
        layout.image().end as usize,
        layout.manifest().end as usize,
        bytes.len() - TRAILER_SIZE_BYTES + 1,
        bytes.len() - 1,
    ];
    for length in lengths.chain(at_borders) {
        let output = run(&site, &bytes[..length]);
        assert_refused(&site, &output, &format!("cut to {length} bytes"), "");
    }
    assert_nothing_left(&site);
}

#[test]
fn appended_to() {
    let (site, bytes) = victim(Who::all()[0]);
    for tail in [
        &b"\0"[..],
        b"\n",
        &[0; 160],
        &[0; 4096],
        &bytes[bytes.len() - 160..],
    ] {
        let output = run(&site, &[&bytes, tail].concat());
        let damage = format!("{} bytes appended", tail.len());
        assert_refused(&site, &output, &damage, "");
    }
    assert_nothing_left(&site);
}

#[test]
fn a_flipped_bit_anywhere_behind_the_launcher() {
    let (site, mut bytes) = victim(Who::all()[0]);
    let layout = Bytes::parse(&bytes).expect("a bundle").trailer().layout;
    let size = bytes.len() as u64;
    let trailer = size - TRAILER_SIZE_BYTES as u64..size;
    let mut random = Random::from_printed_seed();
    // The parts differ in size by orders of magnitude, and each has its own check.
    for part in [
        layout.padding(),
        layout.image(),
        layout.tree(),
        layout.manifest(),
        trailer,
    ] {
        // There is no padding where the launcher ends on a page.
        for _ in 0..if part.is_empty() { 0 } else { 55 } {
            let offset = (part.start + random.below(part.end - part.start)) as usize;
            let bit = 1 << random.below(8);
            bytes[offset] ^= bit;
            let output = run(&site, &bytes);
            bytes[offset] ^= bit;
            assert_refused(&site, &output, &format!("bit {bit} of byte {offset}"), "");
        }
    }
    assert_nothing_left(&site);
}

/// Rung 1 reads of the image what the payload uses. Damage elsewhere may pass, and only that; damage that is met later is an
/// input/output error for the payload, and the run ends as one that failed.
#[test]
fn a_flipped_bit_in_an_image_that_is_served() {
    let (site, mut bytes) = victim(Who::all()[0]);
    let layout = Bytes::parse(&bytes).expect("a bundle").trailer().layout;
    let mut random = Random::from_printed_seed();
    let mut found_count = 0;
    for _ in 0..150 {
        let part = layout.image().start..layout.tree().end;
        let offset = (part.start + random.below(part.end - part.start)) as usize;
        let bit = 1 << random.below(8);
        bytes[offset] ^= bit;
        let output = run_on(&site, "1", &bytes);
        bytes[offset] ^= bit;
        let damage = format!("bit {bit} of byte {offset}");
        let ran = site.path("work/ran").exists();
        let _ = fs::remove_file(site.path("work/ran"));
        let message = stderr(&output);
        if output.status.success() {
            assert!(
                ran && stdout(&output) == "ran\n" && message.is_empty(),
                "{damage}: {message}"
            );
            continue;
        }
        found_count += 1;
        assert_code(&output, 125);
        let own: Vec<&str> = message
            .lines()
            .filter(|line| line.starts_with("bundle: "))
            .collect();
        assert_eq!(own.len(), 1, "{damage}: {message}");
        assert!(
            own[0].contains("the image is damaged"),
            "{damage}: {message}"
        );
        assert!(
            ["", "ran\n"].contains(&&*stdout(&output)),
            "{damage}: {}",
            stdout(&output)
        );
    }
    assert!(found_count > 0, "no flip was found");
    assert_nothing_left(&site);
}

/// In the launcher's code a flip may lead anywhere but to the payload. What the processor never reaches is found by the digest.
#[test]
fn a_flipped_bit_in_the_launcher() {
    // Broken code had better not have root's rights.
    let (site, mut bytes) = victim(Who::User);
    let layout = Bytes::parse(&bytes).expect("a bundle").trailer().layout;
    let mut random = Random::from_printed_seed();
    for _ in 0..60 {
        // Behind the ELF header, without which the kernel does not start it.
        let offset = (4096 + random.below(layout.launcher().end - 4096)) as usize;
        let bit = 1 << random.below(8);
        bytes[offset] ^= bit;
        write_executable(&site.bundle, &bytes);
        bytes[offset] ^= bit;
        // It may also loop for ever.
        let limited = ["timeout", "--signal=KILL", "20"];
        let output = finish(site.wrapped(&limited, "", &site.bundle, &TRACE));
        let status = output.status;
        assert!(
            !stdout(&output).contains("ran") && !site.path("work/ran").exists(),
            "bit {bit} of byte {offset}: the payload ran"
        );
        assert!(!status.success(), "bit {bit} of byte {offset}: {status}");
    }
}

/// The trailer is whole but lies about one of its numbers.
#[test]
fn a_trailer_that_lies() {
    let (site, bytes) = victim(Who::all()[0]);
    let begin = bytes.len() - TRAILER_SIZE_BYTES;
    for offset in [24, 32, 40, 48, 56] {
        let field: [u8; 8] = bytes[begin + offset..begin + offset + 8]
            .try_into()
            .expect("eight bytes");
        let truth = u64::from_le_bytes(field);
        for lie in [
            0,
            1,
            truth.wrapping_sub(1),
            truth + 1,
            truth + 4096,
            bytes.len() as u64,
            1 << 40,
            1 << 63,
            u64::MAX - 4096,
            u64::MAX,
        ] {
            if lie == truth {
                continue;
            }
            let mut forged = bytes.clone();
            forge_trailer(&mut forged, offset, &lie.to_le_bytes());
            let damage = format!("{lie} instead of {truth} at {offset}");
            assert_refused(&site, &run(&site, &forged), &damage, "");
        }
    }
    assert_nothing_left(&site);
}

#[test]
fn a_trailer_of_another_kind() {
    let (site, bytes) = victim(Who::all()[0]);
    let cases: [(usize, &[u8], &str); 6] = [
        (16, &[1, 0, 0, 0], "version 1"),
        (16, &[3, 0, 0, 0], "version 3"),
        (16, &[0, 0, 0, 0], "version 0"),
        (20, &[1, 0, 0, 0], ""),
        (64, &[0; 32], "manifest"),
        (96, &[0; 32], "signature"),
    ];
    for (offset, content, reason) in cases {
        let mut forged = bytes.clone();
        forge_trailer(&mut forged, offset, content);
        let damage = format!("{content:?} at {offset}");
        assert_refused(&site, &run(&site, &forged), &damage, reason);
    }
    assert_nothing_left(&site);
}

#[test]
fn no_rung_runs_it_nor_shows_it() {
    for who in Who::all() {
        let site = Site::new(*who, SHELL);
        let mut bytes = fs::read(&site.bundle).expect("the bundle");
        let layout = Bytes::parse(&bytes).expect("a bundle").trailer().layout;
        bytes[layout.image().start as usize + 200] ^= 1;
        write_executable(&site.bundle, &bytes);
        for rung in RUNGS {
            // The byte is in the first chunk, with the superblock, which every rung reads before anything else.
            if rung != "3" || *who == Who::Root {
                assert_refused(&site, &site.run(rung, &TRACE), "a flipped bit", "image");
            }
        }
        bytes[layout.manifest().start as usize + 20] ^= 1;
        write_executable(&site.bundle, &bytes);
        let output = site.run("", &["--info"]);
        assert_refused(&site, &output, "a flipped bit", "manifest");
        assert_nothing_left(&site);
    }
}

/// The control: the same file, undamaged, by the same way, runs.
#[test]
fn the_undamaged_one_runs() {
    let (site, bytes) = victim(Who::all()[0]);
    assert_code(&run(&site, &bytes), 0);
    assert!(site.path("work/ran").exists());
}
