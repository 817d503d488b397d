//! Texts that steer a container, which an image or a user may have written: the entry points of the fuzz targets `fstab`,
//! `environment`, `passwd` and `configuration`, and of the test that replays their corpus. None may panic, whatever the bytes are.

use std::ffi::OsString;

use bundle_container::passwd::{self, User};
use bundle_container::{
    ConfigurationFile, Mount, Settings, flags, parse_env_argument, parse_environment, parse_fstab,
    parse_mount,
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

/// Reads a fstab, and all of it as an argument. What comes out can be given to mount(2), in the order in which it is to be done.
pub fn fstab(bytes: &[u8]) {
    let mounts = parse_fstab(bytes, &variable).unwrap_or_default();
    assert!(mounts.is_sorted_by_key(|mount| mount.pass));
    let argument = parse_mount(bytes, &variable).unwrap_or_default();
    mounts.iter().chain(&argument).for_each(assert_mountable);
}

/// Nothing in it ends early for the kernel, is empty where something is named, or says two things.
fn assert_mountable(mount: &Mount) {
    let named = [
        Some(&mount.target),
        mount.source.as_ref(),
        mount.fs_type.as_ref(),
    ];
    for field in named.into_iter().flatten() {
        assert!(!field.is_empty(), "{mount:?}");
    }
    for field in named.into_iter().flatten().chain([&mount.data]) {
        assert!(!field.as_encoded_bytes().contains(&0), "{mount:?}");
    }
    for field in [&mount.source, &mount.fs_type].into_iter().flatten() {
        assert_ne!(field, "none", "{mount:?}");
    }
    let has = |flag| mount.flags & flag != 0;
    assert!(!has(flags::MS_SILENT | flags::MS_MOVE | flags::PROPAGATION));
    assert!(has(flags::MS_BIND) || !has(flags::MS_REC), "{mount:?}");
    assert_eq!(mount.propagation & !(flags::PROPAGATION | flags::MS_REC), 0);
    let needs_source = mount.is_move || has(flags::MS_BIND) && !has(flags::MS_REMOUNT);
    assert!(!needs_source || mount.detach || mount.source.is_some());
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
