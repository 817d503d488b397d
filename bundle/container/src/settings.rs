//! Every setting that there is: its name, what it may be, what it is by itself, and what it means.

/// A setting. Its value comes from the environment, from a configuration file, or is the default.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, `BENCHRUN_...`.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is unless it is set, with references to variables. Empty where nothing is.
    pub default: &'static str,
    /// Enroot's name for it, honoured where ours is not set. Empty where Enroot has none that means the same.
    pub enroot: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// What a setting may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A path that is absolute.
    Path,
    /// `yes` or `no`, and the usual words for them.
    Switch,
    /// A whole number from 0.
    Number,
    /// Bytes: a number, with `K` or `M` for 2^10 or 2^20.
    Size,
    /// The name of a compression.
    Codec,
}

impl Kind {
    /// What it may be, in words.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Path => "an absolute path",
            Self::Switch => "yes or no",
            Self::Number => "a whole number from 0",
            Self::Size => "a number of bytes, with K or M",
            Self::Codec => "zstd, gzip, lz4 or none",
        }
    }
}

macro_rules! settings {
    ($($constant:ident: $kind:ident = $default:literal, $enroot:literal, $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: Setting = Setting {
                name: concat!("BENCHRUN_", stringify!($constant)),
                kind: Kind::$kind,
                default: $default,
                enroot: $enroot,
                meaning: $meaning,
            };
        )*
        /// All settings, in the order that they are shown in.
        pub const SETTINGS: &[Setting] = &[$($constant),*];
    };
}

settings! {
    DATA_PATH: Path = "${XDG_DATA_HOME:-$HOME/.local/share}/benchrun", "ENROOT_DATA_PATH",
        "Where sandboxes are kept";
    CACHE_PATH: Path = "${XDG_CACHE_HOME:-$HOME/.cache}/benchrun", "ENROOT_CACHE_PATH",
        "Where layers of imported images are kept, to be used again";
    CONFIG_PATH: Path = "${XDG_CONFIG_HOME:-$HOME/.config}/benchrun", "ENROOT_CONFIG_PATH",
        "Where the user's `benchrun.conf`, `environ.d`, `mounts.d`, `hooks.d` and `.credentials` are";
    SYSCONF_PATH: Path = "/etc/benchrun", "ENROOT_SYSCONF_PATH",
        "Where the system's `benchrun.conf`, `environ.d`, `mounts.d` and `hooks.d` are";
    SQUASH_CODEC: Codec = "zstd", "",
        "How images are compressed";
    SQUASH_LEVEL: Number = "", "",
        "How hard images are compressed (unset: as fits the codec)";
    SQUASH_BLOCK_SIZE: Size = "128K", "",
        "How much of an image is compressed at once";
    MAX_PROCESSORS: Number = "0", "ENROOT_MAX_PROCESSORS",
        "How many threads are used at most (0: as many as there are processors)";
    MAX_CONNECTIONS: Number = "10", "ENROOT_MAX_CONNECTIONS",
        "How many connections are open at once (0: without a limit)";
    CONNECT_TIMEOUT: Number = "30", "ENROOT_CONNECT_TIMEOUT",
        "Seconds to wait for a connection (0: without a limit)";
    TRANSFER_TIMEOUT: Number = "0", "ENROOT_TRANSFER_TIMEOUT",
        "Seconds that a transfer may take (0: without a limit)";
    TRANSFER_RETRIES: Number = "3", "ENROOT_TRANSFER_RETRIES",
        "How often a failed transfer is tried again";
    ALLOW_HTTP: Switch = "no", "ENROOT_ALLOW_HTTP",
        "Asks registries without TLS (insecure)";
    ROOTFS_WRITABLE: Switch = "no", "ENROOT_ROOTFS_WRITABLE",
        "Makes the root file system writable (`--rw`)";
    REMAP_ROOT: Switch = "no", "ENROOT_REMAP_ROOT",
        "Makes the user root in the container (`--root`)";
    UNSHARE_NET: Switch = "no", "ENROOT_UNSHARE_NET",
        "Gives the container a network of its own, without a way out (`--net`)";
    UNSHARE_PID: Switch = "no", "ENROOT_UNSHARE_PID",
        "Gives the container process numbers of its own (`--pid`)";
    UNSHARE_IPC: Switch = "no", "ENROOT_UNSHARE_IPC",
        "Gives the container shared memory of its own, and few devices (`--ipc`)";
    UNSHARE_UTS: Switch = "no", "ENROOT_UNSHARE_UTS",
        "Gives the container a host name of its own (`--uts`)";
    MOUNT_HOME: Switch = "no", "ENROOT_MOUNT_HOME",
        "Shows the user's home directory in the container";
    RESTRICT_DEV: Switch = "no", "ENROOT_RESTRICT_DEV",
        "Shows few devices only in the container's `/dev`";
    FORCE_OVERRIDE: Switch = "no", "ENROOT_FORCE_OVERRIDE",
        "Replaces what is there without asking (`--force`)";
    BUNDLE_ALL: Switch = "no", "ENROOT_BUNDLE_ALL",
        "Packs the user's configuration into bundles (`--all`)";
}

/// The setting of this name, ours or Enroot's.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name || !name.is_empty() && setting.enroot == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        let names: BTreeSet<_> = SETTINGS
            .iter()
            .flat_map(|setting| [setting.name, setting.enroot])
            .filter(|name| !name.is_empty())
            .collect();
        let with_enroot = SETTINGS.iter().filter(|it| !it.enroot.is_empty()).count();
        assert_eq!(names.len(), SETTINGS.len() + with_enroot);
        for name in names {
            assert!(find(name).is_some_and(|it| it.name == name || it.enroot == name));
        }
        assert_eq!(find(""), None);
        assert_eq!(find("BENCHRUN_"), None);
    }
}
