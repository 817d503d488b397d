//! MKL's threading layer: `libmkl_rt` loads one at its first call, and ends the program when it cannot.

use std::path::Path;

/// A layer, by MKL's number for it (`mkl_service.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// Over Intel's OpenMP.
    Intel = 0,
    /// Without threads.
    Sequential = 1,
    /// Over Intel's TBB: only when the user asks for it.
    Tbb = 2,
    /// Over GCC's OpenMP.
    Gnu = 3,
}

impl Layer {
    /// `openmp`, `tbb` or `sequential`.
    pub(super) fn threading(self) -> &'static str {
        match self {
            Self::Intel | Self::Gnu => "openmp",
            Self::Tbb => "tbb",
            Self::Sequential => "sequential",
        }
    }
}

/// The layer for the library in this file: the user's (`MKL_THREADING_LAYER`), else GCC's, which gets along with other
/// libraries that use OpenMP, else Intel's, else none, each if what it needs can be had.
///
/// `is_there` tells whether a file exists, `can_load` whether the loader finds a library by its name.
pub(super) fn choose(
    path: &Path,
    wish: Option<&str>,
    is_there: impl Fn(&Path) -> bool,
    can_load: impl Fn(&str) -> bool,
) -> Option<Layer> {
    if let Some(layer) = wish.and_then(named) {
        return Some(layer);
    }
    // `libmkl_rt.so.3` wants `libmkl_gnu_thread.so.3`.
    let file_name = path.file_name()?.to_str()?;
    let ending = file_name
        .strip_prefix("libmkl_rt")
        .filter(|ending| !ending.is_empty())
        .unwrap_or(".so");
    let has = |name: &str| is_there(&path.with_file_name(format!("{name}{ending}")));
    if has("libmkl_gnu_thread") && can_load("libgomp.so.1") {
        Some(Layer::Gnu)
    } else if has("libmkl_intel_thread")
        && (is_there(&path.with_file_name("libiomp5.so")) || can_load("libiomp5.so"))
    {
        Some(Layer::Intel)
    } else if has("libmkl_sequential") {
        Some(Layer::Sequential)
    } else {
        None
    }
}

fn named(wish: &str) -> Option<Layer> {
    match wish.trim().to_ascii_uppercase().as_str() {
        "INTEL" | "0" => Some(Layer::Intel),
        "SEQUENTIAL" | "1" => Some(Layer::Sequential),
        "TBB" | "2" => Some(Layer::Tbb),
        "GNU" | "3" => Some(Layer::Gnu),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beside_it_decides() {
        let path = Path::new("/opt/mkl/libmkl_rt.so.3");
        let check = |wish, files: &[&str], libraries: &[&str], expected| {
            let is_there = |file: &Path| files.iter().any(|name| file.ends_with(name));
            let can_load = |name: &str| libraries.contains(&name);
            assert_eq!(choose(path, wish, is_there, can_load), expected);
        };
        let all = [
            "mkl/libmkl_gnu_thread.so.3",
            "mkl/libmkl_intel_thread.so.3",
            "mkl/libmkl_sequential.so.3",
        ];
        check(None, &all, &["libgomp.so.1"], Some(Layer::Gnu));
        check(None, &all, &["libiomp5.so"], Some(Layer::Intel));
        check(None, &all, &[], Some(Layer::Sequential));
        check(None, &[], &["libgomp.so.1"], None);
        check(
            None,
            &["mkl/libmkl_gnu_thread.so.2"],
            &["libgomp.so.1"],
            None,
        );
        check(Some("tbb"), &all, &[], Some(Layer::Tbb));
        check(Some("nonsense"), &all, &[], Some(Layer::Sequential));
    }
}
