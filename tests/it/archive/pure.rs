//! Laws of names and fingerprints.

use dbbackup::archive::fingerprint::Fingerprint;
use dbbackup::archive::names;
use dbbackup::domain::schema::{RowFormat, Table, TableName};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(vec!["/", "..", ".", "%", "%2F", "\u{0}", "\n", "\u{1b}[2J", "\\", "'", "表", "\u{202e}", "a", " "]);
    prop_oneof![any::<String>(), prop::collection::vec(hostile, 0..20).prop_map(|parts| parts.concat())]
}

/// A name as PostgreSQL has it: at most 63 bytes.
fn short_name() -> impl Strategy<Value = String> {
    name().prop_map(|mut name| {
        while name.len() > 63 {
            name.pop();
        }
        name
    })
}

fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(
        prop::collection::vec(prop_oneof![Just(b'a'), any::<u8>()].prop_map(|b| if b == b'\n' { b't' } else { b }), 0..20),
        0..30,
    )
}

fn text(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
}

fn of(lines: &[Vec<u8>]) -> Fingerprint {
    Fingerprint::of(&text(lines), RowFormat::Text).expect("whole rows")
}

/// One complete COPY binary stream.
fn binary(rows: &[Vec<Option<Vec<u8>>>]) -> Vec<u8> {
    let mut out = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in rows {
        out.extend((row.len() as i16).to_be_bytes());
        for field in row {
            match field {
                None => out.extend((-1_i32).to_be_bytes()),
                Some(value) => {
                    out.extend((value.len() as i32).to_be_bytes());
                    out.extend(value);
                }
            }
        }
    }
    out.extend((-1_i16).to_be_bytes());
    out
}

proptest! {
    #[test]
    fn a_component_is_safe_and_reversible(name in name()) {
        let made = names::component(&name);
        prop_assert_eq!(names::decode(&made), Some(name));
        prop_assert!(!made.is_empty() && !made.starts_with('.'));
        prop_assert!(!made.chars().any(|c| c == '/' || c == '\\' || c.is_control()));
    }

    #[test]
    fn tables_have_legal_folders_of_their_own(a in (short_name(), short_name()), b in (short_name(), short_name())) {
        let dir = |(schema, name): &(String, String)| {
            let table = Table { name: TableName::new(schema, name), ..Table::default() };
            names::table_dir("databases/d", &table)
        };
        prop_assert_eq!(dir(&a) == dir(&b), a == b);
        let entry = names::chunk(&dir(&a), u32::MAX, RowFormat::Binary);
        prop_assert!(names::is_legal(&entry));
        prop_assert!(entry.split('/').all(|part| part.len() <= 255));
    }

    #[test]
    fn order_and_cut_do_not_matter(lines in lines(), seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        let whole = of(&lines);
        let mut mixed = lines.clone();
        mixed.sort_by_key(|line| line.iter().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte))));
        prop_assert_eq!(of(&mixed), whole);
        let (left, right) = lines.split_at(cut.index(lines.len() + 1));
        let mut sum = of(left);
        sum.add(of(right));
        prop_assert_eq!(sum, whole);
        prop_assert_eq!(whole.rows, lines.len() as u64);
    }

    #[test]
    fn any_changed_byte_shows(lines in lines(), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        prop_assume!(!lines.is_empty());
        let mut data = text(&lines);
        let at = at.index(data.len());
        data[at] ^= flip;
        prop_assert_ne!(Fingerprint::of(&data, RowFormat::Text), Some(of(&lines)));
    }

    #[test]
    fn binary_rows_are_counted_or_refused(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 0..4), 0..9),
        cut in any::<prop::sample::Index>(),
    ) {
        let data = binary(&rows);
        let whole = Fingerprint::of(&data, RowFormat::Binary).expect("whole rows");
        prop_assert_eq!(whole.rows, rows.len() as u64);
        let mut turned = rows.clone();
        turned.reverse();
        prop_assert_eq!(Fingerprint::of(&binary(&turned), RowFormat::Binary), Some(whole));
        prop_assert_eq!(Fingerprint::of(&data[..cut.index(data.len())], RowFormat::Binary), None);
    }

    #[test]
    fn nothing_makes_the_binary_reader_panic(data in prop::collection::vec(any::<u8>(), 0..60)) {
        let with_head = [&binary(&[])[..19], &data].concat();
        prop_assert!(Fingerprint::of(&with_head, RowFormat::Binary).is_none_or(|found| found.rows <= data.len() as u64));
    }
}

#[test]
fn half_a_row_is_no_row() {
    assert_eq!(Fingerprint::of(b"1\n2", RowFormat::Text), None);
    assert_eq!(Fingerprint::of(b"", RowFormat::Text), Some(Fingerprint::default()));
    assert_eq!(Fingerprint::of(b"", RowFormat::Binary), None);
    // The same digits as xxHash's own test vectors have for the empty input: the sum over one empty row is that hash.
    assert_eq!(Fingerprint::of(b"\n", RowFormat::Text).expect("a row").hex(), "99aa06d3014798d86001c324468d497f");
}

#[test]
fn schemas_with_dots_do_not_run_into_tables() {
    let dir = |schema: &str, name: &str| names::table_dir("d", &Table { name: TableName::new(schema, name), ..Table::default() });
    assert_ne!(dir("a.b", "c"), dir("a", "b.c"));
    assert_eq!(dir("public", "orders"), "d/data/public.orders");
}
