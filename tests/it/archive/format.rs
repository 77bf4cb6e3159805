//! What is written comes back, for us and for stock programs.

use super::{MTIME, folder, sample};
use dbbackup::archive::frame::{Frame, FrameDecoder, FrameEncoder, Part};
use dbbackup::archive::manifest::{Chunk, Database, FORMAT, Head, Manifest, TableEntry};
use dbbackup::archive::reader::{self, Archive};
use dbbackup::archive::writer::Writer;
use dbbackup::domain::Code;
use dbbackup::domain::codec::{Codec, Compression};
use std::path::Path;
use std::process::Command;

#[test]
fn every_entry_comes_back_in_every_codec() {
    for codec in Codec::ALL {
        let dir = folder();
        let sample = sample(dir.path(), codec, 5000);
        let archive = Archive::open(&sample.path).expect("open");
        assert!(archive.is_located());
        assert_eq!(archive.manifest(), &sample.manifest, "{codec}");
        assert_eq!(archive.bytes(), sample.bytes);
        let mut decoder = archive.decoder().expect("a decoder");
        let (mut scratch, mut out, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..archive.frames().len() as u32 {
            let decoded = archive.frame(number, &mut decoder, &mut scratch, out).expect("a frame");
            seen.extend(decoded.entries.iter().map(|(name, range)| (name.clone(), decoded.plain[range.clone()].to_vec())));
            out = decoded.plain;
        }
        assert_eq!(seen, sample.entries, "{codec}");
        for (name, data) in &sample.entries {
            assert_eq!(&archive.entry(name).expect("an entry"), data);
        }
        assert_eq!(archive.entry("databases/shop/none").expect_err("missing").code, Code::NotInArchive);
        assert_eq!(reader::head(&sample.path).expect("the head"), sample.manifest.head);
    }
}

fn run(command: &mut Command) {
    let out = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && text.is_empty(), "{command:?}: {text}");
}

#[test]
fn stock_programs_read_all_of_it() {
    for (codec, test) in [
        (Codec::Zstd, "zstd -q -t $F && tar --zstd -xf $F -C $D"),
        (Codec::Gzip, "gzip -t $F && tar -xzf $F -C $D"),
        (Codec::Lz4, "lz4 -q -t $F && lz4 -q -dc $F | tar -xf - -C $D"),
        (Codec::Xz, "xz -t $F && tar -xJf $F -C $D && xz -dc $F | tar -tf - >/dev/null"),
        (Codec::None, "tar -xf $F -C $D"),
    ] {
        let dir = folder();
        let sample = sample(dir.path(), codec, 5000);
        let out = dir.path().join("out");
        std::fs::create_dir(&out).expect("a folder");
        run(Command::new("bash").args(["-o", "pipefail", "-ec", test]).env("F", &sample.path).env("D", &out));
        for (name, data) in &sample.entries {
            assert!(std::fs::read(out.join(name)).expect(name) == *data, "{codec}: {name}");
        }
        let manifest = std::fs::read(out.join("manifest.json")).expect("the manifest");
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
        let keys: Vec<_> = manifest.as_object().expect("an object").keys().cloned().collect();
        assert_eq!((keys[0].as_str(), keys[keys.len() - 1].as_str()), ("format", "frames"));
        assert_eq!(manifest["frames"].as_array().expect("frames").len(), 7);
        assert_modes(&out);
    }
}

fn assert_modes(dir: &Path) {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(dir.join("manifest.json")).expect("the manifest");
    assert_eq!((meta.mode() & 0o777, meta.mtime() as u64), (0o600, MTIME));
}

#[test]
fn sha256sum_agrees_with_the_side_file() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Zstd, 100).with_side_files();
    let name = format!("{}.sha256", sample.path.file_name().expect("a name").to_string_lossy());
    run(Command::new("sha256sum").args(["--quiet", "-c", &name]).current_dir(dir.path()));
}

#[test]
fn a_head_is_read_from_the_side_file_only_while_the_size_fits() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Zstd, 100).with_side_files();
    let meta = dbbackup::archive::sidecar::meta_path(&sample.path);
    let text = std::fs::read_to_string(&meta).expect("meta");
    std::fs::write(&meta, text.replace("0190-test", "from the side")).expect("meta");
    assert_eq!(reader::head(&sample.path).expect("head").id, "from the side");
    let other = text.replace("0190-test", "from the side").replace(&format!("\"bytes\": {}", sample.bytes), "\"bytes\": 1");
    std::fs::write(&meta, other).expect("meta");
    assert_eq!(reader::head(&sample.path).expect("head").id, "0190-test");
}

/// A table of 5 TB has some 300,000 chunks.
#[test]
fn three_hundred_thousand_frames_are_cheap() {
    const COUNT: u32 = 300_000;
    let compression = Compression::default_of(Codec::Zstd);
    let mut encoder = FrameEncoder::new(compression, MTIME).expect("an encoder");
    let first = encoder.encode(&[Part { name: "databases/shop/data/public.t/000000.copy", data: b"1\n" }], Vec::new()).expect("a frame");
    let mut frame = Frame { data: first.data, plain: first.plain, sha256: first.sha256, entries: vec![String::new()] };
    let mut writer = Writer::new(Vec::new(), compression, MTIME).expect("a writer");
    let mut chunks = Vec::new();
    for number in 0..COUNT {
        frame.entries[0] = format!("databases/shop/data/public.t/{number:06}.copy");
        chunks.push(Chunk { number, frame: writer.append(&frame).expect("append"), rows: 1, bytes: 2 });
    }
    let table = TableEntry { dir: "databases/shop/data/public.t".into(), chunks, ..TableEntry::default() };
    let head = Head { format: FORMAT, compression, ..Head::default() };
    let manifest = Manifest { head, databases: vec![Database { tables: vec![table], ..Database::default() }] };
    let finished = writer.finish(&manifest).expect("finish");
    let dir = folder();
    let path = dir.path().join("big.tar.zst");
    std::fs::write(&path, finished.out).expect("the file");
    let began = std::time::Instant::now();
    let archive = Archive::open(&path).expect("open");
    // Work that grows with the square would take hours; this is a second of an optimised build.
    assert!(began.elapsed().as_secs() < 60, "opening took {:?}", began.elapsed());
    assert_eq!(archive.frames().len(), COUNT as usize);
    assert_eq!(archive.frame_of("databases/shop/data/public.t/299999.copy"), Some(COUNT - 1));
    assert_eq!(archive.manifest(), &manifest);
}

/// Bytes that no codec can make smaller, of sizes around which other libraries have failed.
#[test]
fn incompressible_data_survive_every_level() {
    for codec in Codec::ALL {
        let (low, _, high) = codec.levels();
        for level in [low, high] {
            for size in [100_000, 131_072, 1 << 20] {
                let data: Vec<u8> = super::noise(size as u64, size).into_iter().map(|byte| 0x90 | byte).collect();
                let mut encoder = FrameEncoder::new(Compression { codec, level }, 0).expect("an encoder");
                let frame = encoder.encode(&[Part { name: "a", data: &data }], Vec::new()).expect("a frame");
                let decoded = FrameDecoder::new(codec).and_then(|mut decoder| decoder.decode(&frame.data, frame.plain, Vec::new()));
                assert!(decoded.expect("decodes").entry("a") == Some(&data), "{codec}:{level} {size}");
            }
        }
    }
}

#[test]
fn an_encoder_refuses_names_that_could_leave_a_folder() {
    let mut encoder = FrameEncoder::new(Compression::default(), 0).expect("an encoder");
    for name in ["", "/etc/passwd", "a/../b", "..", "a//b", "a\nb"] {
        assert!(encoder.encode(&[Part { name, data: b"" }], Vec::new()).is_err(), "{name:?}");
    }
}
