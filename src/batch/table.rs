//! Text tables of queries: columns as wide as their widest cell, numbers to the right.

use crate::domain::text::clean;
use unicode_width::UnicodeWidthStr;

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table with its heads. Cells are cleaned of what could steer a terminal.
pub fn table<const N: usize>(heads: [(&str, Side); N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().map(|row| row.map(|cell| clean(&cell))).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].width()).chain([heads[at].0.width()]).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = String::new();
    for row in std::iter::once(heads.map(|(head, _)| head.to_owned())).chain(rows) {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[at] - cell.width());
            match heads[at].1 {
                Side::Left => line.push_str(&format!("{cell}{gap}  ")),
                Side::Right => line.push_str(&format!("{gap}{cell}  ")),
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
