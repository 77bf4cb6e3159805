//! No damage goes unseen, none makes the reader panic, and what is told names its place.

use super::{Sample, folder, sample};
use dbbackup::archive::reader::Archive;
use dbbackup::domain::codec::Codec;
use dbbackup::domain::job::Damage;
use dbbackup::domain::spec::Depth;
use dbbackup::domain::{Code, Fault};
use dbbackup::engine::verify;
use proptest::prelude::*;
use std::path::Path;
use std::sync::OnceLock;

fn check(path: &Path) -> Result<Vec<Damage>, Fault> {
    verify::check(path, Depth::Full, 2, None, &|_| true)
}

/// All entries, each read through its frame's SHA-256.
fn read_all(path: &Path) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let archive = Archive::open(path)?;
    let mut decoder = archive.decoder()?;
    let mut all = Vec::new();
    for number in 0..archive.frames().len() as u32 {
        let decoded = archive.frame(number, &mut decoder, &mut Vec::new(), Vec::new())?;
        all.extend(decoded.entries.iter().map(|(name, range)| (name.clone(), decoded.plain[range.clone()].to_vec())));
    }
    Ok(all)
}

/// A sample of each codec, made once.
fn samples() -> &'static [(Vec<u8>, Sample)] {
    type Samples = (tempfile::TempDir, Vec<(Vec<u8>, Sample)>);
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    let (_, samples) = SAMPLES.get_or_init(|| {
        let dir = folder();
        let made = Codec::ALL.map(|codec| {
            let sample = sample(dir.path(), codec, 40);
            assert_eq!(check(&sample.path), Ok(Vec::new()), "an archive without damage has none");
            assert_eq!(read_all(&sample.path).as_ref(), Ok(&sample.entries));
            (std::fs::read(&sample.path).expect("the file"), sample)
        });
        (dir, made.into())
    });
    samples
}

fn fits(code: Code) -> bool {
    matches!(code, Code::CorruptedBackup | Code::TruncatedBackup | Code::ForeignFile | Code::FormatTooNew)
}

/// Damage is reported by a full check, and whoever reads without one gets exactly the original or a fault.
fn judge(damaged: &[u8], sample: &Sample) -> Result<(), TestCaseError> {
    let dir = folder();
    let path = dir.path().join(sample.path.file_name().expect("a name"));
    std::fs::write(&path, damaged).expect("the file");
    match check(&path) {
        Ok(damages) => prop_assert!(!damages.is_empty(), "the damage was not seen"),
        Err(fault) => prop_assert!(fits(fault.code), "{}", fault),
    }
    match read_all(&path) {
        Ok(entries) => prop_assert!(entries == sample.entries),
        Err(fault) => prop_assert!(fits(fault.code), "{}", fault),
    }
    let _ = verify::check(&path, Depth::Quick, 1, None, &|_| true);
    let _ = dbbackup::archive::reader::head(&path);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_flipped_byte_is_seen(codec in 0..5_usize, at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let (bytes, sample) = &samples()[codec];
        let mut bytes = bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        judge(&bytes, sample)?;
    }

    #[test]
    fn a_flipped_byte_near_the_end_is_seen(codec in 0..5_usize, back in 1..1500_usize, flip in 1..=255_u8) {
        let (bytes, sample) = &samples()[codec];
        let mut bytes = bytes.clone();
        let at = bytes.len().saturating_sub(back);
        bytes[at] ^= flip;
        judge(&bytes, sample)?;
    }

    #[test]
    fn a_cut_is_seen(codec in 0..5_usize, at in any::<prop::sample::Index>()) {
        let (bytes, sample) = &samples()[codec];
        judge(&bytes[..at.index(bytes.len())], sample)?;
    }

    #[test]
    fn a_splice_is_seen(codec in 0..5_usize, from in any::<prop::sample::Index>(), length in 1..4000_usize, to in any::<prop::sample::Index>()) {
        let (bytes, sample) = &samples()[codec];
        let from = from.index(bytes.len());
        let piece = bytes[from..(from + length).min(bytes.len())].to_vec();
        let to = to.index(bytes.len());
        let inserted = [&bytes[..to], &piece, &bytes[to..]].concat();
        judge(&inserted, sample)?;
        let mut replaced = bytes.clone();
        let end = (to + piece.len()).min(replaced.len());
        replaced[to..end].copy_from_slice(&piece[..end - to]);
        if replaced != *bytes {
            judge(&replaced, sample)?;
        }
        let removed = [&bytes[..from], &bytes[(from + length).min(bytes.len())..]].concat();
        judge(&removed, sample)?;
    }

    #[test]
    fn noise_is_no_archive(data in prop::collection::vec(any::<u8>(), 0..3000), codec in 0..5_usize) {
        let (bytes, sample) = &samples()[codec];
        judge(&data, sample)?;
        judge(&[&bytes[..40.min(bytes.len())], &data].concat(), sample)?;
    }
}

fn code_of(name: &str, content: &[u8]) -> Fault {
    let dir = folder();
    let path = dir.path().join(name);
    std::fs::write(&path, content).expect("the file");
    Archive::open(&path).expect_err("not an archive")
}

#[test]
fn every_kind_of_bad_file_has_its_code() {
    assert_eq!(Archive::open(Path::new("/nonexistent/x.tar.zst")).expect_err("missing").code, Code::FileMissing);
    assert_eq!(Archive::open(&std::env::temp_dir()).expect_err("a folder").code, Code::ForeignFile);
    assert_eq!(code_of("x.tar.zst", b"").code, Code::TruncatedBackup);
    assert_eq!(code_of("x.sql", b"--\n-- PostgreSQL database dump\n--\n").code, Code::ForeignFile);
    let custom = code_of("x.dump", b"PGDMP\x01\x0e\0");
    assert_eq!(custom.code, Code::ForeignFile);
    assert!(custom.steps[0].command.as_deref().is_some_and(|command| command.starts_with("pg_restore")));
    for (bytes, sample) in samples() {
        let name = sample.path.file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!(code_of(&name, &bytes[..bytes.len() / 2]).code, Code::TruncatedBackup, "{name}");
        let fault = code_of(&name, &[&bytes[..600], &bytes[700..]].concat());
        assert_eq!((fault.code, fault.code.exit()), (Code::TruncatedBackup, 65), "{name}");
    }
}

#[test]
fn a_foreign_tar_is_told_from_a_cut_archive() {
    let dir = folder();
    std::fs::write(dir.path().join("notes.txt"), "mine").expect("a file");
    let path = dir.path().join("mine.tar.gz");
    let done = std::process::Command::new("tar").arg("-czf").arg(&path).arg("-C").arg(dir.path()).arg("notes.txt").status().expect("tar");
    assert!(done.success());
    assert_eq!(Archive::open(&path).expect_err("foreign").code, Code::ForeignFile);
    let path = dir.path().join("folder.tar");
    let done = std::process::Command::new("tar").args(["--format=posix", "-cf"]).arg(&path).arg("-C").arg(dir.path()).arg(".").status();
    assert!(done.expect("tar").code().is_some());
    assert_eq!(Archive::open(&path).expect_err("foreign").code, Code::ForeignFile);
}

#[test]
fn damage_names_entry_and_offset() {
    let (bytes, sample) = &samples()[0];
    let archive = Archive::open(&sample.path).expect("open");
    let frame = archive.frames()[2];
    let name = archive.entries(2).next().expect("an entry").to_owned();
    let mut bytes = bytes.clone();
    bytes[frame.offset as usize + 20] ^= 1;
    let dir = folder();
    let path = dir.path().join("x.tar.zst");
    std::fs::write(&path, bytes).expect("the file");
    let damages = check(&path).expect("a list");
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert_eq!((damages[0].entry.as_deref(), damages[0].offset), (Some(name.as_str()), Some(frame.offset)));
    let fault = Archive::open(&path).and_then(|archive| archive.entry(&name)).expect_err("damage");
    assert!(fault.context.contains(&("Entry".into(), name)) && fault.context.contains(&("Offset".into(), frame.offset.to_string())));
}

#[test]
fn without_its_locator_an_archive_is_found_by_a_scan() {
    for (bytes, sample) in samples() {
        let dir = folder();
        let path = dir.path().join(sample.path.file_name().expect("a name"));
        std::fs::write(&path, &bytes[..bytes.len() - 20]).expect("the file");
        let archive = Archive::open(&path).expect("found by a scan");
        assert!(!archive.is_located());
        assert_eq!(archive.manifest(), &sample.manifest);
        assert_eq!(read_all(&path).expect("all entries"), sample.entries);
        let damages = check(&path).expect("a list");
        assert!(damages.len() == 1 && damages[0].what.contains("locator"), "{damages:?}");
    }
}
