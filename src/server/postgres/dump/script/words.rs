//! Names and key words in the statements of a script.

/// Whether a COPY takes its rows from the script.
pub(super) fn reads_rows(head: &[u8]) -> bool {
    let mut bare = String::new();
    let mut quoted = false;
    for c in String::from_utf8_lossy(head).chars() {
        if c == '"' {
            quoted = !quoted;
        } else if !quoted {
            bare.push(if c.is_whitespace() { ' ' } else { c.to_ascii_uppercase() });
        }
    }
    let words: Vec<&str> = bare.split([' ', ')', '(']).filter(|word| !word.is_empty()).collect();
    words.windows(2).any(|pair| pair == ["FROM", "STDIN"])
}

pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// `$tag$` at the start.
pub(super) fn tag(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes[1..].iter().position(|byte| *byte == b'$')? + 1;
    let inside = &bytes[1..end];
    let legal = inside.iter().all(|byte| is_word(*byte)) && !inside.first().is_some_and(u8::is_ascii_digit);
    legal.then(|| &bytes[..=end])
}

/// The length of a name at the start of a text: its parts quoted or not, with dots between.
pub(super) fn name_length(text: &str) -> usize {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            c if !quoted && (c.is_whitespace() || matches!(c, '(' | ';')) => return at,
            _ => {}
        }
    }
    text.len()
}

/// A lone name at the start of a text, without its quotes.
pub(super) fn first_name(text: &str) -> Option<String> {
    whole_name(&text.as_bytes()[..name_length(text)])
}

/// A text that is one name.
pub(super) fn whole_name(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => Some(quoted.replace("\"\"", "\"")),
        None => (!text.is_empty() && !text.contains(['"', ' ', ';'])).then(|| text.to_owned()),
    }
}

/// The database of a `\\connect` as pg_dump and pg_dumpall write it: a name, or a connection string that has only `dbname`.
pub(super) fn target(rest: &str) -> Option<String> {
    let rest = rest.strip_prefix("-reuse-previous=on ").unwrap_or(rest).trim();
    let name = whole_name(rest.as_bytes())?;
    if let Some(value) = name.strip_prefix("dbname=") {
        let Some(quoted) = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) else {
            return (!value.contains([' ', '\'', '='])).then(|| value.to_owned());
        };
        let mut out = String::new();
        let mut chars = quoted.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => out.push(chars.next()?),
                '\'' => return None,
                c => out.push(c),
            }
        }
        return Some(out);
    }
    // What looks like a connection string could lead to another server.
    (!name.contains('=') && !name.contains("://") && !name.starts_with('-')).then_some(name)
}

/// `dbname='…'`, as libpq reads it.
pub fn conninfo(database: &str) -> String {
    format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'"))
}
