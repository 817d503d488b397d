//! The host as a record describes it. What cannot be read is left out, never guessed.

use std::env;
use std::fs;
use std::path::Path;

use results::record;

use crate::memory::Memory;

/// Describes this host. Topology and memory were read before, for the plan.
pub fn describe(topology: &record::Topology, memory: &Memory) -> record::Host {
    record::Host {
        hostname: hostname(),
        cpu: cpu(),
        topology: topology.clone(),
        memory: record::Memory {
            total_bytes: memory.total_bytes,
            available_bytes: memory.available_bytes,
            cgroup_limit_bytes: memory.cgroup_limit_bytes,
        },
        os: os(),
        virtualization: record::Virtualization {
            hypervisor: hypervisor(),
            container: container(),
        },
        machine: None,
    }
}

fn hostname() -> String {
    nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn cpu() -> record::Cpu {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |key| cpuinfo_field(&cpuinfo, key);
    let numbers = [field("cpu family"), field("model"), field("stepping")];
    let numbers: Option<Vec<String>> = numbers.into_iter().collect();
    record::Cpu {
        model: field("model name")
            .or_else(|| device_tree("model"))
            .unwrap_or_else(|| "unknown".to_owned()),
        vendor: field("vendor_id").or_else(|| field("CPU implementer")),
        architecture: env::consts::ARCH.to_owned(),
        family_model_stepping: numbers.map(|numbers| numbers.join("/")),
        microcode: field("microcode"),
        vector_extensions: vector_extensions(),
    }
}

/// The value of the first line `key : value`.
fn cpuinfo_field(cpuinfo: &str, key: &str) -> Option<String> {
    let value = cpuinfo.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })?;
    (!value.is_empty()).then_some(value)
}

/// Arm boards name themselves in the device tree.
fn device_tree(file: &str) -> Option<String> {
    let text = fs::read_to_string(Path::new("/proc/device-tree").join(file)).ok()?;
    Some(text.trim_end_matches('\0').to_owned())
}

/// The extensions that decide which kernels a BLAS can choose.
#[cfg(target_arch = "x86_64")]
fn vector_extensions() -> Vec<String> {
    macro_rules! detected {
        ($($name:tt),*) => {
            [$(($name, std::arch::is_x86_feature_detected!($name))),*]
        };
    }
    let all = detected!(
        "sse3",
        "avx",
        "fma",
        "avx2",
        "avx512f",
        "avx512dq",
        "avx512bw",
        "avx512vl",
        "avx512vnni",
        "avx512bf16"
    );
    all.iter()
        .filter(|(_, detected)| *detected)
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

/// The extensions that decide which kernels a BLAS can choose.
#[cfg(target_arch = "aarch64")]
fn vector_extensions() -> Vec<String> {
    let all = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("sve", std::arch::is_aarch64_feature_detected!("sve")),
        ("sve2", std::arch::is_aarch64_feature_detected!("sve2")),
    ];
    all.iter()
        .filter(|(_, detected)| *detected)
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

/// Not known for this architecture.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn vector_extensions() -> Vec<String> {
    Vec::new()
}

fn os() -> record::Os {
    let kernel = nix::sys::utsname::uname().map(|name| {
        format!(
            "{} {}",
            name.sysname().to_string_lossy(),
            name.release().to_string_lossy()
        )
    });
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    record::Os {
        kernel: kernel.unwrap_or_default(),
        distribution: release
            .lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="))
            .map(|name| name.trim_matches(['"', '\'']).to_owned()),
    }
}

/// The hypervisor's own name by CPUID where the processor says that there is one, else what the firmware calls itself.
pub fn hypervisor() -> Option<String> {
    hypervisor_by_cpuid().or_else(|| {
        let vendor = fs::read_to_string("/sys/hypervisor/type").ok()?;
        Some(vendor.trim().to_owned())
    })
}

#[cfg(target_arch = "x86_64")]
fn hypervisor_by_cpuid() -> Option<String> {
    use std::arch::x86_64::__cpuid;
    // Leaf 1, ECX bit 31 is reserved for hypervisors to set; leaf 0x4000_0000 is theirs to fill with a name.
    let present = __cpuid(1).ecx >> 31 == 1;
    present.then(|| {
        let leaf = __cpuid(0x4000_0000);
        let bytes: Vec<u8> = [leaf.ebx, leaf.ecx, leaf.edx]
            .iter()
            .flat_map(|register| register.to_le_bytes())
            .collect();
        hypervisor_name(&bytes)
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn hypervisor_by_cpuid() -> Option<String> {
    None
}

/// The names that hypervisors are known by, from the signatures that they give (list: Linux's arch/x86 and systemd's).
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
fn hypervisor_name(signature: &[u8]) -> String {
    let signature = String::from_utf8_lossy(signature);
    let signature = signature.trim_end_matches('\0').trim();
    let known = match signature {
        "KVMKVMKVM" | "Linux KVM Hv" => "KVM",
        "Microsoft Hv" => "Hyper-V",
        "VMwareVMware" => "VMware",
        "XenVMMXenVMM" => "Xen",
        "TCGTCGTCGTCG" => "QEMU",
        "bhyve bhyve" => "bhyve",
        "VBoxVBoxVBox" => "VirtualBox",
        "" => "unknown",
        other => other,
    };
    known.to_owned()
}

fn container() -> Option<String> {
    let marked = [
        ("/.dockerenv", "docker"),
        ("/run/.containerenv", "podman"),
        ("/.singularity.d", "apptainer"),
    ];
    if env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return Some("kubernetes".to_owned());
    }
    if let Some((_, name)) = marked.iter().find(|(path, _)| Path::new(path).exists()) {
        return Some((*name).to_owned());
    }
    // Set by systemd-nspawn, LXC, podman and others for the processes inside.
    env::var("container").ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpuinfo_fields() {
        let text =
            "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t\t: fpu\nmicrocode\t:\n";
        assert_eq!(
            cpuinfo_field(text, "model name").as_deref(),
            Some("AMD EPYC")
        );
        assert_eq!(cpuinfo_field(text, "model").as_deref(), Some("17"));
        assert_eq!(cpuinfo_field(text, "microcode"), None);
        assert_eq!(cpuinfo_field("", "model"), None);
    }

    #[test]
    fn hypervisors_have_names() {
        assert_eq!(hypervisor_name(b"KVMKVMKVM\0\0\0"), "KVM");
        assert_eq!(hypervisor_name(b"Microsoft Hv"), "Hyper-V");
        assert_eq!(hypervisor_name(&[0; 12]), "unknown");
        assert_eq!(hypervisor_name(b"SomethingNew"), "SomethingNew");
    }
}
