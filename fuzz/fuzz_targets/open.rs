//! Any bytes as an archive: opening, checking and listing end in an answer or a fault, never in a panic, a hang or unbounded memory.
#![no_main]

use dbbackup::archive::fingerprint::Fingerprint;
use dbbackup::archive::frame::FrameDecoder;
use dbbackup::archive::{names, reader};
use dbbackup::domain::codec::Codec;
use dbbackup::domain::schema::RowFormat;
use dbbackup::domain::spec::Depth;
use dbbackup::engine::verify;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Fingerprint::of(data, RowFormat::Binary);
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(names::decode(&names::component(text)).as_deref(), Some(text));
    }
    for codec in Codec::ALL {
        let _ = FrameDecoder::new(codec).and_then(|mut decoder| decoder.decode(data, 4096, Vec::new()));
    }
    let Ok(dir) = tempfile::tempdir() else { return };
    let path = dir.path().join("x.tar.zst");
    if std::fs::write(&path, data).is_ok() {
        let _ = reader::head(&path);
        let _ = verify::check(&path, Depth::Full, 1, None, &|_| true);
    }
});
