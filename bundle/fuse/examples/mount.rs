//! Mounts an image and serves it until it is unmounted. For root, to try and to measure:
//!
//! ```text
//! mount IMAGE DIRECTORY [THREADS [CACHE_MIB]]
//! ```

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use bundle_fuse::{Options, mount_options, serve};
use bundle_squashfs::{Image, Source, SourceError};
use nix::mount::{MsFlags, mount};

struct ImageFile {
    file: File,
    size_bytes: u64,
}

impl Source for ImageFile {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        Ok(self.file.read_exact_at(out, offset)?)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [image, directory, numbers @ ..] = words.as_slice() else {
        return Err("usage: mount IMAGE DIRECTORY [THREADS [CACHE_MIB]]".into());
    };
    let mut options = Options::default();
    if let Some(thread_count) = numbers.first() {
        options.thread_count = thread_count.parse::<NonZeroUsize>()?;
    }
    if let Some(cache_mib) = numbers.get(1) {
        options.cache_size_bytes = cache_mib.parse::<usize>()? << 20;
    }
    let file = File::open(image)?;
    let source = ImageFile {
        size_bytes: file.metadata()?.len(),
        file,
    };
    let image = Image::open(&source)?;
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")?;
    mount(
        Some("image"),
        directory.as_str(),
        Some("fuse"),
        MsFlags::MS_RDONLY | MsFlags::MS_NODEV,
        Some(mount_options(device.as_fd(), 0, 0).as_str()),
    )
    .map_err(io::Error::from)?;
    serve(&image, device.into(), &options, &|error| {
        eprintln!("{error}");
    })?;
    Ok(())
}
