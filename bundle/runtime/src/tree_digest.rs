//! One digest of a directory tree: names, kinds, modes, and contents.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bundle_format::Digest;

use crate::unpack::THREAD_COUNT_LIMIT;

/// Trees that were unpacked are at most 128 deep.
const DEPTH_LIMIT: usize = 256;

/// The digest of all that is below `root`, which must be a directory. Two trees with the same digest have the same files.
///
/// # Errors
/// If something cannot be read.
pub(crate) fn digest_of_tree(root: &Path) -> io::Result<Digest> {
    let mut paths = Vec::new();
    list(root, &mut paths, 0)?;
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<io::Result<Hashed>>> = Mutex::default();
    let work = || {
        let mut own = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(index) else { break };
            own.push(digest_of_entry(root, path).map(|digest| (index, *digest.as_bytes())));
        }
        if let Ok(mut found) = found.lock() {
            found.append(&mut own);
        }
    };
    std::thread::scope(|scope| {
        let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 1..available.min(THREAD_COUNT_LIMIT) {
            // A thread that cannot be made is one helper less.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let found = found.into_inner().unwrap_or_default();
    let mut digests = vec![[0; 32]; paths.len()];
    for entry in found {
        let (index, digest) = entry?;
        digests[index] = digest;
    }
    Ok(Digest::of(digests.as_flattened()))
}

/// A path's index and its digest.
type Hashed = (usize, [u8; 32]);

/// Every path below `directory`, in an order that depends on nothing but the names.
fn list(directory: &Path, paths: &mut Vec<PathBuf>, depth: usize) -> io::Result<()> {
    if depth > DEPTH_LIMIT {
        return Err(io::Error::from_raw_os_error(libc::ELOOP));
    }
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let is_directory = entry.file_type()?.is_dir();
        paths.push(path.clone());
        if is_directory {
            list(&path, paths, depth + 1)?;
        }
    }
    Ok(())
}

fn digest_of_entry(root: &Path, path: &Path) -> io::Result<Digest> {
    let metadata = fs::symlink_metadata(path)?;
    let name = path
        .strip_prefix(root)
        .unwrap_or(path)
        .as_os_str()
        .as_bytes();
    let mut head = Vec::with_capacity(name.len() + 48);
    head.extend_from_slice(&(name.len() as u64).to_le_bytes());
    head.extend_from_slice(name);
    // Kind and mode; the size of a directory is the file system's own affair.
    head.extend_from_slice(&metadata.permissions().mode().to_le_bytes());
    if metadata.is_file() {
        head.extend_from_slice(Digest::of_reader(File::open(path)?)?.as_bytes());
    } else if metadata.is_symlink() {
        head.extend_from_slice(fs::read_link(path)?.as_os_str().as_bytes());
    }
    Ok(Digest::of(&head))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn any_change_changes_the_digest() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/file"), "content").unwrap();
        symlink("file", root.join("a/link")).unwrap();
        let digest = || digest_of_tree(root).unwrap();
        let before = digest();
        assert_eq!(digest(), before);
        let changes: [&dyn Fn(); 5] = [
            &|| fs::write(root.join("a/file"), "Content").unwrap(),
            &|| fs::write(root.join("a/other"), "").unwrap(),
            &|| {
                fs::set_permissions(root.join("a/file"), fs::Permissions::from_mode(0o755))
                    .unwrap();
            },
            &|| fs::rename(root.join("a/other"), root.join("a/third")).unwrap(),
            &|| {
                fs::remove_file(root.join("a/link")).unwrap();
                symlink("other", root.join("a/link")).unwrap();
            },
        ];
        let mut seen = vec![before];
        for change in changes {
            change();
            let now = digest();
            assert!(!seen.contains(&now));
            seen.push(now);
        }
    }
}
