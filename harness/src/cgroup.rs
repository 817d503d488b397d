//! What the control groups of this process allow: CPU time and memory, versions 1 and 2, all ancestors counted.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The limits of the control groups that this process is in. The tightest one of all ancestors counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// CPU time each second of wall-clock time, in CPUs.
    pub cpu_quota: Option<f64>,
    /// Memory in all.
    pub memory_limit_bytes: Option<u64>,
    /// Memory still free below the limits, page cache that can be dropped counted as free.
    pub memory_free_bytes: Option<u64>,
}

/// Reads the limits of this process.
pub fn limits() -> Limits {
    limits_below(Path::new("/"))
}

/// Reads them from a file system rooted elsewhere, so that tests can lay one out.
fn limits_below(root: &Path) -> Limits {
    let mut limits = Limits::default();
    for directory in directories(root) {
        limits.tighten(&directory);
    }
    limits
}

/// The directories of this process's control groups, and of their ancestors, that limit its CPU time: their `cpu.stat` counts
/// how often they did.
pub(crate) fn quota_directories(root: &Path) -> Vec<PathBuf> {
    let mut directories = directories(root);
    directories.retain(|directory| {
        cpu_quota_v2(directory)
            .or_else(|| cpu_quota_v1(directory))
            .is_some()
    });
    directories.dedup();
    directories
}

/// The directories of all control groups that this process is in, and of their ancestors.
fn directories(root: &Path) -> Vec<PathBuf> {
    let read = |file| fs::read_to_string(root.join(file)).unwrap_or_default();
    let (memberships, mounts) = (read("proc/self/cgroup"), read("proc/self/mountinfo"));
    let mut directories = Vec::new();
    for membership in memberships.lines().filter_map(Membership::parse) {
        for mount in mounts.lines().filter_map(Mount::parse) {
            if mount.serves(&membership) {
                directories.extend(mount.directories(root, membership.path));
            }
        }
    }
    directories
}

impl Limits {
    /// Takes over what the control group in this directory limits further. Files of other controllers are not there.
    fn tighten(&mut self, directory: &Path) {
        let quota = cpu_quota_v2(directory).or_else(|| cpu_quota_v1(directory));
        self.cpu_quota = least(self.cpu_quota, quota, f64::min);
        if let Some((limit, used)) = memory_v2(directory).or_else(|| memory_v1(directory)) {
            self.memory_limit_bytes = least(self.memory_limit_bytes, Some(limit), u64::min);
            let free = limit.saturating_sub(used);
            self.memory_free_bytes = least(self.memory_free_bytes, Some(free), u64::min);
        }
    }
}

fn least<T>(one: Option<T>, other: Option<T>, min: impl FnOnce(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(min(one, other)),
        (one, other) => one.or(other),
    }
}

/// A line of `/proc/self/cgroup`: `hierarchy:controllers:path`. Version 2 has hierarchy 0 and no controllers.
struct Membership<'a> {
    controllers: Vec<&'a str>,
    path: &'a str,
}

impl<'a> Membership<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(3, ':');
        let (_hierarchy, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Self {
            controllers: controllers.split(',').filter(|c| !c.is_empty()).collect(),
            path,
        })
    }
}

/// A line of `/proc/self/mountinfo` that is a control group file system.
struct Mount<'a> {
    /// The directory of the hierarchy that is mounted; not `/` inside a container.
    root: &'a str,
    point: &'a str,
    /// `None` for version 2.
    controllers: Option<Vec<&'a str>>,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, point) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, _source, options) = (right.next()?, right.next()?, right.next()?);
        let controllers = match kind {
            "cgroup" => Some(options.split(',').collect()),
            "cgroup2" => None,
            _ => return None,
        };
        Some(Self {
            root,
            point,
            controllers,
        })
    }

    fn serves(&self, membership: &Membership) -> bool {
        match &self.controllers {
            None => membership.controllers.is_empty(),
            Some(mounted) => membership.controllers.iter().any(|c| mounted.contains(c)),
        }
    }

    /// The directories of the group and of its ancestors, as far up as they are mounted.
    fn directories(&self, root: &Path, path: &str) -> Vec<PathBuf> {
        let top = root.join(unescape(self.point).trim_start_matches('/'));
        // A path that leads out of what is mounted (`/../..`) tells nothing about what is below the top.
        let below = Path::new(path)
            .strip_prefix(unescape(self.root))
            .ok()
            .filter(|below| !below.components().any(|part| part == Component::ParentDir));
        let full = below.map_or_else(|| top.clone(), |below| top.join(below));
        let mut directories: Vec<PathBuf> = full
            .ancestors()
            .take_while(|directory| directory.starts_with(&top))
            .map(Path::to_owned)
            .collect();
        directories.retain(|directory| directory.is_dir());
        if directories.is_empty() {
            directories.push(top);
        }
        directories
    }
}

/// mountinfo writes a space as `\040`, and so with tab, line feed and backslash.
fn unescape(field: &str) -> String {
    field
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

fn read(directory: &Path, file: &str) -> Option<String> {
    Some(
        fs::read_to_string(directory.join(file))
            .ok()?
            .trim()
            .to_owned(),
    )
}

fn read_number<T: std::str::FromStr>(directory: &Path, file: &str) -> Option<T> {
    read(directory, file)?.parse().ok()
}

/// `cpu.max`: `quota period` in microseconds, or `max period`.
fn cpu_quota_v2(directory: &Path) -> Option<f64> {
    let text = read(directory, "cpu.max")?;
    let (quota, period) = text.split_once(' ')?;
    ratio(quota.parse().ok()?, period.parse().ok()?)
}

/// `cpu.cfs_quota_us`, -1 when there is no limit.
fn cpu_quota_v1(directory: &Path) -> Option<f64> {
    ratio(
        read_number(directory, "cpu.cfs_quota_us")?,
        read_number(directory, "cpu.cfs_period_us")?,
    )
}

fn ratio(quota_us: i64, period_us: i64) -> Option<f64> {
    (quota_us > 0 && period_us > 0).then(|| quota_us as f64 / period_us as f64)
}

/// Limit and use. Inactive file pages are dropped before anything is killed, so they do not count as used.
fn memory_v2(directory: &Path) -> Option<(u64, u64)> {
    let limit = read_number(directory, "memory.max")?;
    let used: u64 = read_number(directory, "memory.current")?;
    Some((
        limit,
        used.saturating_sub(statistic(directory, "inactive_file")),
    ))
}

/// As version 2. "No limit" is a number near 2^63 here.
fn memory_v1(directory: &Path) -> Option<(u64, u64)> {
    let limit: u64 = read_number(directory, "memory.limit_in_bytes")?;
    let used: u64 = read_number(directory, "memory.usage_in_bytes")?;
    let droppable = statistic(directory, "total_inactive_file");
    (limit < 1 << 60).then(|| (limit, used.saturating_sub(droppable)))
}

fn statistic(directory: &Path, name: &str) -> u64 {
    let text = read(directory, "memory.stat").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lays out files below a fresh root and reads the limits from there.
    fn check(files: &[(&str, &str)], expected: Limits) {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        assert_eq!(limits_below(root.path()), expected);
    }

    const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

    #[test]
    fn version_2_takes_the_tightest_ancestor() {
        check(
            &[
                ("proc/self/cgroup", "0::/job/step\n"),
                ("proc/self/mountinfo", V2_MOUNT),
                ("sys/fs/cgroup/job/cpu.max", "150000 100000\n"),
                ("sys/fs/cgroup/job/step/cpu.max", "max 100000\n"),
                ("sys/fs/cgroup/job/memory.max", "max\n"),
                ("sys/fs/cgroup/job/step/memory.max", "1000\n"),
                ("sys/fs/cgroup/job/step/memory.current", "700\n"),
                (
                    "sys/fs/cgroup/job/step/memory.stat",
                    "anon 400\ninactive_file 300\n",
                ),
            ],
            Limits {
                cpu_quota: Some(1.5),
                memory_limit_bytes: Some(1000),
                memory_free_bytes: Some(600),
            },
        );
    }

    #[test]
    fn version_1_has_a_mount_for_each_controller() {
        check(
            &[
                (
                    "proc/self/cgroup",
                    "4:memory:/a\n3:cpu,cpuacct:/a\n1:name=systemd:/\n",
                ),
                (
                    "proc/self/mountinfo",
                    "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                     32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
                ),
                ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "50000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "5000\n"),
                ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "1000\n"),
                (
                    "sys/fs/cgroup/memory/memory.limit_in_bytes",
                    "9223372036854771712\n",
                ),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "99999\n"),
            ],
            Limits {
                cpu_quota: Some(0.5),
                memory_limit_bytes: Some(5000),
                memory_free_bytes: Some(4000),
            },
        );
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        // Docker without a control group namespace: the path is the host's, the mount shows only the group.
        check(
            &[
                ("proc/self/cgroup", "0::/docker/abc\n"),
                (
                    "proc/self/mountinfo",
                    "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
                ),
                ("sys/fs/cgroup/cpu.max", "200000 100000\n"),
            ],
            Limits {
                cpu_quota: Some(2.0),
                ..Limits::default()
            },
        );
    }

    #[test]
    fn a_group_elsewhere_in_the_tree_is_not_taken_for_one_below_the_mount() {
        let quota = |path| {
            [
                ("proc/self/cgroup", path),
                (
                    "proc/self/mountinfo",
                    "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
                ),
                ("sys/fs/cgroup/cpu.max", "max 100000\n"),
                ("sys/fs/cgroup/d/cpu.max", "100000 100000\n"),
                ("sys/fs/cpu.max", "100000 100000\n"),
            ]
        };
        check(&quota("0::/docker/abcd\n"), Limits::default());
        check(&quota("0::/docker/abc/../..\n"), Limits::default());
    }

    #[test]
    fn no_proc_no_limits() {
        check(&[], Limits::default());
        check(
            &[("proc/self/cgroup", "garbage\n::\n0::/x\n")],
            Limits::default(),
        );
    }
}
