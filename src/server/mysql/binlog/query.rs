//! A statement in the log, with the settings of the session that ran it.

use super::cursor::Cursor;
use super::event::{Header, Kind};
use std::borrow::Cow;
use std::io::Read;

/// The largest statement that is unpacked.
const LARGEST: u64 = 1 << 30;

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Query<'a> {
    /// The session's database; empty for none.
    pub database: &'a [u8],
    /// Its text, in the session's character set.
    pub text: Cow<'a, [u8]>,
    /// With what error it ended on the server: 0 for none.
    pub error: u16,
    /// What the session had set.
    pub settings: Settings<'a>,
    /// For a LOAD DATA: its file.
    pub load: Option<Load>,
}

/// The file of a LOAD DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// The number under which its pieces stand before the statement.
    pub file: u32,
    /// Where in the text its name begins, behind LOAD DATA.
    pub from: usize,
    /// Where it ends, behind INTO.
    pub to: usize,
    /// What becomes of rows that are there already.
    pub double: Double,
}

/// What becomes of rows that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Double {
    /// They stay.
    Stay,
    /// They are replaced.
    Replace,
}

/// What the session had set, as far as it changes what a statement means. What is not there keeps the value that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings<'a> {
    /// Options of the session as bits: see the constants.
    pub flags: Option<u32>,
    /// `sql_mode`, as a number.
    pub sql_mode: Option<u64>,
    /// `auto_increment_increment` and `auto_increment_offset`.
    pub auto_increment: Option<(u16, u16)>,
    /// Numbers of `character_set_client`, `collation_connection` and `collation_server`.
    pub charset: Option<(u16, u16, u16)>,
    /// `time_zone`.
    pub time_zone: Option<&'a [u8]>,
    /// `lc_time_names`, as a number.
    pub lc_time_names: Option<u16>,
    /// The database's collation, as a number.
    pub collation_database: Option<u16>,
    /// Microseconds of the time at which the statement began.
    pub micros: Option<u32>,
    /// `explicit_defaults_for_timestamp`.
    pub explicit_timestamp: Option<u8>,
    /// `default_collation_for_utf8mb4`, as a number (MySQL).
    pub utf8mb4: Option<u16>,
    /// `sql_require_primary_key` (MySQL).
    pub require_primary_key: Option<u8>,
    /// `default_table_encryption` (MySQL).
    pub table_encryption: Option<u8>,
    /// The time at which the statement began, in seconds.
    pub timestamp: u32,
    /// The session that ran it: temporary tables of the same name are told apart by it.
    pub session: u32,
}

impl Settings<'_> {
    /// Bit: `sql_auto_is_null`.
    pub const AUTO_IS_NULL: u32 = 1 << 14;
    /// Bit: `foreign_key_checks` is off.
    pub const NO_FOREIGN_KEYS: u32 = 1 << 26;
    /// Bit: `unique_checks` is off.
    pub const NO_UNIQUE: u32 = 1 << 27;
}

impl<'a> Query<'a> {
    /// Reads what stands behind the header: session, seconds that it took, length of the database's name, error, length of the settings;
    /// settings, database, text.
    pub fn read(header: &Header, content: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(content);
        let session = cursor.word()?;
        cursor.take(4)?;
        let (length, error, size) = (cursor.byte()?, cursor.short()?, cursor.short()?);
        let load = match header.kind {
            Kind::EXECUTE_LOAD_QUERY => {
                let (file, from, to, double) = (cursor.word()?, cursor.word()?, cursor.word()?, cursor.byte()?);
                let double = if double == 2 { Double::Replace } else { Double::Stay };
                Some(Load { file, from: usize::try_from(from).ok()?, to: usize::try_from(to).ok()?, double })
            }
            _ => None,
        };
        let mut settings = Settings::read(cursor.take(usize::from(size))?);
        settings.timestamp = header.timestamp;
        settings.session = session;
        let database = cursor.take(usize::from(length))?;
        cursor.take(1)?;
        let text = match header.kind {
            Kind::MARIA_QUERY_COMPRESSED => Cow::Owned(unpack(cursor.rest())?),
            _ => Cow::Borrowed(cursor.rest()),
        };
        Some(Self { database, text, error, settings, load })
    }

    /// Whether the text is this word, alone.
    pub fn is(&self, word: &str) -> bool {
        self.text.trim_ascii().eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether the text begins with these words.
    pub fn begins(&self, words: &str) -> bool {
        self.text.trim_ascii_start().get(..words.len()).is_some_and(|start| start.eq_ignore_ascii_case(words.as_bytes()))
    }
}

/// MariaDB's way of compressing (`binlog_buf_compress`): a byte with the algorithm (0: zlib) and how many bytes the length has, the length (its
/// highest byte first), zlib.
pub fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let first = *bytes.first()?;
    let width = usize::from(first & 0x07);
    if first & 0x70 != 0 || !(1..=4).contains(&width) {
        return None;
    }
    let length = bytes.get(1..=width)?.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    let mut text = Vec::new();
    flate2::read::ZlibDecoder::new(&bytes[1 + width..]).take(length.min(LARGEST) + 1).read_to_end(&mut text).ok()?;
    (text.len() as u64 == length).then_some(text)
}

impl<'a> Settings<'a> {
    /// Reads them: each behind its number, in the order of the numbers. What is not known ends the reading, as it does for the servers: those
    /// come last that came last.
    fn read(bytes: &'a [u8]) -> Self {
        let mut settings = Self::default();
        let mut cursor = Cursor::new(bytes);
        while let Some(code) = cursor.byte() {
            if settings.one(code, &mut cursor).is_none() {
                break;
            }
        }
        settings
    }

    fn one(&mut self, code: u8, cursor: &mut Cursor<'a>) -> Option<()> {
        match code {
            0 => self.flags = Some(cursor.word()?),
            1 => self.sql_mode = Some(cursor.number(8)?),
            2 => {
                cursor.short_text()?;
                cursor.byte()?;
            }
            3 => self.auto_increment = Some((cursor.short()?, cursor.short()?)),
            4 => self.charset = Some((cursor.short()?, cursor.short()?, cursor.short()?)),
            5 => self.time_zone = Some(cursor.short_text()?).filter(|zone| !zone.is_empty()),
            6 => drop(cursor.short_text()?),
            7 => self.lc_time_names = Some(cursor.short()?),
            8 => self.collation_database = Some(cursor.short()?),
            9 | 17 | 129 => drop(cursor.number(8)?),
            10 => drop(cursor.word()?),
            11 => {
                cursor.short_text()?;
                cursor.short_text()?;
            }
            12 => {
                // 254: more than are named.
                let count = cursor.byte()?;
                for _ in 0..if count == 254 { 0 } else { count } {
                    while cursor.byte()? != 0 {}
                }
            }
            13 | 128 => self.micros = u32::try_from(cursor.number(3)?).ok(),
            16 => self.explicit_timestamp = Some(cursor.byte()?),
            18 => self.utf8mb4 = Some(cursor.short()?),
            19 => self.require_primary_key = Some(cursor.byte()?),
            20 => self.table_encryption = Some(cursor.byte()?),
            _ => return None,
        }
        Some(())
    }
}
