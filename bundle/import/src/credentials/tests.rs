use super::*;
use crate::reference::parse_reference;

/// A home with these files, and the credentials that are found in it.
fn found(uri: &str, files: &[(&str, &str)], set: &[(&str, &str)], typed: Option<&str>) -> String {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let home = home.path().to_str().unwrap();
    let variables = |name: &str| {
        let found = set.iter().find(|(found, _)| *found == name);
        let value = found.map(|(_, value)| value.replace('~', home));
        value.or_else(|| (name == "HOME").then(|| home.to_owned()))
    };
    let ask = |question: &str| match typed {
        Some(typed) => Ok(format!("{typed} for {question}")),
        None => Err(io::Error::other("no terminal")),
    };
    match find(&parse_reference(uri).unwrap(), &variables, &ask) {
        Ok(None) => "none".to_owned(),
        Ok(Some(login @ Login::Password { .. })) => {
            assert_eq!(format!("{login:?}"), "Password");
            let Login::Password { user, password } = login else {
                unreachable!()
            };
            format!("{user} {password}")
        }
        Ok(Some(Login::IdentityToken(token))) => format!("token {token}"),
        Err(error) => error.to_string().replace(home, "~"),
    }
}

const ENROOTS: (&str, &str) = (
    ".config/enroot/.credentials",
    "machine r.example login me password one\nmachine r.example login you password two\n",
);
const OURS: (&str, &str) = (
    ".config/benchrun/.credentials",
    "machine r.example login me password three\nmachine s.example login me password $SECRET\n",
);
// me:secret
const DOCKERS: (&str, &str) = (
    ".docker/config.json",
    r#"{"auths": {"r.example": {"auth": "bWU6c2VjcmV0"}, "t.example": {"auth": "bWU6c2VjcmV0"}}}"#,
);

#[test]
fn each_place_in_its_order() {
    let all = &[ENROOTS, OURS, DOCKERS];
    let password = ("BENCHRUN_PASSWORD", "zero");
    assert_eq!(
        found("docker://me@r.example/a", all, &[password], None),
        "me zero"
    );
    // A password without a user says nothing.
    assert_eq!(
        found("docker://r.example/a", all, &[password], None),
        "me one"
    );
    assert_eq!(found("docker://you@r.example/a", all, &[], None), "you two");
    assert_eq!(
        found("docker://r.example/a", &[OURS, DOCKERS], &[], None),
        "me three"
    );
    assert_eq!(
        found("docker://s.example/a", all, &[("SECRET", "four")], None),
        "me four"
    );
    assert_eq!(found("docker://t.example/a", all, &[], None), "me secret");
    assert_eq!(found("docker://u.example/a", all, &[], None), "none");
    assert_eq!(found("docker://alpine", &[], &[], None), "none");
    assert_eq!(
        found("docker://she@t.example/a", all, &[], Some("typed")),
        "she typed for Password of she at t.example: "
    );
    assert_eq!(
        found("docker://she@t.example/a", all, &[], None),
        "cannot log in as 'she' at 't.example': no password is known and nobody can be asked for it: no terminal (set \
         $BENCHRUN_PASSWORD, or put it into ~/.config/benchrun/.credentials)"
    );
}

#[test]
fn places_can_be_moved() {
    let moved = |name: &'static str, file: (&'static str, &'static str)| (name, file.1);
    let check = |file: (&str, &str), variable: &str, value: &str, expected: &str| {
        let found = found("docker://r.example/a", &[file], &[(variable, value)], None);
        assert_eq!(found, expected, "{variable}");
    };
    check(
        moved("e/.credentials", ENROOTS),
        "ENROOT_CONFIG_PATH",
        "~/e",
        "me one",
    );
    check(
        moved("b/.credentials", OURS),
        "BENCHRUN_CONFIG_PATH",
        "~/b",
        "me three",
    );
    check(
        moved("x/enroot/.credentials", ENROOTS),
        "XDG_CONFIG_HOME",
        "~/x",
        "me one",
    );
    check(
        moved("d/config.json", DOCKERS),
        "DOCKER_CONFIG",
        "~/d",
        "me secret",
    );
    check(
        moved("auth.json", DOCKERS),
        "REGISTRY_AUTH_FILE",
        "~/auth.json",
        "me secret",
    );
    check(
        moved("r/containers/auth.json", DOCKERS),
        "XDG_RUNTIME_DIR",
        "~/r",
        "me secret",
    );
    check(
        moved(".config/containers/auth.json", DOCKERS),
        "X",
        "",
        "me secret",
    );
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let broken = (".docker/config.json", "secret");
    assert_eq!(
        found("docker://alpine", &[broken], &[], None),
        "cannot use '~/.docker/config.json': it is not as expected in line 1"
    );
    let command = (
        ".config/enroot/.credentials",
        "machine r.example login me password $(cat secret)",
    );
    assert_eq!(
        found("docker://r.example/a", &[command], &[], None),
        "cannot use '~/.config/enroot/.credentials': the entry for 'r.example' has a command as its password, which is not run \
         (put its output into a variable and name that: $NAME)"
    );
    let directory = (".docker/config.json/x", "");
    assert!(found("docker://alpine", &[directory], &[], None).contains("is no file"));
}
