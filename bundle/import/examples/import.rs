//! Makes an image of a local one and tells how long that took: `import oci:DIRECTORY:TAG image.sqsh`.

use std::error::Error;
use std::fs::File;
use std::sync::Mutex;
use std::time::Instant;

use bundle_image::Compression;
use bundle_import::{LocalSource, Options, Platform, Progress, Step};

/// When each step began.
struct Steps(Mutex<Vec<(Step, Instant)>>);

impl Progress for Steps {
    fn begin(&self, step: Step, total_bytes: u64) {
        eprintln!("{step:?}: {total_bytes} bytes");
        self.0.lock().expect("a step").push((step, Instant::now()));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [uri, output, ..] = &arguments[..] else {
        return Err("usage: import SOURCE OUTPUT [LEVEL]".into());
    };
    let level = arguments.get(2).map_or(Ok(1), |text| text.parse())?;
    let platform = Platform::host();
    let image = match LocalSource::parse(uri) {
        Some(LocalSource::Oci(path, tag)) => {
            bundle_import::open_oci(&path, tag.as_deref(), &platform)?
        }
        Some(LocalSource::DockerArchive(path, tag)) => bundle_import::open_docker_archive(
            &path,
            tag.as_deref(),
            &platform,
            &std::env::temp_dir(),
        )?,
        Some(LocalSource::Tar(path)) => bundle_import::open_tar(&path)?,
        _ => return Err("no such source".into()),
    };
    let options = Options {
        image: bundle_image::Options {
            compression: Compression::Zstd { level },
            block_size_bytes: 128 << 10,
            thread_count: std::thread::available_parallelism()?.get(),
            time_s: 0,
        },
        limits: bundle_import::Limits::default(),
    };
    let steps = Steps(Mutex::default());
    let out = File::create(output)?;
    let summary = bundle_import::make_image(&image, &out, &options, &steps)?;
    out.set_len(summary.size_bytes)?;
    let end = Instant::now();
    let steps = steps.0.into_inner()?;
    for (index, (step, begin)) in steps.iter().enumerate() {
        let next = steps.get(index + 1).map_or(end, |(_, next)| *next);
        eprintln!("{step:?}: {:.2} s", (next - *begin).as_secs_f64());
    }
    eprintln!("{summary:?}");
    Ok(())
}
