//! Reads the table of contents of pg_dump's archives: the custom format, and `toc.dat` of the directory and the tar format, versions 1.11
//! to 1.16 (PostgreSQL 9.0 to 18). The layout is that of `ReadHead` and `ReadToc` in PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c, and
//! of `_ReadExtraToc` beside it. Knows bytes; gives the entries no meaning.

use std::fmt;
use std::io::{self, Read};

/// The longest text of an entry that is read, in bytes: the server takes no statement longer than 1 GB.
const TEXT_LIMIT: u64 = 1 << 30;

/// Room that is reserved before the first entry is read: a count in a file is not to be believed.
const RESERVE: usize = 4096;

/// What stands before the entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The second part of the version: 14 of 1.14.
    pub minor: u8,
    /// Which format: 1 custom, 3 tar and directory.
    pub format: u8,
    /// Second, minute, hour, day, month from 0, year from 1900, whether summer time: local time of who made it.
    pub date: [i64; 7],
    /// The database.
    pub database: Option<String>,
    /// The server's version, in its words.
    pub server: Option<String>,
    /// pg_dump's version, in its words.
    pub tool: Option<String>,
    /// Bytes of a number, without its sign.
    int_size: usize,
    /// Bytes of an offset, without its state.
    offset_size: usize,
}

/// Where an entry's data are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// It has none.
    #[default]
    Nowhere,
    /// Behind the table of contents, in a block with the entry's number.
    Block,
    /// In a file of this name.
    File(String),
}

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
    /// Where its data are.
    pub place: Place,
    /// Whether its data are rows of a COPY, not INSERT statements.
    pub copies: bool,
}

/// What becomes of texts that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// They are damage.
    Strict,
    /// What is not UTF-8 is replaced: they are only looked at.
    Lossy,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It ends too early.
    Short,
    /// It does not begin as pg_dump's archives do.
    Foreign,
    /// Its version is not one of those that are known.
    Version(u8, u8),
    /// A number is out of its range; what it was to be.
    Nonsense(&'static str),
    /// A text is not UTF-8; of which object (bytes replaced).
    Encoding(String),
    /// It could not be read at all; why.
    Unreadable(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Short => f.write_str("the table of contents ends too early"),
            Damage::Foreign => f.write_str("not an archive of pg_dump"),
            Damage::Version(major, minor) => write!(f, "unknown version {major}.{minor} of pg_dump's archives"),
            Damage::Nonsense(what) => write!(f, "the {what} is out of range"),
            Damage::Encoding(object) => write!(f, "the definition of {object} is not valid UTF-8"),
            Damage::Unreadable(why) => f.write_str(why),
        }
    }
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Damage::Short,
            _ => Damage::Unreadable(error.to_string()),
        }
    }
}

/// Reads numbers and texts as pg_dump writes them.
pub struct Cursor<R> {
    rest: R,
    int_size: usize,
}

impl<R: Read> Cursor<R> {
    /// Goes on where a table of contents ended, with the sizes of its head.
    pub fn after(rest: R, head: &Head) -> Self {
        Self { rest, int_size: head.int_size }
    }

    /// What it reads from.
    pub fn rest(&mut self) -> &mut R {
        &mut self.rest
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let mut bytes = [0; N];
        self.rest.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A byte; none at the end of the file.
    pub fn byte_or_end(&mut self) -> Result<Option<u8>, Damage> {
        let mut byte = [0];
        loop {
            match self.rest.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(Some(byte[0])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Damage> {
        Ok(self.bytes::<1>()?[0])
    }

    /// A sign byte, then `int_size` bytes, the least significant first.
    pub fn int(&mut self) -> Result<i64, Damage> {
        let negative = self.byte()? != 0;
        let mut bytes = [0; 8];
        self.rest.read_exact(&mut bytes[..self.int_size])?;
        if bytes[4..].iter().any(|byte| *byte != 0) {
            return Err(Damage::Nonsense("number"));
        }
        let value = i64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        Ok(if negative { -value } else { value })
    }

    /// A length, then as many bytes; none when the length is negative.
    fn raw(&mut self) -> Result<Option<Vec<u8>>, Damage> {
        let length = self.int()?;
        let Ok(length) = u64::try_from(length) else { return Ok(None) };
        if length > TEXT_LIMIT {
            return Err(Damage::Nonsense("length"));
        }
        // Memory grows with what is there, not with what the length says.
        let mut bytes = Vec::new();
        (&mut self.rest).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == length { Ok(Some(bytes)) } else { Err(Damage::Short) }
    }
}

/// Makes texts of bytes.
fn text(raw: Option<Vec<u8>>, object: &str, texts: Texts) -> Result<Option<String>, Damage> {
    raw.map(|bytes| match (String::from_utf8(bytes), texts) {
        (Ok(text), _) => Ok(text),
        (Err(error), Texts::Lossy) => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        (Err(_), Texts::Strict) => Err(Damage::Encoding(object.to_owned())),
    })
    .transpose()
}

/// All entries of a file that is in memory, in its order; whatever its format.
pub fn parse(file: &[u8]) -> Result<Vec<Entry>, Damage> {
    read(file, Texts::Strict).map(|(_, entries)| entries)
}

/// The head and all entries, in the file's order; what follows them is left to be read.
pub fn read(file: impl Read, texts: Texts) -> Result<(Head, Vec<Entry>), Damage> {
    let mut cursor = Cursor { rest: file, int_size: 0 };
    let head = head(&mut cursor)?;
    let count = usize::try_from(cursor.int()?).map_err(|_| Damage::Nonsense("number of entries"))?;
    let mut entries = Vec::with_capacity(count.min(RESERVE));
    for _ in 0..count {
        entries.push(entry(&mut cursor, &head, texts)?);
    }
    Ok((head, entries))
}

fn head<R: Read>(cursor: &mut Cursor<R>) -> Result<Head, Damage> {
    if &cursor.bytes::<5>()? != b"PGDMP" {
        return Err(Damage::Foreign);
    }
    let [major, minor, _revision] = cursor.bytes()?;
    if major != 1 || !(11..=16).contains(&minor) {
        return Err(Damage::Version(major, minor));
    }
    let [int_size, offset_size, format] = cursor.bytes()?;
    if !(4..=8).contains(&int_size) || !(1..=8).contains(&offset_size) {
        return Err(Damage::Nonsense("size of a number"));
    }
    cursor.int_size = usize::from(int_size);
    if minor >= 15 {
        cursor.byte()?;
    } else {
        cursor.int()?;
    }
    let mut date = [0; 7];
    for part in &mut date {
        *part = cursor.int()?;
    }
    let mut words = || -> Result<_, Damage> { Ok(cursor.raw()?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())) };
    let (database, server, tool) = (words()?, words()?, words()?);
    Ok(Head { minor, format, date, database, server, tool, int_size: cursor.int_size, offset_size: usize::from(offset_size) })
}

fn entry<R: Read>(cursor: &mut Cursor<R>, head: &Head, texts: Texts) -> Result<Entry, Damage> {
    let id = u32::try_from(cursor.int()?).ok().filter(|id| *id > 0).ok_or(Damage::Nonsense("number of an entry"))?;
    let has_data = cursor.int()? != 0;
    cursor.raw()?; // catalog
    cursor.raw()?; // oid
    let (tag, kind) = (cursor.raw()?, cursor.raw()?);
    let lossy = |raw: &Option<Vec<u8>>| String::from_utf8_lossy(raw.as_deref().unwrap_or_default()).into_owned();
    let object = format!("{} {}", lossy(&kind), lossy(&tag));
    let section = cursor.int()?;
    let next = |cursor: &mut Cursor<R>| text(cursor.raw()?, &object, texts);
    let definition = next(cursor)?.unwrap_or_default();
    let drop = next(cursor)?.unwrap_or_default();
    let copies = cursor.raw()?.is_some_and(|statement| !statement.is_empty());
    let namespace = next(cursor)?;
    let tablespace = next(cursor)?;
    let access_method = if head.minor >= 14 { next(cursor)? } else { None };
    let relkind = if head.minor >= 16 { u8::try_from(cursor.int()?).map_err(|_| Damage::Nonsense("kind of a relation"))? } else { 0 };
    let owner = next(cursor)?;
    cursor.raw()?; // WITH OIDS, of old
    let mut depends = Vec::new();
    while let Some(number) = cursor.raw()? {
        let number = std::str::from_utf8(&number).ok().and_then(|text| text.parse().ok());
        depends.push(number.ok_or(Damage::Nonsense("dependency"))?);
    }
    let place = place(cursor, head, has_data)?;
    Ok(Entry {
        id,
        tag: text(tag, &object, texts)?.unwrap_or_default(),
        kind: text(kind, &object, texts)?.unwrap_or_default(),
        section,
        definition,
        drop,
        namespace,
        tablespace,
        access_method,
        relkind,
        owner,
        depends,
        place,
        copies,
    })
}

/// Where the entry's data are; each format says it in its own way.
fn place<R: Read>(cursor: &mut Cursor<R>, head: &Head, has_data: bool) -> Result<Place, Damage> {
    /// `K_OFFSET_NO_DATA` in pg_backup_archiver.h.
    const NO_DATA: u8 = 3;
    match head.format {
        3 | 5 => {
            let name = cursor.raw()?.filter(|name| !name.is_empty());
            Ok(name.map_or(Place::Nowhere, |name| Place::File(String::from_utf8_lossy(&name).into_owned())))
        }
        _ => {
            let state = cursor.byte()?;
            let mut offset = [0; 8];
            cursor.rest.read_exact(&mut offset[..head.offset_size])?;
            Ok(if has_data && state != NO_DATA { Place::Block } else { Place::Nowhere })
        }
    }
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
        assert_eq!(parse(b"PGD"), Err(Damage::Short));
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
