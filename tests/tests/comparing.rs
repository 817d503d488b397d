//! `bench ab` from inside a bundle: a bundle that starts bundles, itself and others, on every rung.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use results::comparison::Comparison;
use tests::process::{pid_of, start, wait};
use tests::site::{Bundle, everywhere};
use tests::{stderr, stdout};

#[test]
fn a_bundle_compares_bundles() {
    everywhere("a_bundle_compares_bundles", Bundle::Bench, |site, rung| {
        let other = site.path("bundle/other.run");
        if !other.exists() {
            tests::site::copy(&site.bundle, &other);
        }
        // A launcher hands on no rung that it was forced to; "this bench" makes a choice of its own.
        let quoted = format!("env BENCHRUN_FORCE_RUNG={rung} '{}'", other.display());
        let words = [
            "ab",
            &quoted,
            "--driver team",
            "--size",
            "test",
            "--max-time",
            "4s",
            "--json",
        ];
        let output = site.run(rung, &words);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 3)), "{code:?} {}", stderr(&output));
        let comparison: Comparison = serde_json::from_str(&stdout(&output)).expect("a comparison");
        assert!(
            !comparison.cases[0].first.is_empty(),
            "rung {rung}: {:?}",
            comparison.reasons
        );
        for (side, file, forced) in [
            (&comparison.baseline, &other, Some(rung)),
            (&comparison.candidate, &site.bundle, None),
        ] {
            let software = side.software.as_ref().expect("what ran");
            let bundle = software.bundle.as_ref().expect("a bundle");
            let started = bundle.rung.as_deref().expect("its rung");
            assert_eq!(started, forced.unwrap_or(started));
            let path = bundle.path.as_deref().expect("its path");
            assert_eq!(std::path::Path::new(path), file);
        }
    });
}

/// Nothing is left of either bundle, which `everywhere` asserts.
#[test]
fn a_comparison_that_is_interrupted() {
    everywhere(
        "a_comparison_that_is_interrupted",
        Bundle::Bench,
        |site, rung| {
            let words = [
                "ab",
                "--driver team",
                "--driver library",
                "--size",
                "1000",
                "--max-time",
                "60s",
            ];
            let child = start(site.command(rung, &words).stdin(Stdio::null()));
            std::thread::sleep(Duration::from_millis(700));
            kill(pid_of(&child), Signal::SIGTERM).expect("it is there");
            let output = wait(child);
            tests::site::assert_signal(&output, libc::SIGTERM);
        },
    );
}
