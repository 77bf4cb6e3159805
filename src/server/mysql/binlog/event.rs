//! An event: its header, and what of its content matters for finding transactions.

use super::cursor::Cursor;
use super::query::Query;
use super::sets;
use crate::domain::binlog::{Gtid, LogName};
use crate::domain::recovery::Micros;
use crate::server::mysql::quote;

/// Bytes of a header.
pub const HEADER: usize = 19;

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind(pub u8);

#[allow(missing_docs, reason = "the names are those of the servers' sources, without _EVENT")]
impl Kind {
    pub const QUERY: Kind = Kind(2);
    pub const STOP: Kind = Kind(3);
    pub const ROTATE: Kind = Kind(4);
    pub const INTVAR: Kind = Kind(5);
    pub const APPEND_BLOCK: Kind = Kind(9);
    pub const RAND: Kind = Kind(13);
    pub const USER_VAR: Kind = Kind(14);
    pub const FORMAT: Kind = Kind(15);
    pub const XID: Kind = Kind(16);
    pub const BEGIN_LOAD_QUERY: Kind = Kind(17);
    pub const EXECUTE_LOAD_QUERY: Kind = Kind(18);
    pub const TABLE_MAP: Kind = Kind(19);
    pub const INCIDENT: Kind = Kind(26);
    pub const HEARTBEAT: Kind = Kind(27);
    pub const GTID: Kind = Kind(33);
    pub const ANONYMOUS_GTID: Kind = Kind(34);
    pub const PREVIOUS_GTIDS: Kind = Kind(35);
    pub const XA_PREPARE: Kind = Kind(38);
    pub const PAYLOAD: Kind = Kind(40);
    pub const HEARTBEAT_2: Kind = Kind(41);
    pub const GTID_TAGGED: Kind = Kind(42);
    pub const MARIA_GTID: Kind = Kind(162);
    pub const MARIA_GTID_LIST: Kind = Kind(163);
    pub const MARIA_ENCRYPTION: Kind = Kind(164);
    pub const MARIA_QUERY_COMPRESSED: Kind = Kind(165);

    /// Whether it carries changes of rows: WRITE, UPDATE, DELETE of both forms, MySQL's PARTIAL_UPDATE, MariaDB's compressed ones.
    pub const fn is_rows(self) -> bool {
        matches!(self.0, 23..=25 | 30..=32 | 39 | 166..=171)
    }

    /// Whether it keeps a quiet line alive and stands in no file.
    pub const fn is_heartbeat(self) -> bool {
        matches!(self, Kind::HEARTBEAT | Kind::HEARTBEAT_2)
    }
}

/// The header of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// When it was written, in seconds; that of a transaction's events is when the statement began.
    pub timestamp: u32,
    /// Its type.
    pub kind: Kind,
    /// The number of the server that it began on.
    pub server: u32,
    /// Bytes of it, with header and checksum.
    pub length: u32,
    /// The offset behind it, as far as 32 bits can say it; 0 for one that stands in no file.
    pub next: u32,
    /// Flags.
    pub flags: u16,
}

impl Header {
    /// Flag: the server made it for a reader; it stands in no file.
    const ARTIFICIAL: u16 = 0x20;

    /// Reads it; the error says what is wrong.
    pub fn read(event: &[u8]) -> Result<Self, String> {
        let mut cursor = Cursor::new(event);
        let mut read = || {
            Some(Self {
                timestamp: cursor.word()?,
                kind: Kind(cursor.byte()?),
                server: cursor.word()?,
                length: cursor.word()?,
                next: cursor.word()?,
                flags: cursor.short()?,
            })
        };
        let header = read().ok_or_else(|| format!("{} bytes are no event", event.len()))?;
        if (header.length as usize) < HEADER {
            return Err(format!("an event says that it has {} bytes, fewer than its header", header.length));
        }
        Ok(header)
    }

    /// Whether it stands in the server's file.
    pub const fn is_in_file(&self) -> bool {
        self.next != 0 && self.flags & Self::ARTIFICIAL == 0 && !self.kind.is_heartbeat()
    }
}

/// What an event says, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// A transaction begins, or a statement that is one by itself.
    Gtid(Begin),
    /// A statement.
    Query(Query<'a>),
    /// The transaction is committed.
    Xid,
    /// The transaction is prepared, and committed or given up by a later one.
    XaPrepare {
        /// Whether it is committed at once, in one phase.
        one_phase: bool,
        /// Its identity as SQL reads it: `X'…',X'…',1`.
        xid: String,
    },
    /// The file ends, and the next one begins.
    Rotate(Option<LogName>, u64),
    /// The server stopped.
    Stop,
    /// The format of the file.
    Format,
    /// The transactions in the files before: MySQL's PREVIOUS_GTIDS, MariaDB's GTID_LIST.
    Before(String),
    /// Changes of rows, or what table they are of.
    Rows,
    /// A piece of a file that a LOAD DATA loads: the file's number, and the piece.
    Piece(u32, &'a [u8]),
    /// A whole transaction, compressed.
    Payload,
    /// The server lost events here.
    Incident(String),
    /// What follows is encrypted.
    Encrypted,
    /// What a statement needs, or anything else.
    Other,
}

/// The begin of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Its identity; none for an anonymous one.
    pub gtid: Option<Gtid>,
    /// When it was committed on this server, where the event says so.
    pub committed: Option<Micros>,
    /// MariaDB: whether the next statement is all of it. MySQL does not say.
    pub alone: Option<bool>,
    /// MariaDB: the identity of the XA transaction that begins, as SQL reads it. MySQL writes `XA START`.
    pub xa: Option<String>,
}

/// Reads an event's content, without its checksum. None: it is too short for its type.
pub fn read<'a>(header: &Header, content: &'a [u8]) -> Option<Body<'a>> {
    let mut cursor = Cursor::new(content.get(HEADER..)?);
    Some(match header.kind {
        Kind::QUERY | Kind::MARIA_QUERY_COMPRESSED | Kind::EXECUTE_LOAD_QUERY => Body::Query(Query::read(header, cursor.rest())?),
        Kind::XID => Body::Xid,
        Kind::XA_PREPARE => xa_prepare(cursor)?,
        Kind::STOP => Body::Stop,
        Kind::FORMAT => Body::Format,
        Kind::ROTATE => {
            let at = cursor.number(8)?;
            Body::Rotate(std::str::from_utf8(cursor.rest()).ok().and_then(|name| name.parse().ok()), at)
        }
        Kind::GTID | Kind::ANONYMOUS_GTID => Body::Gtid(gtid(header, cursor)?),
        Kind::GTID_TAGGED => Body::Gtid(tagged(cursor)?),
        Kind::MARIA_GTID => Body::Gtid(maria(header, cursor)?),
        Kind::PREVIOUS_GTIDS => Body::Before(sets::mysql(cursor.rest())?),
        Kind::MARIA_GTID_LIST => Body::Before(sets::mariadb(cursor.rest())?),
        Kind::PAYLOAD => Body::Payload,
        Kind::INCIDENT => {
            let _number = cursor.short()?;
            Body::Incident(String::from_utf8_lossy(cursor.short_text().unwrap_or_default()).into_owned())
        }
        Kind::BEGIN_LOAD_QUERY | Kind::APPEND_BLOCK => {
            let file = cursor.word()?;
            Body::Piece(file, cursor.rest())
        }
        Kind::MARIA_ENCRYPTION => Body::Encrypted,
        Kind::TABLE_MAP => Body::Rows,
        kind if kind.is_rows() => Body::Rows,
        _ => Body::Other,
    })
}

/// `Gtid_event`: flags, server, number, 2, two sequence numbers, the time of commit in microseconds in seven bytes.
fn gtid(header: &Header, mut cursor: Cursor<'_>) -> Option<Begin> {
    let _flags = cursor.byte()?;
    let server = u128::from_be_bytes(*cursor.take(16)?.first_chunk()?);
    let number = cursor.number(8)?;
    let gtid = (header.kind == Kind::GTID).then(|| Gtid::Mysql { server, tag: "".into(), number });
    // Servers before 8.0 write no more.
    let committed = cursor.byte().filter(|code| *code == 2).and_then(|_| {
        cursor.take(16)?;
        let time = cursor.number(7)?;
        // The highest bit says that the time of the first commit, elsewhere, follows.
        i64::try_from(time & !(1 << 55)).ok().filter(|time| *time > 0).map(Micros)
    });
    Some(Begin { gtid, committed, alone: None, xa: None })
}

/// `Gtid_event` with a tag, in the form of `mysql/serialization`: version, size, last field, then each field behind its number.
fn tagged(mut cursor: Cursor<'_>) -> Option<Begin> {
    for _ in 0..3 {
        cursor.variable()?;
    }
    let (mut server, mut number, mut tag, mut committed) = (0_u128, 0, Box::<str>::default(), None);
    // The fields come by their numbers; what comes after the time of commit does not matter here.
    while let Some(field) = cursor.variable() {
        match field {
            0 => drop(cursor.variable()?),
            1 => {
                for _ in 0..16 {
                    server = server << 8 | u128::from(u8::try_from(cursor.variable()?).ok()?);
                }
            }
            // A signed number: its sign is the lowest bit.
            2 => number = cursor.variable()? >> 1,
            3 => {
                let length = usize::try_from(cursor.variable()?).ok()?;
                tag = std::str::from_utf8(cursor.take(length)?).ok()?.into();
            }
            4 | 5 => drop(cursor.variable()?),
            6 => committed = i64::try_from(cursor.variable()?).ok().map(Micros),
            _ => break,
        }
    }
    Some(Begin { gtid: (number > 0).then_some(Gtid::Mysql { server, tag, number }), committed, alone: None, xa: None })
}

/// MariaDB's `Gtid_log_event`: number, domain, flags; a group's number; the kind of an XA transaction's identity, two lengths, both parts of it.
fn maria(header: &Header, mut cursor: Cursor<'_>) -> Option<Begin> {
    const STANDALONE: u8 = 0x01;
    const GROUP: u8 = 0x02;
    const PREPARED_XA: u8 = 0x40;
    let (number, domain, flags) = (cursor.number(8)?, cursor.word()?, cursor.byte()?);
    if flags & GROUP != 0 {
        cursor.number(8)?;
    }
    let xa = match flags & PREPARED_XA {
        0 => None,
        _ => {
            let (format, global, branch) = (cursor.word()?, cursor.byte()?, cursor.byte()?);
            Some(xid(cursor.take(usize::from(global))?, cursor.take(usize::from(branch))?, format))
        }
    };
    let gtid = Gtid::Mariadb { domain, server: header.server, number };
    // It says no time but that of its header.
    Some(Begin { gtid: Some(gtid), committed: None, alone: Some(flags & STANDALONE != 0), xa })
}

/// `XA_prepare_event`: one byte for one phase, the kind of identity, two lengths, both parts of it.
fn xa_prepare(mut cursor: Cursor<'_>) -> Option<Body<'static>> {
    let one_phase = cursor.byte()? != 0;
    let (format, global, branch) = (cursor.word()?, cursor.word()?, cursor.word()?);
    let (global, branch) = (cursor.take(usize::try_from(global).ok()?)?, cursor.take(usize::try_from(branch).ok()?)?);
    Some(Body::XaPrepare { one_phase, xid: xid(global, branch, format) })
}

fn xid(global: &[u8], branch: &[u8], format: u32) -> String {
    format!("{},{},{format}", quote::bytes(global), quote::bytes(branch))
}
