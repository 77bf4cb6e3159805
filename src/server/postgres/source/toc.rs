//! Reads the table of contents of pg_dump's custom format, versions 1.14 to 1.16 (PostgreSQL 12 to 18). The layout is that of `ReadHead`
//! and `ReadToc` in PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c. Knows bytes; gives the entries no meaning.

use std::fmt;

/// One entry, as it stands in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: u32,
    /// The name.
    pub tag: String,
    /// The kind: `TABLE`, `INDEX`, …
    pub kind: String,
    /// 1 none, 2 pre-data, 3 data, 4 post-data.
    pub section: i64,
    /// The SQL that makes it.
    pub definition: String,
    /// The SQL that drops it.
    pub drop: String,
    /// The schema.
    pub namespace: Option<String>,
    /// The tablespace.
    pub tablespace: Option<String>,
    /// The table access method.
    pub access_method: Option<String>,
    /// `pg_class.relkind` as a byte; 0 before 1.16 and for what is no relation.
    pub relkind: u8,
    /// The owner.
    pub owner: Option<String>,
    /// Numbers of entries that must be there before; some are not in the file.
    pub depends: Vec<u32>,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It ends too early.
    Short,
    /// It does not begin as a custom-format archive does.
    Foreign,
    /// Its version is not one of those that are known.
    Version(u8, u8),
    /// A number is out of its range; what it was to be.
    Nonsense(&'static str),
    /// A text is not UTF-8; of which object (bytes replaced).
    Encoding(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Short => f.write_str("the table of contents ends too early"),
            Damage::Foreign => f.write_str("not pg_dump's custom format"),
            Damage::Version(major, minor) => write!(f, "unknown version {major}.{minor} of pg_dump's custom format"),
            Damage::Nonsense(what) => write!(f, "the {what} is out of range"),
            Damage::Encoding(object) => write!(f, "the definition of {object} is not valid UTF-8"),
        }
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
    int_size: usize,
}

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Damage::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Damage> {
        Ok(self.bytes(1)?[0])
    }

    /// A sign byte, then `int_size` bytes, the least significant first.
    fn int(&mut self) -> Result<i64, Damage> {
        let negative = self.byte()? != 0;
        let mut value = 0_i64;
        for (at, byte) in self.bytes(self.int_size)?.iter().enumerate() {
            if at >= 4 {
                if *byte != 0 {
                    return Err(Damage::Nonsense("number"));
                }
                continue;
            }
            value |= i64::from(*byte) << (8 * at);
        }
        Ok(if negative { -value } else { value })
    }

    /// A length, then as many bytes; none when the length is negative.
    fn raw(&mut self) -> Result<Option<&'a [u8]>, Damage> {
        match self.int()? {
            length if length < 0 => Ok(None),
            length => self.bytes(usize::try_from(length).map_err(|_| Damage::Nonsense("length"))?).map(Some),
        }
    }
}

fn text(raw: Option<&[u8]>, object: &str) -> Result<Option<String>, Damage> {
    raw.map(|bytes| String::from_utf8(bytes.to_vec()).map_err(|_| Damage::Encoding(object.to_owned()))).transpose()
}

/// All entries, in the file's order.
pub fn parse(file: &[u8]) -> Result<Vec<Entry>, Damage> {
    let mut cursor = Cursor { rest: file, int_size: 0 };
    if cursor.bytes(5)? != b"PGDMP" {
        return Err(Damage::Foreign);
    }
    let (major, minor, _revision) = (cursor.byte()?, cursor.byte()?, cursor.byte()?);
    if major != 1 || !(14..=16).contains(&minor) {
        return Err(Damage::Version(major, minor));
    }
    cursor.int_size = usize::from(cursor.byte()?);
    let offset_size = usize::from(cursor.byte()?);
    if !(1..=8).contains(&cursor.int_size) || !(1..=8).contains(&offset_size) {
        return Err(Damage::Nonsense("size of a number"));
    }
    let _format = cursor.byte()?;
    if minor >= 15 {
        cursor.byte()?;
    } else {
        cursor.int()?;
    }
    for _part_of_date in 0..7 {
        cursor.int()?;
    }
    for _name_and_versions in 0..3 {
        cursor.raw()?;
    }
    let count = usize::try_from(cursor.int()?).map_err(|_| Damage::Nonsense("number of entries"))?;
    // An entry takes more than 16 bytes, so a count that the file cannot hold is known before anything is reserved for it.
    if count > cursor.rest.len() / 16 {
        return Err(Damage::Nonsense("number of entries"));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        entries.push(entry(&mut cursor, minor, offset_size)?);
    }
    Ok(entries)
}

fn entry(cursor: &mut Cursor<'_>, minor: u8, offset_size: usize) -> Result<Entry, Damage> {
    let id = u32::try_from(cursor.int()?).ok().filter(|id| *id > 0).ok_or(Damage::Nonsense("number of an entry"))?;
    cursor.int()?; // whether it has data
    cursor.raw()?; // catalog
    cursor.raw()?; // oid
    let (tag, kind) = (cursor.raw()?, cursor.raw()?);
    let object = format!("{} {}", String::from_utf8_lossy(kind.unwrap_or_default()), String::from_utf8_lossy(tag.unwrap_or_default()));
    let section = cursor.int()?;
    let definition = text(cursor.raw()?, &object)?.unwrap_or_default();
    let drop = text(cursor.raw()?, &object)?.unwrap_or_default();
    cursor.raw()?; // COPY statement
    let namespace = text(cursor.raw()?, &object)?;
    let tablespace = text(cursor.raw()?, &object)?;
    let access_method = text(cursor.raw()?, &object)?;
    let relkind = if minor >= 16 { u8::try_from(cursor.int()?).map_err(|_| Damage::Nonsense("kind of a relation"))? } else { 0 };
    let owner = text(cursor.raw()?, &object)?;
    cursor.raw()?; // WITH OIDS, of old
    let mut depends = Vec::new();
    while let Some(number) = cursor.raw()? {
        let number = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok());
        depends.push(number.ok_or(Damage::Nonsense("dependency"))?);
    }
    cursor.bytes(1 + offset_size)?; // where its data are
    Ok(Entry {
        id,
        tag: text(tag, &object)?.unwrap_or_default(),
        kind: text(kind, &object)?.unwrap_or_default(),
        section,
        definition,
        drop,
        namespace,
        tablespace,
        access_method,
        relkind,
        owner,
        depends,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn int(out: &mut Vec<u8>, value: i32) {
        out.push(u8::from(value < 0));
        out.extend_from_slice(&value.unsigned_abs().to_le_bytes());
    }

    fn string(out: &mut Vec<u8>, value: Option<&str>) {
        match value {
            None => int(out, -1),
            Some(value) => {
                int(out, i32::try_from(value.len()).expect("short"));
                out.extend_from_slice(value.as_bytes());
            }
        }
    }

    /// A file as pg_dump writes it, of one entry.
    fn file(minor: u8) -> Vec<u8> {
        let mut out = b"PGDMP".to_vec();
        out.extend_from_slice(&[1, minor, 0, 4, 8, 1]);
        if minor >= 15 {
            out.push(0)
        } else {
            int(&mut out, -1)
        }
        for part in [1, 2, 3, 4, 5, 126, 0] {
            int(&mut out, part);
        }
        for name in ["shop", "17.1", "17.1"] {
            string(&mut out, Some(name));
        }
        int(&mut out, 1);
        int(&mut out, 7);
        int(&mut out, 0);
        for field in [Some("1259"), Some("16384"), Some("orders"), Some("TABLE")] {
            string(&mut out, field);
        }
        int(&mut out, 2);
        for field in [Some("CREATE TABLE …;"), Some("DROP TABLE …;"), None, Some("public"), Some(""), Some("heap")] {
            string(&mut out, field);
        }
        if minor >= 16 {
            int(&mut out, i32::from(b'r'));
        }
        for field in [Some("bob"), Some("false"), Some("3"), Some("5"), None] {
            string(&mut out, field);
        }
        out.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0]);
        out
    }

    #[test]
    fn every_version_of_the_format_reads_the_same() {
        for minor in 14..=16 {
            let entries = parse(&file(minor)).expect("entries");
            let relkind = if minor == 16 { b'r' } else { 0 };
            assert_eq!((entries.len(), entries[0].id, entries[0].relkind), (1, 7, relkind));
            assert_eq!((entries[0].tag.as_str(), entries[0].kind.as_str(), entries[0].section), ("orders", "TABLE", 2));
            assert_eq!((entries[0].depends.as_slice(), entries[0].owner.as_deref()), ([3, 5].as_slice(), Some("bob")));
        }
        assert_eq!(parse(&file(17)), Err(Damage::Version(1, 17)));
        assert_eq!(parse(b"PGDUMP"), Err(Damage::Foreign));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_cut_or_altered_file_is_an_error_or_entries_never_a_panic(cut in 0_usize..220, at in 0_usize..220, value: u8) {
            let mut bytes = file(16);
            let whole = bytes.len();
            if cut < whole {
                prop_assert!(parse(&bytes[..cut]).is_err());
            }
            if at < whole {
                bytes[at] = value;
                let _ = parse(&bytes);
            }
        }
    }
}
