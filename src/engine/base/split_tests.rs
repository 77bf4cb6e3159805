use super::*;
use crate::archive::base::Increment;
use crate::engine::backup::budget::Budget;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::rc::Rc;
use tar::Header;

type Frames = Rc<RefCell<BTreeMap<u32, (Vec<u8>, Vec<String>, Vec<u32>)>>>;

struct Collect(Frames, Arc<Budget>);

impl Sink for Collect {
    fn buffer(&mut self) -> Result<(Vec<u8>, Lease), Fault> {
        Ok(self.1.further_buffer(0))
    }

    fn put(&mut self, task: Task) -> Result<(), Fault> {
        let blocks = task.pages.iter().flat_map(|run| run.blocks.iter().copied()).collect();
        for run in &task.pages {
            assert!(run.at + run.blocks.len() * PAGE <= task.plain.len(), "pages outside of their frame");
        }
        let before = self.0.borrow_mut().insert(task.number, (task.plain, task.entries, blocks));
        assert!(before.is_none(), "frame {} twice", task.number);
        Ok(())
    }

    fn passed(&mut self, _: u64) {}
}

/// The hashes of an earlier run.
struct Before(HashMap<String, std::ops::Range<u64>>, Vec<u64>);

impl Earlier for Before {
    fn find(&self, path: &str) -> Option<std::ops::Range<u64>> {
        self.0.get(path).cloned()
    }

    fn hash(&mut self, number: u64) -> Result<u64, Fault> {
        Ok(self.1[number as usize])
    }
}

fn page(seed: u32) -> Vec<u8> {
    (0..PAGE as u32).map(|at| (at.wrapping_mul(seed + 7) >> 3) as u8).collect()
}

fn pages(seeds: impl IntoIterator<Item = u32>) -> Vec<u8> {
    seeds.into_iter().flat_map(page).collect()
}

fn stream(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = Header::new_ustar();
        header.set_size(data.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        builder.append_data(&mut header, name, &data[..]).expect("in memory");
    }
    builder.into_inner().expect("in memory")
}

struct Made {
    frames: Vec<(Vec<u8>, Vec<String>, Vec<u32>)>,
    split: Split,
}

fn split(files: &[(&str, Vec<u8>)], earlier: Option<Box<dyn Earlier>>) -> Made {
    let frames = Frames::default();
    let sink = Collect(frames.clone(), Budget::new(1 << 30, 8 * PAGE, 1));
    let mut splitter = Splitter::new(sink, 8 * PAGE, Some(Lsn(1)), 5, earlier);
    splitter.archive(None).expect("begins");
    for piece in stream(files).chunks(5000) {
        splitter.data(piece).expect("goes on");
    }
    splitter.manifest().expect("follows");
    splitter.data(b"{}").expect("a list");
    let split = splitter.finish().expect("ends");
    let frames = Rc::try_unwrap(frames).expect("nobody else").into_inner();
    assert!(frames.keys().copied().eq(0..frames.len() as u32), "a number is missing");
    Made { frames: frames.into_values().collect(), split }
}

impl Made {
    /// What stock tar makes of it.
    fn untarred(&self) -> BTreeMap<String, Vec<u8>> {
        let all: Vec<u8> = self.frames.iter().flat_map(|(plain, _, _)| plain.clone()).collect();
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(&all[..]).entries().expect("tar") {
            let mut entry = entry.expect("an entry");
            let mut data = Vec::new();
            entry.read_to_end(&mut data).expect("its data");
            found.insert(entry.path().expect("a name").to_string_lossy().into_owned(), data);
        }
        found
    }

    /// What the list says.
    fn read(&self, file: &FileEntry) -> Vec<u8> {
        let rest = self.frames[file.frame as usize..].iter().flat_map(|(plain, _, _)| plain.iter().copied());
        rest.skip(file.at as usize).take(file.size as usize).collect()
    }

    fn file(&self, path: &str) -> &FileEntry {
        self.split.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path}"))
    }

    fn before(&self) -> Box<Before> {
        let sizes = |file: &FileEntry| file.whole.unwrap_or(file.size) / PAGE as u64;
        let known = self.split.files.iter().filter_map(|file| Some((file.path.clone(), file.pages?..file.pages? + sizes(file))));
        let hashes = self.untarred().remove("base-pages/000000.bin").expect("hashes");
        let hashes = hashes.as_chunks::<8>().0.iter().map(|hash| u64::from_le_bytes(*hash)).collect();
        Box::new(Before(known.collect(), hashes))
    }
}

#[test]
fn tar_and_the_list_find_the_same_bytes_and_large_files_begin_a_frame() {
    let files = [
        ("backup_label", b"START".to_vec()),
        ("base/5/1", pages(0..3)),
        ("base/5/2", pages(0..40)),
        ("base/5/3", pages([9])),
        ("pg_wal/odd", vec![7; 100_001]),
        ("base/5/4", vec![]),
    ];
    let made = split(&files, None);
    let untarred = made.untarred();
    for (name, data) in &files {
        let file = made.file(&format!("base/{name}"));
        assert_eq!(untarred[&file.path], *data, "{name}");
        assert_eq!(made.read(file), *data, "{name}");
        assert_eq!(file.crc32c, Some(crc32c::crc32c(data)));
    }
    assert_eq!(made.split.label, b"START");
    assert_eq!(untarred["base/backup_manifest"], b"{}");
    let large = made.file("base/base/5/2");
    assert_eq!(large.at, 512, "it begins a frame");
    // Pages lie whole in frames, each once.
    let judged: usize = made.frames.iter().map(|(_, _, blocks)| blocks.len()).sum();
    assert_eq!(judged, 44);
    assert!(made.frames.iter().all(|(plain, _, _)| plain.len() <= 9 * PAGE));
    let hashes = &untarred["base-pages/000000.bin"];
    assert_eq!(hashes.len(), 44 * 8);
    let third = made.file("base/base/5/3").pages.expect("pages") as usize;
    assert_eq!(hashes[third * 8..][..8], xxh3_64(&page(9)).to_le_bytes());
}

#[test]
fn only_what_has_changed_is_in_an_increment() {
    let first = split(
        &[
            ("base/5/1", pages(0..3)),
            ("base/5/2", pages(0..40)),
            ("base/5/3", pages(0..9)),
            ("base/5/4", pages(0..30)),
            ("PG_VERSION", vec![1]),
        ],
        None,
    );
    let some: Vec<u32> = (0..40).map(|nth| if nth % 2 == 0 { nth } else { nth + 100 }).chain([7, 8]).collect();
    let now = [
        ("base/5/1", pages(0..3)),
        ("base/5/2", pages(some)),
        ("base/5/3", pages(0..6)),
        ("base/5/4", pages(200..230)),
        ("base/5/5", pages([1, 2])),
        ("PG_VERSION", vec![1]),
    ];
    let second = split(&now, Some(first.before()));
    assert_eq!(second.file("base/base/5/1").kind, FileKind::Unchanged);
    let partly = second.file("base/base/5/2");
    assert_eq!((partly.kind, partly.whole), (FileKind::Increment, Some(42 * PAGE as u64)));
    let bytes = second.read(partly);
    assert_eq!(second.untarred()["base/base/5/INCREMENTAL.2"], bytes);
    let increment = Increment::read(&bytes).expect("a header");
    assert_eq!(increment.truncation, 42);
    assert_eq!(increment.blocks, (0..20).map(|nth| nth * 2 + 1).chain([40, 41]).collect::<Vec<_>>());
    for (nth, block) in increment.blocks.iter().enumerate() {
        let at = Increment::length(increment.blocks.len()) + nth * PAGE;
        assert_eq!(bytes[at..at + PAGE], now[1].1[*block as usize * PAGE..][..PAGE], "block {block}");
    }
    let shorter = second.file("base/base/5/3");
    assert_eq!(Increment::read(&second.read(shorter)), Ok(Increment { truncation: 6, blocks: Vec::new() }));
    let new = second.file("base/base/5/4");
    assert_eq!((new.kind, second.read(new) == now[3].1), (FileKind::File, true), "a file of which every page changed is whole");
    assert_eq!(second.file("base/base/5/5").kind, FileKind::File);
    assert_eq!(second.file("base/PG_VERSION").kind, FileKind::File);
    // The second one knows every page, so that a third can be compared with it alone.
    let third = split(&now, Some(second.before()));
    for file in third.split.files.iter().filter(|file| file.pages.is_some()) {
        assert_eq!(file.kind, FileKind::Unchanged, "{}", file.path);
    }
}
