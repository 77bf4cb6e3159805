//! Takes secrets out of texts that are shown or kept: errors, logs, reports, the audit. It knows the shapes in which secrets travel, and the
//! passwords of this run; nothing else may rely on it, since what never holds a secret needs no redaction.

use secrecy::{ExposeSecret as _, SecretString};
use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

/// What stands for a secret.
pub const MASK: &str = "********";

/// Words whose value is a secret, in small letters.
const WORDS: [&str; 5] = ["password", "passwd", "passphrase", "secret", "mysql_pwd"];

/// The passwords of this run. A server that is sent one, or a program that is given one, may say it back in an error.
static KNOWN: RwLock<Vec<SecretString>> = RwLock::new(Vec::new());

/// Shorter passwords are left to their shapes: a text in which every `a` is masked tells them rather than hides them.
const SHORTEST: usize = 6;

/// Remembers a password, which is masked from now on wherever it stands.
pub fn learn(password: &SecretString) {
    let text = password.expose_secret();
    let is_known = |known: &[SecretString]| known.iter().any(|known| known.expose_secret() == text);
    if text.len() >= SHORTEST && !is_known(&KNOWN.read().unwrap_or_else(PoisonError::into_inner)) {
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).push(password.clone());
    }
}

/// The text without passwords: those of this run; in URLs (`postgres://user:…@host`), in settings (`password=…`, `"password": "…"`) and in statements
/// (`PASSWORD '…'`).
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    for known in KNOWN.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if out.contains(known.expose_secret()) {
            out = Cow::Owned(out.replace(known.expose_secret(), MASK));
        }
    }
    if out.contains("://") {
        out = Cow::Owned(urls(&out));
    }
    for word in WORDS {
        if find(&out, word, 0).is_some() {
            out = Cow::Owned(values(&out, word));
        }
    }
    out
}

/// The place of an ASCII word in whatever case, from a byte on.
fn find(text: &str, word: &str, from: usize) -> Option<usize> {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    (from..(text.len() + 1).saturating_sub(word.len())).find(|at| text[*at..*at + word.len()].eq_ignore_ascii_case(word))
}

fn urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>' | '?')).unwrap_or(tail.len());
        // A password may hold a slash or a question mark that was not escaped: the last @ before a blank ends it.
        let blank = tail.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(tail.len());
        let host = tail[..blank].rfind('@').filter(|host| *host < end || tail[..*host].contains(':'));
        match host.and_then(|host| tail[..host].find(':').map(|colon| (colon, host))) {
            Some((colon, host)) => {
                out.push_str(&tail[..=colon]);
                out.push_str(MASK);
                rest = &tail[host..];
            }
            None => rest = tail,
        }
    }
    out.push_str(rest);
    out
}

fn values(text: &str, word: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(at) = find(text, word, from) {
        let behind = at + word.len();
        out.push_str(&text[from..behind]);
        from = behind;
        if let Some((start, end)) = value(text, behind) {
            out.push_str(&text[behind..start]);
            out.push_str(MASK);
            from = end;
        }
    }
    out.push_str(&text[from..]);
    out
}

/// Where the value behind a word begins and ends, if one follows: `=…`, `": "…"`, ` '…'`.
fn value(text: &str, behind: usize) -> Option<(usize, usize)> {
    let rest = &text[behind..];
    let after_quote = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    let trimmed = after_quote.trim_start();
    let (value, quoted_only) = match trimmed.chars().next()? {
        '=' => (trimmed[1..].trim_start(), false),
        ':' => (trimmed[1..].trim_start(), true),
        '\'' if trimmed.len() < rest.len() => (trimmed, true),
        _ => return None,
    };
    let start = text.len() - value.len();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    match quote {
        Some(quote) => {
            // A doubled quote and one behind a backslash belong to the value.
            let inside = &value[1..];
            let mut chars = inside.char_indices().peekable();
            while let Some((at, c)) = chars.next() {
                if c == '\\' {
                    chars.next();
                } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
                    return Some((start + 1, start + 1 + at));
                }
            }
            Some((start + 1, text.len()))
        }
        None if quoted_only => None,
        None => {
            let end = value.find(|c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'')).unwrap_or(value.len());
            (end > 0).then_some((start, start + end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_the_run_go_whatever_stands_around_them() {
        learn(&"q7-Tin drum".into());
        learn(&"q7-Tin drum".into());
        learn(&"short".into());
        assert_eq!(redact("FATAL: (q7-Tin drum)q7-Tin drum."), "FATAL: (********)********.");
        assert_eq!(redact("a short word"), "a short word");
    }

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (text, wanted) in [
            ("postgres://anna:geheim@db01:5432/shop", "postgres://anna:********@db01:5432/shop"),
            ("postgres://anna:ge@h/e?im@db01/shop next", "postgres://anna:********@db01/shop next"),
            ("see https://example.com/a:b and go", "see https://example.com/a:b and go"),
            ("host=db01 password=geheim user=anna", "host=db01 password=******** user=anna"),
            ("PGPASSWORD=geheim psql", "PGPASSWORD=******** psql"),
            ("MYSQL_PWD=geheim mysql", "MYSQL_PWD=******** mysql"),
            ("host=x password='ge''he im' user=y", "host=x password='********' user=y"),
            (r#"{"password": "ge\"heim", "user": "anna"}"#, r#"{"password": "********", "user": "anna"}"#),
            ("ALTER ROLE anna PASSWORD 'SCRAM-SHA-256$4096:x'", "ALTER ROLE anna PASSWORD '********'"),
            ("password authentication failed for user \"anna\"", "password authentication failed for user \"anna\""),
            ("--password-file=/etc/secret", "--password-file=/etc/secret"),
            ("wrong password: try again", "wrong password: try again"),
            ("password='never closed", "password='********"),
            ("ünï password=gehéim tail", "ünï password=******** tail"),
            ("", ""),
        ] {
            assert_eq!(redact(text), wanted, "{text}");
        }
    }
}
