//! What a kernel asks of the server of a sound image.
#![no_main]

use std::sync::LazyLock;

use bundle_squashfs::Image;

static IMAGE: LazyLock<Image<'static>> = LazyLock::new(|| {
    static BYTES: LazyLock<&[u8]> = LazyLock::new(tests::hostile::sample_image);
    Image::open(&*BYTES).expect("a sound image")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::requests(&IMAGE, bytes));
