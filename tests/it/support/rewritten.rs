//! Archives with the same entries under another manifest, sound in themselves: what a check of their bytes does not find.

use dbbackup::archive::frame::{FrameEncoder, Part};
use dbbackup::archive::manifest::Manifest;
use dbbackup::archive::reader::Archive;
use dbbackup::archive::writer::Writer;
use std::path::Path;

/// Writes an archive again with a changed manifest; to the same path, if that is wanted.
pub fn with_manifest(from: &Path, to: &Path, change: impl FnOnce(&mut Manifest)) {
    let archive = Archive::open(from).expect("open");
    let mut manifest = archive.manifest().clone();
    change(&mut manifest);
    let compression = manifest.head.compression;
    let (mut decoder, mut encoder) = (archive.decoder().expect("a decoder"), FrameEncoder::new(compression, 0).expect("an encoder"));
    let mut writer = Writer::new(Vec::new(), compression, 0).expect("a writer");
    for number in 0..archive.frames().len() as u32 {
        let decoded = archive.frame(number, &mut decoder, &mut Vec::new(), Vec::new()).expect("a frame");
        let parts: Vec<_> = decoded.entries.iter().map(|(name, range)| Part { name, data: &decoded.plain[range.clone()] }).collect();
        writer.append(&encoder.encode(&parts, Vec::new()).expect("a frame")).expect("append");
    }
    std::fs::write(to, writer.finish(&manifest).expect("finish").out).expect("the file");
}
