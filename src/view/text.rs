//! Texts by the cell: widths, cuts, padding. Whatever a server or an archive named is cleaned first.

use crate::domain::text::clean;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The cells that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, cut to so many cells; a cut is marked by `…`.
pub fn cut(text: &str, cells: usize) -> String {
    let text = clean(text);
    if width(&text) <= cells {
        return text;
    }
    if cells == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > cells - 1 {
            break;
        }
        used += wide;
        out.push(c);
    }
    out.push('…');
    out
}

/// The text, cut in its middle so that both ends are seen: for file names.
pub fn cut_middle(text: &str, cells: usize) -> String {
    let text = clean(text);
    if width(&text) <= cells {
        return text;
    }
    if cells < 8 {
        return cut(&text, cells);
    }
    let tail_cells = (cells - 1) / 2;
    let mut tail: Vec<char> = Vec::new();
    let mut used = 0;
    for c in text.chars().rev() {
        let wide = c.width().unwrap_or(0);
        if used + wide > tail_cells {
            break;
        }
        used += wide;
        tail.push(c);
    }
    let head = cut(&text, cells - used);
    tail.reverse();
    head + &tail.into_iter().collect::<String>()
}

/// Cut and filled up to exactly so many cells, at the left.
pub fn left(text: &str, cells: usize) -> String {
    let mut out = cut(text, cells);
    out.extend(std::iter::repeat_n(' ', cells.saturating_sub(width(&out))));
    out
}

/// Cut and filled up to exactly so many cells, at the right.
pub fn right(text: &str, cells: usize) -> String {
    let text = cut(text, cells);
    let mut out = " ".repeat(cells.saturating_sub(width(&text)));
    out.push_str(&text);
    out
}

/// The text in lines of at most so many cells, broken at spaces where there are any.
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in clean(text).split(' ') {
        let mut word = word.to_owned();
        loop {
            let gap = usize::from(!line.is_empty());
            if width(&line) + gap + width(&word) <= cells {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(&word);
                break;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                continue;
            }
            // One word is longer than a line: it is broken where the line ends.
            let mut head = String::new();
            let mut used = 0;
            for c in word.chars() {
                let wide = c.width().unwrap_or(0);
                if used + wide > cells && !head.is_empty() {
                    break;
                }
                used += wide;
                head.push(c);
            }
            word = word[head.len()..].to_owned();
            lines.push(head);
            if word.is_empty() {
                break;
            }
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// A count in three digits and a unit, always of the same width class: `812`, `14.2 k`, `9.9 M`.
pub fn count(count: u64) -> String {
    const UNITS: [&str; 5] = ["k", "M", "G", "T", "P"];
    if count < 10_000 {
        return crate::domain::size::grouped(count);
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value >= 99.95 { 0 } else { 1 };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// "1 table", "2 tables".
pub fn plural(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {many}", crate::domain::size::grouped(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_by_cells_not_by_characters() {
        assert_eq!(cut("表表表表", 5), "表表…");
        assert_eq!(width(&left("表表表表", 6)), 6);
        assert_eq!(right("7", 3), "  7");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(cut_middle("db_shop_20260130_143000_CET.tar.zst", 20), "db_shop_20…T.tar.zst");
    }

    #[test]
    fn wraps_at_spaces_and_breaks_long_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
