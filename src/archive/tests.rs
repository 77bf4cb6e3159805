//! What only this room can see.

use super::index::FrameIndex;
use super::locator::{self, Found, Locator};
use super::manifest::{Database, FrameRecord, Head, Manifest};
use super::manifest_json::{self, Depth, HEAD_FIELDS, Unreadable};
use super::{codec, frame::FrameDecoder, frame::FrameEncoder, frame::Part, tarball};
use crate::domain::Code;
use crate::domain::codec::{Codec, Compression};

fn a_locator() -> Locator {
    Locator { offset: 1 << 40, length: 77, plain: 3_000, sha256: [7; 32], end_length: 22, end_sha256: [9; 32] }
}

#[test]
fn a_locator_comes_back_with_its_codec_and_any_changed_byte_undoes_it() {
    for codec in Codec::ALL {
        let trailer = a_locator().write(codec);
        assert!(trailer.len() == locator::length(codec) && trailer.len() <= locator::LONGEST);
        let before = [vec![1; 100], trailer.clone()].concat();
        let Found::Locator(found, locator) = locator::find(&before) else { panic!("{codec}: not found") };
        assert_eq!((found, locator), (codec, a_locator()));
        for at in 0..trailer.len() {
            let mut damaged = trailer.clone();
            damaged[at] ^= 0x10;
            assert!(matches!(locator::find(&damaged), Found::Nothing), "{codec} at {at}");
        }
    }
}

#[test]
fn head_fields_are_those_of_the_head() {
    let head = Head { base: Some(super::manifest::Base::default()), ..Head::default() };
    let serde_json::Value::Object(head) = serde_json::to_value(head).expect("a value") else { panic!("no object") };
    assert_eq!(head.keys().map(String::as_str).collect::<Vec<_>>(), HEAD_FIELDS);
}

fn read(text: &str, end: u64) -> Result<(Manifest, FrameIndex), Unreadable> {
    manifest_json::read(text.as_bytes(), Depth::Everything { end })
}

fn json(manifest: &Manifest, index: &FrameIndex) -> String {
    let mut out = Vec::new();
    manifest_json::write(manifest, index, &mut out).expect("a value");
    assert_eq!(manifest_json::measure(manifest, index).expect("a value"), out.len() as u64);
    String::from_utf8(out).expect("a value")
}

fn small() -> (Manifest, FrameIndex) {
    let mut index = FrameIndex::default();
    assert!(index.push(FrameRecord { offset: 0, length: 10, plain: 20, sha256: [1; 32] }, ["a", "b"]));
    assert!(index.push(FrameRecord { offset: 10, length: 5, plain: 9, sha256: [2; 32] }, ["c"]));
    let head = Head { format: 1, id: "x".into(), ..Head::default() };
    (Manifest { head, databases: vec![Database { name: "shop".into(), ..Database::default() }] }, index)
}

#[test]
fn unknown_fields_are_skipped_and_newer_formats_refused() {
    let (manifest, index) = small();
    let text = json(&manifest, &index);
    let with_more = text.replacen('{', "{\"later\": {\"deep\": [1, 2, {\"a\": null}]}, ", 1);
    let (found, frames) = read(&with_more, 15).expect("a value");
    assert_eq!(found, manifest);
    assert_eq!(frames.entries(0).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(frames.frame_of(&frames.by_name().expect("a value"), "c"), Some(1));
    assert!(matches!(read(&text.replace("\"format\":1", "\"format\":2"), 15), Err(Unreadable::TooNew(2))));
}

#[test]
fn a_head_is_read_without_what_follows() {
    let (manifest, index) = small();
    let text = json(&manifest, &index);
    let cut = &text[..text.find("\"databases\"").expect("a value") + 14];
    let (found, _) = manifest_json::read(cut.as_bytes(), Depth::Head).expect("a value");
    assert_eq!(found.head, manifest.head);
}

#[test]
fn lying_manifests_are_refused() {
    let (manifest, index) = small();
    let text = json(&manifest, &index);
    assert!(read(&text, 15).is_ok());
    for (from, to) in [
        ("\"offset\":10", "\"offset\":11"),
        ("\"length\":5", "\"length\":0"),
        ("\"length\":5", "\"length\":18446744073709551615"),
        ("\"c\"", "\"../c\""),
        ("\"c\"", "\"/c\""),
        ("0202", "02xx"),
        ("\"frames\":[", "\"frames\":[["),
        ("\"format\":1,", ""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert!(changed != text && matches!(read(&changed, 15), Err(Unreadable::Damaged(_))), "{to}");
    }
    assert!(matches!(read(&text, 16), Err(Unreadable::Damaged(_))), "the frames must reach the manifest");
    let deep = format!("{{\"later\": {}", "[".repeat(100_000));
    assert!(matches!(read(&deep, 0), Err(Unreadable::Damaged(_))));
    let twice = text.replace("\"c\"", "\"a\"");
    assert_eq!(read(&twice, 15).expect("a value").1.by_name().err().as_deref(), Some("a"));
}

#[test]
fn a_decoder_writes_no_more_than_it_was_told_and_allocates_for_no_lie() {
    for codec in Codec::ALL {
        let zeros = vec![0; 4 << 20];
        let mut encoder = FrameEncoder::new(Compression { codec, level: codec.levels().0 }, 0).expect("a value");
        let frame = encoder.encode(&[Part { name: "bomb", data: &zeros }], Vec::new()).expect("a value");
        let mut decoder = FrameDecoder::new(codec).expect("a value");
        for lie in [0, 512, 1024, frame.plain - 512, frame.plain + 512, codec::FRAME_LIMIT, u64::MAX] {
            let fault = decoder.decode(&frame.data, lie, Vec::new()).err().unwrap_or_else(|| panic!("{codec}: {lie}"));
            assert_eq!(fault.code, Code::CorruptedBackup);
        }
        assert!(frame.plain <= codec::most(codec, frame.data.len() as u64), "{codec}: {} became {}", frame.data.len(), frame.plain);
        assert!(decoder.decode(&frame.data, frame.plain, Vec::new()).is_ok());
        for cut in [0, 1, 7, frame.data.len() / 2, frame.data.len() - 1] {
            assert!(decoder.decode(&frame.data[..cut], frame.plain, Vec::new()).is_err(), "{codec} cut at {cut}");
        }
    }
}

#[test]
fn tar_headers_are_read_strictly() {
    let mut tar = Vec::new();
    tarball::header("long/".repeat(30).trim_end_matches('/'), 3, 0, &mut tar);
    tar.extend_from_slice(b"abc");
    tar.extend_from_slice(tarball::padding(3));
    let entries = tarball::entries(&tar, tarball::Cut::Whole).expect("a value");
    assert_eq!((entries.len(), &tar[entries[0].1.clone()]), (1, &b"abc"[..]));
    for at in 0..tar.len() {
        let mut damaged = tar.clone();
        damaged[at] ^= 0x04;
        if let Ok(found) = tarball::entries(&damaged, tarball::Cut::Whole) {
            // Only what an entry holds and how long it is may change unseen here: the frame's SHA-256 sees it.
            assert!(found[0].0 != entries[0].0 || found[0].1 == entries[0].1, "at {at}");
        }
    }
    assert!(tarball::entries(&tar[..tar.len() - 512], tarball::Cut::Whole).is_err());
    assert!(
        tarball::entries(&[&tar[..], &[0; 512]].concat(), tarball::Cut::Whole).is_err(),
        "zero blocks belong into the last frame alone"
    );
    let mut huge = Vec::new();
    tarball::header("huge", 9 << 30, 0, &mut huge);
    assert_eq!(tarball::read_header(&huge).expect("a value").expect("a value").size, 9 << 30);
}
