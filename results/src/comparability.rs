//! Which cases may be compared.
//!
//! Two things must be equal. **The work**: what was computed. A ratio over different work means nothing, so there is no way around
//! it. **The means**: by how many threads, with which library and which of its kernels. A ratio over different means says something
//! about both at once; it is made only when that is asked for, and what differs is named with it.
//!
//! Nothing unstable is in either of them: no clock, no load, no free memory, no path, no time. So one machine is not taken for two
//! because it was measured twice. The host is in neither: comparing hosts is what this is for. Where a comparison is of software on
//! the *same* hardware, [`Hardware`] says whether it is.

use std::fmt;

use crate::record::{Blas, Case, Cpu, Host, Record};

/// What was computed. Cases of different work are never compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Work {
    /// The kernel's name.
    pub kernel: String,
    /// The version of what it times and counts.
    pub kernel_version: u32,
    /// The matrices are n by n.
    pub n: usize,
    /// `f64` or `f32`.
    pub dtype: String,
    /// Rows of the panels in which the product was computed; `None` where it was computed whole.
    pub panel_rows: Option<usize>,
}

/// By what it was computed. Cases of different means are compared only when that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Means {
    /// Threads that were used.
    pub threads: usize,
    /// Who shared the product out among them: `team` or `library`.
    pub driver: String,
    /// The instruction set of the library's kernels, for example `AVX2`; where that is not known, the core type that the library
    /// says that it has chosen.
    pub isa: String,
    /// The library's name and version, for example `OpenBLAS 0.3.21`.
    pub blas: String,
    /// What it says of its build, without the core type that it found at run time and without what `blas` says.
    pub blas_build: String,
    /// SHA-256 of its file; `None` when it is linked into `bench`.
    pub blas_sha256: Option<String>,
}

/// What must be equal for a comparison of two cases.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Always.
    pub work: Work,
    /// Unless it is asked otherwise.
    pub means: Means,
}

/// What a figure depends on of the hardware, as far as it stays as it is from one day to the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hardware {
    /// For example `AMD Ryzen 7 5800X 8-Core Processor`.
    pub cpu: String,
    /// For example `x86_64`.
    pub architecture: String,
    /// For example `25/17/1`; empty where it is not known.
    pub family_model_stepping: String,
    /// The name of the hypervisor; empty on bare metal.
    pub hypervisor: String,
}

/// One thing in which two sides differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Difference {
    /// What it is, for example `threads`.
    pub what: &'static str,
    /// What it is on the one side.
    pub one: String,
    /// What it is on the other side.
    pub other: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} against {}", self.what, self.one, self.other)
    }
}

/// The key of a case of this record.
pub fn key(record: &Record, case: &Case) -> Key {
    Key {
        work: work(case),
        means: means(record, case),
    }
}

/// The hardware of a host.
pub fn hardware(host: &Host) -> Hardware {
    let Cpu {
        model,
        architecture,
        family_model_stepping,
        ..
    } = &host.cpu;
    Hardware {
        cpu: model.clone(),
        architecture: architecture.clone(),
        family_model_stepping: family_model_stepping.clone().unwrap_or_default(),
        hypervisor: host.virtualization.hypervisor.clone().unwrap_or_default(),
    }
}

impl Work {
    /// In what two works differ; empty when they may be compared.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let facts = |work: &Self| {
            let rows = work.panel_rows;
            [
                ("kernel", work.kernel.clone()),
                ("kernel version", work.kernel_version.to_string()),
                ("n", work.n.to_string()),
                ("type", work.dtype.clone()),
                (
                    "panel rows",
                    rows.map_or_else(|| "none".to_owned(), |rows| rows.to_string()),
                ),
            ]
        };
        differing(facts(self), facts(other))
    }
}

impl Means {
    /// In what two means differ; empty when they are the same.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let facts = |means: &Self| {
            let sha256 = means.blas_sha256.clone();
            [
                ("threads", means.threads.to_string()),
                ("driver", means.driver.clone()),
                ("ISA", means.isa.clone()),
                ("BLAS", means.blas.clone()),
                ("BLAS build", format!("'{}'", means.blas_build)),
                ("BLAS file", sha256.unwrap_or_else(|| "linked".to_owned())),
            ]
        };
        differing(facts(self), facts(other))
    }
}

impl Hardware {
    /// In what two pieces of hardware differ; empty when they are alike.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let facts = |hardware: &Self| {
            [
                ("CPU", hardware.cpu.clone()),
                ("architecture", hardware.architecture.clone()),
                (
                    "family/model/stepping",
                    hardware.family_model_stepping.clone(),
                ),
                ("hypervisor", hardware.hypervisor.clone()),
            ]
        };
        differing(facts(self), facts(other))
    }
}

fn differing<const N: usize>(
    one: [(&'static str, String); N],
    other: [(&'static str, String); N],
) -> Vec<Difference> {
    one.into_iter()
        .zip(other)
        .filter(|((_, one), (_, other))| one != other)
        .map(|((what, one), (_, other))| Difference { what, one, other })
        .collect()
}

fn work(case: &Case) -> Work {
    Work {
        kernel: case.kernel.clone(),
        kernel_version: case.kernel_version.unwrap_or(1),
        n: case.n,
        dtype: case.dtype.clone(),
        panel_rows: case.panel_rows,
    }
}

fn means(record: &Record, case: &Case) -> Means {
    let blas = library(record, case);
    Means {
        threads: case.threads_used,
        driver: case.driver.clone().unwrap_or_else(|| "library".to_owned()),
        isa: isa(record, case, blas),
        blas: format!("{} {}", blas.name, blas.version),
        blas_build: build(blas),
        blas_sha256: blas.file.as_ref().map(|file| file.sha256.clone()),
    }
}

/// The library of a case.
pub fn library<'a>(record: &'a Record, case: &Case) -> &'a Blas {
    let software = &record.software;
    let named = case.blas.as_ref().and_then(|name| {
        let mut libraries = software.libraries.iter();
        libraries.find(|library| library.name == *name)
    });
    named.map_or(&software.blas, |library| &library.blas)
}

fn isa(record: &Record, case: &Case, blas: &Blas) -> String {
    let measured = record.limits.as_ref().map(|limits| &limits.blas_isa);
    // The limits are those of the linked library.
    let measured = measured.filter(|_| blas.file.is_none());
    let isa = case.isa.as_ref().or(measured).unwrap_or(&blas.core);
    isa.clone()
}

/// A library's build without what it has found at run time: OpenBLAS puts the core type among its configuration's words.
fn build(blas: &Blas) -> String {
    let said_elsewhere = [&blas.name, &blas.version, &blas.core];
    let is_of_build = |word: &&str| {
        !said_elsewhere
            .iter()
            .any(|it| it.eq_ignore_ascii_case(word))
    };
    let words = blas.config.split_whitespace().filter(is_of_build);
    words.collect::<Vec<_>>().join(" ")
}
