//! How names of databases and tables become names of entries, and back. No entry name can leave its folder.

use crate::domain::schema::{RowFormat, Table, TableKind};
use xxhash_rust::xxh3::xxh3_128;

/// The longest folder name that common file systems take, in bytes.
const FOLDER_LIMIT: usize = 255;

/// The longest entry name that a reader accepts, in bytes.
pub(super) const ENTRY_LIMIT: usize = 4096;

/// One path component: slashes, control and steering characters, `%`, quotes, backslashes and a leading dot are percent-encoded byte by
/// byte. The empty name, which no server has, becomes a lone `%`. [`decode`] is the way back.
pub fn component(name: &str) -> String {
    if name.is_empty() {
        return "%".to_owned();
    }
    let mut out = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        if is_unsafe(c) || (at == 0 && c == '.') { encode(c, &mut out) } else { out.push(c) }
    }
    out
}

/// The name that [`component`] made this of; none where it cannot have.
pub fn decode(component: &str) -> Option<String> {
    if component == "%" {
        return Some(String::new());
    }
    let mut out = Vec::with_capacity(component.len());
    let mut bytes = component.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

/// Characters that mean something to file systems, terminals, shells' quotes or psql's quotes.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '/' | '\\' | '%' | '\'' | '"' | '`')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn encode(c: char, out: &mut String) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        out.push_str(&format!("%{byte:02X}"));
    }
}

/// `databases/shop`.
pub fn database_dir(name: &str) -> String {
    format!("databases/{}", component(name))
}

/// `databases/shop/data/public.orders`, or the large objects' folders.
pub fn table_dir(database_dir: &str, table: &Table) -> String {
    match table.kind {
        TableKind::Table => format!("{database_dir}/data/{}", table_folder(&table.name.schema, &table.name.name)),
        TableKind::LargeObjectMetadata => format!("{database_dir}/large-objects/metadata"),
        TableKind::LargeObjectData => format!("{database_dir}/large-objects/data"),
    }
}

/// The first dot parts schema and table, so dots within the schema's name are encoded. A name that would be too long for a file system
/// (only one made of characters that are encoded can be) is cut and told apart by a hash; the manifest has the true name anyway.
fn table_folder(schema: &str, table: &str) -> String {
    let folder = match schema {
        "" => component(table),
        _ => format!("{}.{}", component(schema).replace('.', "%2E"), component(table)),
    };
    if folder.len() <= FOLDER_LIMIT {
        return folder;
    }
    let hash = format!("~{:032x}", xxh3_128(folder.as_bytes()));
    let mut end = FOLDER_LIMIT - hash.len();
    while !folder.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{hash}", &folder[..end])
}

/// The name of a chunk's entry: `databases/shop/data/public.orders/000017.copy`.
pub fn chunk(table_dir: &str, number: u32, format: RowFormat) -> String {
    let extension = match format {
        RowFormat::Text => "copy",
        RowFormat::Binary => "copybin",
        RowFormat::Tsv => "tsv",
    };
    format!("{table_dir}/{number:06}.{extension}")
}

/// Whether an entry may have this name: relative, without `.` and `..`, without control bytes, not absurdly long.
pub fn is_legal(entry: &str) -> bool {
    !entry.is_empty()
        && entry.len() <= ENTRY_LIMIT
        && !entry.chars().any(char::is_control)
        && entry.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && part.len() <= FOLDER_LIMIT)
}
