//! `--verify`: what an administrator learns of a host without running the payload.

use std::fs;

use serde_json::Value;
use tests::leftovers::assert_nothing_left;
use tests::process::finish;
use tests::seccomp::without_namespaces;
use tests::site::{Bundle, RUNGS, SHELL, Site, Who, assert_code, everywhere, write_executable};
use tests::{stderr, stdout};

fn report(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

/// What `--verify` says of a rung is what happens when it is forced.
#[test]
fn it_tells_the_truth_about_every_rung() {
    for bundle in [SHELL, Bundle::Image] {
        for who in Who::all() {
            let site = Site::new(*who, bundle);
            let output = site.run("", &["--verify", "--json"]);
            assert_code(&output, 0);
            let report = report(&output);
            assert_eq!(report["bytes_hold"], true);
            let words: &[&str] = match bundle {
                Bundle::Image => &["true"],
                _ => &["-c", "exit 0"],
            };
            for (rung, said) in RUNGS.iter().zip(report["rungs"].as_array().expect("rungs")) {
                assert_eq!(said["rung"].to_string(), *rung);
                let forced = site.run(rung, words);
                assert_eq!(
                    said["holds"] == true,
                    forced.status.success(),
                    "{said} {}",
                    stderr(&forced)
                );
                if said["holds"] != true {
                    assert!(
                        said["reason"].is_string() && said["errno"].is_number(),
                        "{said}"
                    );
                    assert!(said["remedy"].is_string(), "{said}");
                }
            }
            assert_nothing_left(&site);
        }
    }
}

#[test]
fn a_host_without_namespaces() {
    for who in Who::all() {
        let site = Site::new(*who, SHELL).without_opening_fuse();
        let output = without_namespaces(|| site.run("", &["--verify", "--json"]));
        assert_code(&output, 0);
        let report = report(&output);
        let holds: Vec<bool> = report["rungs"]
            .as_array()
            .expect("rungs")
            .iter()
            .map(|rung| rung["holds"] == true)
            .collect();
        assert_eq!(holds, [false, false, false, true]);
        assert_eq!(report["starts_on_rung"], 4);
        assert_eq!(report["rungs"][1]["errno"], libc::EPERM);
    }
}

#[test]
fn the_table_for_people() {
    everywhere("the_table_for_people", SHELL, |site, rung| {
        if rung != "4" {
            return;
        }
        let output = site.run("", &["--verify"]);
        assert_code(&output, 0);
        let text = stdout(&output);
        for part in [
            "digest     ",
            "every one is what was packed",
            "signature  none",
            "rung  holds  how",
            "\n2     yes",
            "starts on rung ",
        ] {
            assert!(text.contains(part), "{text} lacks {part:?}");
        }
        // Nothing of the payload's ran, and nothing else was printed.
        assert_eq!(stderr(&output), "");
    });
}

#[test]
fn damage_is_found_without_a_start() {
    let site = Site::new(Who::all()[0], SHELL);
    let mut bytes = fs::read(&site.bundle).expect("the bundle");
    let layout = bundle_format::Bundle::parse(&bytes)
        .expect("a bundle")
        .trailer()
        .layout;
    // In the middle of the data, which opening an image does not read.
    bytes[(layout.image().start + (layout.image().end - layout.image().start) / 3) as usize] ^= 1;
    write_executable(&site.bundle, &bytes);
    let output = site.run("", &["--verify", "--json"]);
    assert_code(&output, 125);
    assert_eq!(report(&output)["bytes_hold"], false);
}

#[test]
fn a_profile_names_the_file() {
    let site = Site::new(Who::all()[0], SHELL);
    let output = finish(site.command("", &["--apparmor-profile"]));
    assert_code(&output, 0);
    let text = stdout(&output);
    let path = fs::canonicalize(&site.bundle).expect("its path");
    assert!(
        text.contains(&format!("\"{}\" flags=(unconfined)", path.display())),
        "{text}"
    );
    assert!(text.contains("userns,"), "{text}");
}
