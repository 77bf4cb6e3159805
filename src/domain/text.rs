//! Names from servers and archives are hostile: what a screen or a log line shows of them goes through here.

/// A word as a shell reads it back.
pub fn quoted(word: &str) -> String {
    shell_words::quote(word).into_owned()
}

/// The text with everything that could steer a terminal or mislead a reader made visible: control
/// characters (C0, C1, DEL) and line breaks as `\xNN`, bidirectional overrides and zero-width characters as `\u{…}`.
pub fn clean(text: &str) -> String {
    if !text.chars().any(is_hostile) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if !is_hostile(c) {
            out.push(c);
        } else if (c as u32) < 0x100 {
            out.push_str(&format!("\\x{:02x}", c as u32));
        } else {
            out.push_str(&format!("\\u{{{:x}}}", c as u32));
        }
    }
    out
}

fn is_hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The candidate nearest to `wanted` by edit distance, if it is near enough to be meant.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).max(1) + 1;
    candidates
        .into_iter()
        .map(|candidate| (distance(wanted, candidate), candidate))
        .filter(|(far, _)| *far <= limit)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance over characters, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().flat_map(char::to_lowercase).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let keep = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = keep.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_reach_no_terminal() {
        assert_eq!(clean("plain – ünïcode 表"), "plain – ünïcode 表");
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a\\x1b[2Jb\\x0ac");
        assert_eq!(clean("a\u{202e}b\u{9b}"), "a\\u{202e}b\\x9b");
    }

    #[test]
    fn finds_the_name_that_was_meant() {
        assert_eq!(nearest("shpo", ["shop", "billing"]), Some("shop"));
        assert_eq!(nearest("Shop", ["shop"]), Some("shop"));
        assert_eq!(nearest("zebra", ["shop", "billing"]), None);
    }
}
