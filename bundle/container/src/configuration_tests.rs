use proptest::prelude::*;

use super::*;
use crate::settings::{DATA_PATH, MAX_CONNECTIONS, MOUNT_HOME, SQUASH_BLOCK_SIZE, SQUASH_LEVEL};

type Environment = &'static [(&'static str, &'static str)];

const HOME: Environment = &[("HOME", "/home/me")];

fn variable(environment: Environment) -> impl Fn(&str) -> Option<OsString> {
    move |name| {
        let found = environment.iter().find(|(it, _)| *it == name);
        found.map(|(_, value)| value.into())
    }
}

fn file(path: &str, text: &str, environment: Environment) -> ConfigurationFile {
    ConfigurationFile::parse(path.into(), text.as_bytes(), &variable(environment)).expect("a file")
}

fn resolve(files: &[&str], environment: Environment) -> Result<Settings, SettingError> {
    let files: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(index, text)| file(&format!("/{index}"), text, environment))
        .collect();
    Settings::resolve(&files, &variable(environment))
}

/// Of these files, first wins, and this environment, a setting has this value from there.
#[track_caller]
fn check(files: &[&str], environment: Environment, setting: &Setting, value: &str, from: &str) {
    let settings = resolve(files, environment).expect("settings");
    let found = settings.get(setting);
    assert_eq!(
        (found.value.to_str(), found.origin.to_string().as_str()),
        (Some(value), from)
    );
}

#[test]
fn the_nearest_wins() {
    let ours = "BENCHRUN_DATA_PATH /ours";
    let theirs = "ENROOT_DATA_PATH /theirs";
    let both = "BENCHRUN_DATA_PATH /ours\nENROOT_DATA_PATH /theirs";
    check(
        &[],
        HOME,
        &DATA_PATH,
        "/home/me/.local/share/benchrun",
        "the default",
    );
    let xdg: Environment = &[("XDG_DATA_HOME", "/xdg")];
    check(&[], xdg, &DATA_PATH, "/xdg/benchrun", "the default");
    check(&[ours, theirs], HOME, &DATA_PATH, "/ours", "/0, line 1");
    check(&[theirs, ours], HOME, &DATA_PATH, "/theirs", "/0, line 1");
    check(&["", both], HOME, &DATA_PATH, "/ours", "/1, line 1");
    let enroot: Environment = &[("ENROOT_DATA_PATH", "/e"), ("BENCHRUN_DATA_PATH", "")];
    check(
        &[ours],
        enroot,
        &DATA_PATH,
        "/e",
        "the variable ENROOT_DATA_PATH",
    );
    let own: Environment = &[("ENROOT_DATA_PATH", "/e"), ("BENCHRUN_DATA_PATH", "/b")];
    check(
        &[ours],
        own,
        &DATA_PATH,
        "/b",
        "the variable BENCHRUN_DATA_PATH",
    );
    let twice = "BENCHRUN_DATA_PATH /a\nBENCHRUN_DATA_PATH /b";
    check(&[twice], HOME, &DATA_PATH, "/a", "/0, line 1");
    check(
        &["BENCHRUN_DATA_PATH"],
        xdg,
        &DATA_PATH,
        "/xdg/benchrun",
        "the default",
    );
}

#[test]
fn lines_have_enroots_form() {
    let text = "#BENCHRUN_DATA_PATH /no\n\n BENCHRUN_DATA_PATH\t = ${HOME}/x y \r\n";
    check(&[text], HOME, &DATA_PATH, "/home/me/x y", "/0, line 3");
    check(
        &["BENCHRUN_DATA_PATH=~/x"],
        HOME,
        &DATA_PATH,
        "/home/me/x",
        "/0, line 1",
    );
    let earlier = "ENROOT_CACHE_PATH /c\nENROOT_DATA_PATH ${ENROOT_CACHE_PATH}/d";
    check(&[earlier], HOME, &DATA_PATH, "/c/d", "/0, line 2");
    let default = "BENCHRUN_DATA_PATH ${XDG_DATA_HOME:-/d}/x";
    check(&[default], HOME, &DATA_PATH, "/d/x", "/0, line 1");
}

#[test]
fn lines_that_cannot_be_read_are_refused() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = ConfigurationFile::parse("/f".into(), text.as_bytes(), &variable(HOME));
        assert_eq!(error.expect_err(text).to_string(), expected);
    }
    check(
        "\nBENCHRUN_DATA_PATH /run/$(id -u)",
        "line 2: commands in values are not run (write ${VAR} instead of $(...))",
    );
    check("BENCHRUN_DATA_PATH 'x", "line 1: a quote is not closed");
    check("BENCHRUN_DATA_PATH /\0", "line 1: it holds a zero byte");
    check(
        "BENCHRUN_DATA-PATH /x",
        "line 1: 'BENCHRUN_DATA-PATH' cannot be the name of a variable \
         (letters, digits and '_', not beginning with a digit)",
    );
}

#[test]
fn values_have_their_kinds() {
    let text = "ENROOT_MOUNT_HOME y\nBENCHRUN_SQUASH_BLOCK_SIZE 1M\nBENCHRUN_MAX_CONNECTIONS 0";
    let settings = resolve(&[text], HOME).expect("settings");
    assert!(settings.is_on(&MOUNT_HOME));
    assert_eq!(settings.number(&SQUASH_BLOCK_SIZE), Some(1 << 20));
    assert_eq!(settings.number(&MAX_CONNECTIONS), Some(0));
    assert_eq!(settings.number(&SQUASH_LEVEL), None);
    assert_eq!(
        settings.path(&DATA_PATH),
        PathBuf::from("/home/me/.local/share/benchrun")
    );
}

#[test]
fn values_of_another_kind_are_refused_with_their_place() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = resolve(&[text], HOME).expect_err(text);
        assert_eq!(error.to_string(), expected);
    }
    check(
        "\nENROOT_MOUNT_HOME maybe",
        "cannot use the setting from /0, line 2: ENROOT_MOUNT_HOME cannot be 'maybe' (it may be yes or no)",
    );
    check(
        "BENCHRUN_DATA_PATH x",
        "cannot use the setting from /0, line 1: BENCHRUN_DATA_PATH cannot be 'x' (it may be an absolute path)",
    );
    for text in [
        "BENCHRUN_MAX_CONNECTIONS -1",
        "BENCHRUN_MAX_CONNECTIONS +1",
        "BENCHRUN_MAX_CONNECTIONS 1K",
        "BENCHRUN_SQUASH_BLOCK_SIZE M",
        "BENCHRUN_SQUASH_BLOCK_SIZE 99999999999999999M",
        "BENCHRUN_SQUASH_CODEC brotli",
    ] {
        resolve(&[text], HOME).expect_err(text);
    }
}

#[test]
fn what_is_no_setting_is_noted() {
    let text =
        "BENCHRUN_DATA_PAHT /x\nENROOT_GZIP_PROGRAM pigz\nhttp_proxy a\nhttp_proxy b\nLD_PRELOAD x";
    let settings = resolve(&[text, "NVIDIA_X 1\nhttp_proxy c"], HOME).expect("settings");
    let unknown: Vec<_> = settings.unknown.iter().map(ToString::to_string).collect();
    assert_eq!(unknown, ["/0, line 1: BENCHRUN_DATA_PAHT is no setting"]);
    let exported = [("http_proxy", "a"), ("NVIDIA_X", "1")];
    let exported = exported.map(|(name, value)| (name.to_owned(), OsString::from(value)));
    assert_eq!(settings.exported, exported);
}

#[test]
fn every_default_may_be_what_it_is() {
    let settings = resolve(&[], HOME).expect("settings");
    for value in settings.values() {
        assert_eq!(value.origin, Origin::Default);
        check_reference(&value.value);
    }
}

#[track_caller]
fn check_reference(value: &OsStr) {
    let text = value.to_str().expect("UTF-8");
    assert!(!text.contains('$'), "{text}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "(BENCHRUN_DATA_PATH|ENROOT_|[ =\n$\\{}()'\"`~/A-C\\\\:-]){0,40}") {
        if let Ok(file) = ConfigurationFile::parse("/f".into(), text.as_bytes(), &variable(HOME)) {
            let _ = Settings::resolve(&[file], &variable(HOME));
        }
    }

    #[test]
    fn a_quoted_value_is_itself(value in "[^\0\r\n']{1,20}") {
        let text = format!("BENCHRUN_DATA_PATH '/{value}'");
        let file = file("/f", &text, HOME);
        prop_assert_eq!(&file.lines[0].value, &OsString::from(format!("/{value}")));
    }
}
