//! Looking into archives.

use super::{folder, sample};
use dbbackup::domain::Code;
use dbbackup::domain::codec::Codec;
use dbbackup::engine::browse;
use std::os::unix::fs::MetadataExt;

#[test]
fn a_folder_is_listed_with_what_cannot_be_read() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Zstd, 100).with_side_files();
    std::fs::write(dir.path().join("broken.tar.gz"), "no archive").expect("a file");
    let list = browse::list(dir.path()).expect("a list");
    assert_eq!(list.len(), 2);
    let head = list[0].head.as_ref().expect("a head");
    assert_eq!((list[0].path.as_path(), list[0].bytes.0, head.rows, head.complete), (sample.path.as_path(), sample.bytes, 600, true));
    assert!(list[1].head.as_ref().is_err_and(|why| why.starts_with("FOREIGN_FILE")));
}

#[test]
fn contents_name_databases_and_tables() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Lz4, 100);
    let contents = browse::contents(&sample.path).expect("contents");
    let tables = &contents.databases[0].tables;
    assert_eq!((tables.len(), tables[0].rows, tables[0].chunks), (2, 300, 3));
    assert_eq!(browse::entries(&sample.path).expect("entries").len(), sample.entries.len());
}

#[test]
fn a_table_comes_out_in_its_order() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Zstd, 100);
    for name in ["public.orders", "shop.public.orders"] {
        let mut out = Vec::new();
        let length = browse::cat(&sample.path, name, &mut out).expect("a table");
        assert!(out == super::rows(0, 300) && length == out.len() as u64);
    }
    let mut out = Vec::new();
    browse::cat(&sample.path, "databases/shop/schema.jsonl", &mut out).expect("an entry");
    assert_eq!(out, b"{\"id\":1}\n");
    let fault = browse::cat(&sample.path, "public.order", &mut Vec::new()).expect_err("missing");
    assert_eq!(fault.code, Code::NotInArchive);
    assert!(fault.steps[0].text.contains("public.orders"), "{fault:?}");
}

#[test]
fn extraction_is_private_and_overwrites_nothing() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Xz, 100);
    let out = dir.path().join("out");
    let written = browse::extract(&sample.path, &[], &out).expect("extracted");
    // The manifest comes out too, as it does with tar.
    assert_eq!(written.len(), sample.entries.len() + 1);
    assert!(out.join("manifest.json").is_file());
    for (name, data) in &sample.entries {
        assert!(std::fs::read(out.join(name)).expect(name) == *data);
        assert_eq!(std::fs::metadata(out.join(name)).expect(name).mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::metadata(out.join("databases/shop")).expect("a folder").mode() & 0o777, 0o700);
    assert_eq!(browse::extract(&sample.path, &[], &out).expect_err("it is there").code, Code::OutputExists);
    let some = dir.path().join("some");
    let wanted = ["databases/shop/data/public.orders/".to_owned(), "databases/shop/schema.jsonl".to_owned()];
    assert_eq!(browse::extract(&sample.path, &wanted, &some).expect("extracted").len(), 4);
    assert_eq!(browse::extract(&sample.path, &["nothing".to_owned()], &some).expect_err("missing").code, Code::NotInArchive);
}

#[test]
fn extraction_follows_no_link() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::Zstd, 100);
    let (out, elsewhere) = (dir.path().join("out"), dir.path().join("elsewhere"));
    std::fs::create_dir(&out).expect("a folder");
    std::fs::create_dir(&elsewhere).expect("a folder");
    std::os::unix::fs::symlink(&elsewhere, out.join("databases")).expect("a link");
    assert!(browse::extract(&sample.path, &[], &out).is_err());
    assert_eq!(std::fs::read_dir(&elsewhere).expect("a folder").count(), 0);
}

#[test]
fn deletion_takes_the_side_files_along() {
    let dir = folder();
    let sample = sample(dir.path(), Codec::None, 100).with_side_files();
    browse::delete(&sample.path).expect("deleted");
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0);
    assert_eq!(browse::delete(&sample.path).expect_err("gone").code, Code::FileMissing);
}
