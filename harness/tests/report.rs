//! `bench report` and `bench plot` as their users see them, over the example hosts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn hosts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/tests/hosts")
}

fn bench(directory: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(words)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with one of the example hosts, whose norms nothing contradicts.
fn one_host(name: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let of_host = fs::read_dir(hosts()).unwrap().map(Result::unwrap);
    for file in of_host.filter(|file| file.file_name().to_string_lossy().starts_with(name)) {
        fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
    }
    directory
}

#[test]
fn a_folder_becomes_a_page() {
    let directory = one_host("desktop");
    let output = bench(directory.path(), &["report", "."]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.contains("<h1>Benchmark report</h1>") && page.contains("desktop"));
    let again = bench(directory.path(), &["report", "."]);
    assert_eq!(
        again.status.code(),
        Some(0),
        "a report is written anew: {}",
        errors(&again)
    );
    assert_eq!(
        page,
        fs::read_to_string(directory.path().join("report.html")).unwrap()
    );
}

#[test]
fn a_page_on_standard_output_is_all_there_is() {
    let directory = tempfile::tempdir().unwrap();
    let words = [
        "report",
        "-o",
        "-",
        "--title",
        "A <b> & c",
        hosts().to_str().unwrap(),
    ]
    .map(str::to_owned);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = bench(directory.path(), &words);
    let page = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains("<h1>A &#60;b&#62; &#38; c</h1>"));
    assert_eq!(
        output.status.code(),
        Some(4),
        "hosts computed different norms"
    );
    assert!(errors(&output).contains("possible silent data corruption"));
    assert!(page.contains("possible silent data corruption") && !page.contains("<script>alert"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn another_file_is_not_written_over() {
    let directory = one_host("desktop");
    let page = directory.path().join("index.html");
    fs::write(&page, "<h1>My own</h1>").unwrap();
    let output = bench(directory.path(), &["report", ".", "-o", "index.html"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        errors(&output),
        "bench: cannot write the page to index.html: the file there is no report (name another one, or use --force)\n"
    );
    assert_eq!(fs::read_to_string(&page).unwrap(), "<h1>My own</h1>");
    let forced = bench(
        directory.path(),
        &["report", ".", "-o", "index.html", "--force"],
    );
    assert_eq!(forced.status.code(), Some(0), "{}", errors(&forced));
}

#[test]
fn a_kept_comparison_is_a_page_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let comparison = hosts().join("ab-desktop.json");
    let output = bench(directory.path(), &["report", comparison.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.contains("bench ab, 2026-11-20"), "it is told of");
}

#[test]
fn nothing_makes_no_page() {
    let directory = tempfile::tempdir().unwrap();
    for words in [
        &["report", "."][..],
        &["report", "none.json"],
        &["plot", "hosts", "."],
        &["plot", "hosts", ".", "-o", "hosts.gif"],
        &["plot", "pie", "."],
    ] {
        let output = bench(directory.path(), words);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{words:?}: {}",
            errors(&output)
        );
        assert_eq!(errors(&output).lines().count(), 1, "{}", errors(&output));
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn plots_become_files() {
    let directory = tempfile::tempdir().unwrap();
    let hosts = hosts();
    let hosts = hosts.to_str().unwrap();
    let list = bench(directory.path(), &["plot", "all", hosts, "--list"]);
    let listed = String::from_utf8(list.stdout).unwrap();
    assert!(
        listed.contains("hosts: Hosts at matmul-norm, n = 2000, f64"),
        "{listed}"
    );
    let words = [
        "plot",
        "hosts",
        hosts,
        "--only",
        "n=2000, f64",
        "-o",
        "one.svg",
    ];
    let one = bench(directory.path(), &words);
    assert_eq!(one.status.code(), Some(0), "{}", errors(&one));
    let svg = fs::read_to_string(directory.path().join("one.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("<title>Hosts at matmul-norm"));
    let several = bench(
        directory.path(),
        &["plot", "heat-map", hosts, "-o", "heat.png"],
    );
    assert_eq!(several.status.code(), Some(0), "{}", errors(&several));
    let png = fs::read(directory.path().join("heat-1.png")).unwrap();
    assert_eq!(png[..4], *b"\x89PNG");
    let none = bench(
        directory.path(),
        &["plot", "hosts", hosts, "--only", "n=77"],
    );
    assert_eq!(none.status.code(), Some(2));
}

/// Where a page or a picture cannot go is said before a folder is read, which may take long.
#[test]
fn outputs_are_looked_at_first() {
    let directory = tempfile::tempdir().unwrap();
    for words in [
        ["report", "no-records", "-o", "no-directory/report.html"],
        ["report", "no-records", "-o", "."],
    ] {
        let output = bench(directory.path(), &words);
        assert_eq!(output.status.code(), Some(73), "{}", errors(&output));
        assert!(errors(&output).starts_with("bench: cannot write "));
    }
    let words = [
        "plot",
        "hosts",
        "no-records",
        "-o",
        "no-directory/hosts.svg",
    ];
    let output = bench(directory.path(), &words);
    assert_eq!(output.status.code(), Some(73), "{}", errors(&output));
}
