//! Small trees of `/proc` and `/sys` for tests, as recorded on many kinds of hosts.

use std::fs;
use std::path::Path;

/// A tree that is gone when it is dropped.
pub(crate) struct Fake(tempfile::TempDir);

impl Fake {
    /// Lays out these files with these contents.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let fake = Self(tempfile::tempdir().unwrap());
        for (path, content) in files {
            fake.write(path, content);
        }
        fake
    }

    /// Writes a file, in place if it is there, so that who has it open reads the new content.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }
}

/// A laptop on battery, saving power: Intel, `intel_pstate` in active mode.
pub(crate) const LAPTOP: &[(&str, &str)] = &[
    (
        "proc/stat",
        "cpu  1393280 32966 572056 13343292 6130 0 17875 0 23933 0\ncpu0 174160 4120 71507 1667911 766 0 2234 0 2991 0\n",
    ),
    ("proc/loadavg", "0.52 0.58 0.59 1/1187 12345\n"),
    (
        "proc/meminfo",
        "MemTotal:       16268488 kB\nMemFree:         1048572 kB\nMemAvailable:    8123456 kB\nSwapTotal:       2097148 kB\nSwapFree:        1048572 kB\n",
    ),
    (
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n",
    ),
    (
        "sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
        "powersave\n",
    ),
    (
        "sys/devices/system/cpu/cpufreq/policy0/scaling_driver",
        "intel_pstate\n",
    ),
    (
        "sys/devices/system/cpu/cpufreq/policy1/scaling_governor",
        "powersave\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
        "1800000\n",
    ),
    (
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq",
        "3400000\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
        "5\n",
    ),
    (
        "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count",
        "7\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count",
        "30\n",
    ),
    ("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n"),
    ("sys/devices/system/cpu/smt/active", "1\n"),
    ("sys/class/power_supply/AC/type", "Mains\n"),
    ("sys/class/power_supply/AC/online", "0\n"),
    ("sys/class/power_supply/BAT0/type", "Battery\n"),
    ("sys/class/power_supply/BAT0/status", "Discharging\n"),
    ("sys/firmware/acpi/platform_profile", "low-power\n"),
    (
        "sys/kernel/mm/transparent_hugepage/enabled",
        "always [madvise] never\n",
    ),
    ("sys/class/hwmon/hwmon0/name", "acpitz\n"),
    ("sys/class/hwmon/hwmon0/temp1_input", "27800\n"),
    ("sys/class/hwmon/hwmon1/name", "nvme\n"),
    ("sys/class/hwmon/hwmon1/temp1_input", "35850\n"),
    ("sys/class/hwmon/hwmon4/name", "coretemp\n"),
    ("sys/class/hwmon/hwmon4/temp1_label", "Core 0\n"),
    ("sys/class/hwmon/hwmon4/temp1_input", "88000\n"),
    ("sys/class/hwmon/hwmon4/temp2_label", "Package id 0\n"),
    ("sys/class/hwmon/hwmon4/temp2_input", "91000\n"),
];

/// A server of two sockets, well set: performance governor, no swap, automatic NUMA balancing on as distributions have it.
pub(crate) const SERVER: &[(&str, &str)] = &[
    (
        "proc/stat",
        "cpu  99887766 1234 5566778 8899001122 443322 0 112233 0 0 0\n",
    ),
    ("proc/loadavg", "0.03 0.11 0.09 1/2345 99999\n"),
    (
        "proc/meminfo",
        "MemTotal:       527961660 kB\nMemAvailable:   510000000 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n",
    ),
    (
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    ),
    ("proc/sys/kernel/numa_balancing", "1\n"),
    ("sys/devices/system/node/online", "0-1\n"),
    (
        "sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
        "performance\n",
    ),
    (
        "sys/devices/system/cpu/cpufreq/policy0/scaling_driver",
        "acpi-cpufreq\n",
    ),
    ("sys/devices/system/cpu/cpufreq/boost", "1\n"),
    ("sys/devices/system/cpu/smt/active", "0\n"),
    (
        "sys/kernel/mm/transparent_hugepage/enabled",
        "[always] madvise never\n",
    ),
    ("sys/class/hwmon/hwmon2/name", "k10temp\n"),
    ("sys/class/hwmon/hwmon2/temp1_label", "Tctl\n"),
    ("sys/class/hwmon/hwmon2/temp1_input", "61250\n"),
];

/// A virtual machine: no cpufreq, no sensors, steal.
pub(crate) const GUEST: &[(&str, &str)] = &[
    (
        "proc/stat",
        "cpu  2785644 137909 712476 1698120 119343 0 5099 7886 0 0\ncpu0 1363587 70513 349407 899776 44960 0 1304 3984 0 0\n",
    ),
    ("proc/loadavg", "2.10 1.90 1.50 3/311 4242\n"),
    (
        "proc/meminfo",
        "MemTotal:       24590000 kB\nMemAvailable:   20000000 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n",
    ),
    (
        "proc/pressure/memory",
        "some avg10=12.50 avg60=3.00 avg300=0.50 total=999\n",
    ),
    (
        "sys/kernel/mm/transparent_hugepage/enabled",
        "always madvise [never]\n",
    ),
];

/// A container of version 2's control groups with 1.5 CPUs, which has been held back.
pub(crate) const CONTAINER: &[(&str, &str)] = &[
    ("proc/stat", "cpu  1000 0 500 9000 0 0 10 0 0 0\n"),
    ("proc/self/cgroup", "0::/\n"),
    (
        "proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n",
    ),
    ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
    (
        "sys/fs/cgroup/cpu.stat",
        "usage_usec 1000000\nuser_usec 900000\nsystem_usec 100000\nnr_periods 100\nnr_throttled 40\nthrottled_usec 2500000\nnr_bursts 0\nburst_usec 0\n",
    ),
];
