//! What a verification says, and how it ends.

use super::{Sample, folder, sample};
use dbbackup::archive::frame::{FrameEncoder, Part};
use dbbackup::archive::reader::Archive;
use dbbackup::archive::sidecar;
use dbbackup::archive::writer::Writer;
use dbbackup::domain::Code;
use dbbackup::domain::codec::Codec;
use dbbackup::domain::spec::{Depth, VerifySpec};
use dbbackup::engine::Context;
use dbbackup::engine::event::{Event, EventSink};
use dbbackup::engine::verify;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// Keeps every event.
#[derive(Default)]
struct Events(Mutex<Vec<Event>>);

impl EventSink for Events {
    fn post(&self, event: Event) {
        self.0.lock().expect("events").push(event);
    }
}

fn context() -> (Context, Arc<Events>) {
    let events = Arc::new(Events::default());
    (Context { server: None, events: events.clone(), cancel: CancellationToken::new() }, events)
}

fn spec(archives: &[&Path], depth: Depth) -> VerifySpec {
    VerifySpec { archives: archives.iter().map(|path| path.to_path_buf()).collect(), depth, jobs: 3, restore_test: None }
}

fn run(spec: &VerifySpec, context: &Context) -> Result<dbbackup::domain::job::Summary, dbbackup::domain::Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    runtime.block_on(verify::run(spec, context))
}

/// Writes the sample's entries again under another manifest.
fn with_manifest(sample: &Sample, change: impl FnOnce(&mut dbbackup::archive::manifest::Manifest)) {
    let mut manifest = sample.manifest.clone();
    change(&mut manifest);
    let compression = manifest.head.compression;
    let archive = Archive::open(&sample.path).expect("open");
    let (mut decoder, mut encoder) = (archive.decoder().expect("a decoder"), FrameEncoder::new(compression, 0).expect("an encoder"));
    let mut writer = Writer::new(Vec::new(), compression, 0).expect("a writer");
    for number in 0..archive.frames().len() as u32 {
        let decoded = archive.frame(number, &mut decoder, &mut Vec::new(), Vec::new()).expect("a frame");
        let parts: Vec<_> = decoded.entries.iter().map(|(name, range)| Part { name, data: &decoded.plain[range.clone()] }).collect();
        writer.append(&encoder.encode(&parts, Vec::new()).expect("a frame")).expect("append");
    }
    std::fs::write(&sample.path, writer.finish(&manifest).expect("finish").out).expect("the file");
}

#[test]
fn good_archives_are_good_in_every_codec() {
    let dir = folder();
    let samples = Codec::ALL.map(|codec| sample(dir.path(), codec, 3000).with_side_files());
    let paths: Vec<&Path> = samples.iter().map(|sample| sample.path.as_path()).collect();
    for depth in [Depth::Quick, Depth::Full] {
        let (context, events) = context();
        let summary = run(&spec(&paths, depth), &context).expect("all good");
        assert_eq!(summary.archives, paths);
        assert_eq!(summary.rows, 5 * 18_000);
        assert_eq!(summary.archive_bytes.0, samples.iter().map(|sample| sample.bytes).sum::<u64>());
        assert_eq!(summary.warnings, Vec::<String>::new());
        let events = events.0.lock().expect("events");
        let last = events.iter().rev().find_map(|event| match event {
            Event::Progress(progress) => Some(progress.bytes),
            _ => None,
        });
        assert_eq!(last.map(|bytes| (bytes.done, bytes.total)), Some((summary.archive_bytes.0, summary.archive_bytes.0)));
        assert_eq!(events.iter().filter(|event| matches!(event, Event::Log { text, .. } if text.contains("is good"))).count(), 5);
    }
}

#[test]
fn one_bad_archive_among_good_ones_is_named() {
    let dir = folder();
    let good = sample(dir.path(), Codec::Zstd, 100);
    let bad = sample(dir.path(), Codec::Gzip, 100);
    let mut bytes = std::fs::read(&bad.path).expect("the file");
    bytes[700] ^= 1;
    std::fs::write(&bad.path, bytes).expect("the file");
    let (context, _) = context();
    let fault = run(&spec(&[&good.path, &bad.path], Depth::Full), &context).expect_err("damage");
    assert_eq!(fault.code, Code::CorruptedBackup);
    assert!(fault.context.contains(&("File".into(), bad.path.display().to_string())), "{fault:?}");
    assert!(fault.context.iter().any(|(name, value)| name == "Damage" && value.contains("at offset")), "{fault:?}");
}

#[test]
fn a_side_file_that_does_not_fit_is_damage_and_a_missing_one_a_warning() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Zstd, 100);
    let (context, _) = context();
    let summary = run(&spec(&[&sample.path], Depth::Full), &context).expect("good");
    assert!(summary.warnings[0].contains(".sha256"), "{:?}", summary.warnings);
    let side = sidecar::sha256_path(&sample.path);
    std::fs::write(&side, sidecar::sha256_text(&sample.path, &"0".repeat(64))).expect("a side file");
    assert!(run(&spec(&[&sample.path], Depth::Quick), &context).is_ok(), "quick does not read the file");
    let fault = run(&spec(&[&sample.path], Depth::Full), &context).expect_err("it does not fit");
    assert!(fault.what.contains("SHA-256 of the file"), "{fault:?}");
    std::fs::write(&side, "what?").expect("a side file");
    assert!(run(&spec(&[&sample.path], Depth::Quick), &context).is_err());
}

#[test]
fn rows_and_fingerprints_are_recounted() {
    type Change = fn(&mut dbbackup::archive::manifest::TableEntry);
    let changes: [(&str, Change); 5] = [
        ("fingerprint", |table| table.fingerprint = "0".repeat(32)),
        ("rows", |table| table.chunks[1].rows += 1),
        ("bytes", |table| table.chunks[1].bytes += 1),
        ("is not in frame", |table| table.chunks[1].frame = 0),
        ("its chunks have", |table| table.rows += 1),
    ];
    for (word, change) in changes {
        let dir = folder();
        let sample = sample(dir.path(), Codec::Zstd, 100);
        with_manifest(&sample, |manifest| change(&mut manifest.databases[0].tables[0]));
        let damages = verify::check(&sample.path, Depth::Full, 2, None, &|_| true).expect("a list");
        assert!(damages.iter().any(|damage| damage.what.contains(word)), "{word}: {damages:?}");
        with_manifest(&sample, |_| {});
        assert_eq!(verify::check(&sample.path, Depth::Full, 2, None, &|_| true), Ok(Vec::new()));
    }
}

#[test]
fn impossible_chunks_are_refused_at_the_door() {
    type Change = fn(&mut Vec<dbbackup::archive::manifest::TableEntry>);
    let changes: [(&str, Change); 6] = [
        ("lies in frame 7", |tables| tables[0].chunks[0].frame = 7),
        ("larger than the frame", |tables| tables[0].chunks[0].bytes = u64::MAX),
        ("larger than the frame", |tables| tables[0].chunks[2].rows = 1 << 40),
        ("larger than its chunks", |tables| tables[1].rows = u64::MAX),
        ("is there twice", |tables| tables[0].chunks[2] = tables[0].chunks[1]),
        ("have the folder", |tables| tables[1].dir = tables[0].dir.clone()),
    ];
    let dir = folder();
    for (word, change) in changes {
        let sample = sample(dir.path(), Codec::Zstd, 100);
        with_manifest(&sample, |manifest| change(&mut manifest.databases[0].tables));
        let fault = Archive::open(&sample.path).expect_err("refused");
        assert!(fault.code == Code::CorruptedBackup && fault.what.contains(word), "{word}: {fault:?}");
    }
    let sample = super::sample(dir.path(), Codec::Gzip, 100);
    with_manifest(&sample, |manifest| manifest.head.format = 2);
    let fault = Archive::open(&sample.path).expect_err("refused");
    assert_eq!((fault.code, fault.code.exit()), (Code::FormatTooNew, 65));
}

#[test]
fn progress_reaches_the_end_and_stops_when_told() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Zstd, 5000);
    let seen = AtomicU64::new(0);
    let tell = |bytes: u64| {
        seen.fetch_max(bytes, Ordering::Relaxed);
        true
    };
    assert_eq!(verify::check(&sample.path, Depth::Full, 2, Some(&sample.sha256), &tell), Ok(Vec::new()));
    assert_eq!(seen.load(Ordering::Relaxed), sample.bytes);
    for depth in [Depth::Quick, Depth::Full] {
        assert_eq!(verify::check(&sample.path, depth, 2, None, &|_| false).expect_err("stopped").code, Code::Cancelled);
    }
    let (context, _) = context();
    context.cancel.cancel();
    assert_eq!(run(&spec(&[&sample.path], Depth::Full), &context).expect_err("stopped").code, Code::Cancelled);
}

#[test]
fn a_plan_tells_sizes_and_refuses_what_is_not_there() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Zstd, 100);
    let plan = verify::plan(&spec(&[&sample.path], Depth::Full)).expect("a plan");
    assert_eq!((plan.total.0, plan.confirm.clone(), plan.destroys.len()), (sample.bytes, None, 0));
    assert_eq!(verify::plan(&spec(&[&dir.path().join("none.tar")], Depth::Full)).expect_err("missing").code, Code::FileMissing);
    assert_eq!(verify::plan(&spec(&[], Depth::Full)).expect_err("nothing").code, Code::Usage);
}
