//! The fuzz target's corpus, run as a test: files that once could have been trouble.

use super::{folder, sample};
use dbbackup::archive::reader;
use dbbackup::domain::codec::Codec;
use dbbackup::domain::spec::Depth;
use dbbackup::engine::verify;
use std::path::Path;

/// Every file of the corpus, and every prefix-and-tail mixture of small archives, ends in an answer.
#[test]
fn nothing_in_the_corpus_panics() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/open");
    let mut inputs: Vec<Vec<u8>> = std::fs::read_dir(&corpus)
        .expect("the corpus")
        .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file"))
        .collect();
    assert!(inputs.len() >= 5, "the corpus is incomplete");
    let dir = folder();
    let made = Codec::ALL.map(|codec| std::fs::read(sample(dir.path(), codec, 10).path).expect("the file"));
    for (at, one) in made.iter().enumerate() {
        let other = &made[(at + 1) % made.len()];
        inputs.push([&one[..one.len() / 2], &other[other.len() / 2..]].concat());
        inputs.push([&one[..], &other[..]].concat());
        inputs.push([&one[..], &one[..]].concat());
    }
    let path = dir.path().join("x.tar.zst");
    for input in inputs {
        std::fs::write(&path, &input).expect("the file");
        let good = verify::check(&path, Depth::Full, 1, None, &|_| true).is_ok_and(|damages| damages.is_empty());
        assert!(!good, "{} bytes that no writer of ours has written passed the check", input.len());
        assert!(reader::head(&path).is_ok_and(|head| head.format == 1) || reader::head(&path).is_err());
    }
}
