//! Texts that steer a container, which an image or a user may have written: the entry points of the fuzz targets `fstab`,
//! `environment`, `passwd` and `configuration`, and of the test that replays their corpus. None may panic, whatever the bytes are.

use std::ffi::OsString;

use bundle_container::passwd::{self, User};
use bundle_container::{
    ConfigurationFile, Settings, parse_env_argument, parse_environment, parse_fstab, parse_mount,
    print_fstab,
};

/// A host with a few variables, some of them awkward.
fn variable(name: &str) -> Option<OsString> {
    match name {
        "HOME" => Some("/home/me".into()),
        "PWD" => Some("/with blanks,and:\\040 more".into()),
        "OPTIONS" => Some("ro,size=1g,${HOME}".into()),
        "EMPTY" => Some(OsString::new()),
        _ => None,
    }
}

/// Reads a fstab, and what is written of it once more, and each of its lines as an argument.
pub fn fstab(bytes: &[u8]) {
    if let Ok(mounts) = parse_fstab(bytes, &variable) {
        assert_eq!(parse_fstab(&print_fstab(&mounts), &variable), Ok(mounts));
    }
    let _ = parse_mount(bytes, &variable);
}

/// Reads variables. None has a name that steers the runtime.
pub fn environment(bytes: &[u8]) {
    for (name, _) in parse_environment(bytes, &variable).unwrap_or_default() {
        assert!(!name.starts_with("BENCHRUN_") && !name.starts_with("ENROOT_"));
    }
    let _ = parse_env_argument(bytes, &variable);
}

/// Puts a user into databases. It can be found there.
pub fn passwd(bytes: &[u8]) {
    let user = User {
        name: b"me".to_vec(),
        uid: 1000,
        gid: 1000,
        gecos: bytes.to_vec(),
        home: bytes.to_vec(),
        shell: b"/bin/sh".to_vec(),
    };
    let users = passwd::passwd_with_user(bytes, &user, 65534, 65534);
    let found = passwd::find_user(&users, 1000).expect("the user");
    assert_eq!(found.name, b"me");
    let groups = passwd::group_with_user(bytes, bytes, 1000, 65534);
    assert!(!groups.contains(&0));
    passwd::default_of(bytes, "SHELL");
}

/// Reads a configuration file and decides what is in force with it.
pub fn configuration(bytes: &[u8]) {
    if let Ok(file) = ConfigurationFile::parse("/file".into(), bytes, &variable) {
        let _ = Settings::resolve(&[file], &variable);
    }
}
