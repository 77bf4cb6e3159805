//! Tables: columns with a width, a side and a rank. Where the room is short the columns of the highest rank go first; the width that is
//! left belongs to the column that can use it.

use super::look::Role;
use super::page::Row;
use super::text;

/// On which side a column's texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Texts.
    Left,
    /// Numbers.
    Right,
    /// Names of which both ends matter.
    Middle,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its headline.
    pub title: &'static str,
    /// Its width in cells; the least width of the one that grows.
    pub cells: usize,
    /// Where its texts stand.
    pub side: Side,
    /// 0 stays for ever; the highest goes first.
    pub rank: u8,
    /// The most that it grows to.
    pub most: usize,
}

/// A column of texts.
pub const fn texts(title: &'static str, cells: usize, rank: u8) -> Column {
    Column { title, cells, side: Side::Left, rank, most: cells }
}

/// A column of numbers.
pub const fn numbers(title: &'static str, cells: usize, rank: u8) -> Column {
    Column { title, cells, side: Side::Right, rank, most: cells }
}

/// A column that takes the room that is left.
pub const fn grows(title: &'static str, cells: usize, most: usize) -> Column {
    Column { title, cells, side: Side::Left, rank: 0, most }
}

/// The most that a column of these texts has a use for.
pub fn longest<'a>(texts: impl Iterator<Item = &'a str>, least: usize, most: usize) -> usize {
    texts.map(text::width).max().unwrap_or(0).clamp(least, most.max(least))
}

/// The same, cut in the middle.
pub const fn names(title: &'static str, cells: usize, most: usize) -> Column {
    Column { title, cells, side: Side::Middle, rank: 0, most }
}

impl Column {
    /// The same with a rank.
    pub const fn ranked(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }
}

/// The columns that fit, with their widths.
#[derive(Clone, Debug)]
pub struct Layout {
    columns: Vec<(usize, Column)>,
}

/// Cells between two columns.
const GAP: usize = 2;

impl Layout {
    /// Chooses columns for so many cells; a column of no width is none.
    pub fn new(columns: &[Column], cells: usize) -> Self {
        let mut kept: Vec<(usize, Column)> = columns.iter().copied().enumerate().filter(|(_, column)| column.cells > 0).collect();
        let need = |kept: &[(usize, Column)]| kept.iter().map(|(_, column)| column.cells + GAP).sum::<usize>().saturating_sub(GAP);
        while need(&kept) > cells {
            let Some(last) =
                kept.iter().enumerate().filter(|(_, (_, column))| column.rank > 0).max_by_key(|(at, (_, column))| (column.rank, *at))
            else {
                break;
            };
            let at = last.0;
            kept.remove(at);
        }
        let mut spare = cells.saturating_sub(need(&kept));
        // Columns that grow share the room; what one cannot use is the others'.
        while spare > 0 {
            let before = spare;
            for (_, column) in kept.iter_mut().filter(|(_, column)| column.most > column.cells) {
                if spare > 0 {
                    column.cells += 1;
                    spare -= 1;
                }
            }
            if spare == before {
                break;
            }
        }
        Self { columns: kept }
    }

    /// The headline.
    pub fn head(&self) -> Row {
        self.row_with(|at, column| (column.title.to_owned(), Role::Muted, at))
    }

    /// A line of cells, given by the number of the column.
    pub fn row(&self, cells: &[(String, Role)]) -> Row {
        self.row_with(|at, _| {
            let (text, role) = cells.get(at).cloned().unwrap_or_else(|| (String::new(), Role::Text));
            (text, role, at)
        })
    }

    /// The width of a column; 0 when it is not shown.
    pub fn cells(&self, at: usize) -> usize {
        self.columns.iter().find(|(known, _)| *known == at).map_or(0, |(_, column)| column.cells)
    }

    fn row_with(&self, cell: impl Fn(usize, &Column) -> (String, Role, usize)) -> Row {
        let mut row = Row::new();
        for (nth, (at, column)) in self.columns.iter().enumerate() {
            let (content, role, _) = cell(*at, column);
            let content = match column.side {
                Side::Left => text::left(&content, column.cells),
                Side::Right => text::right(&content, column.cells),
                Side::Middle => text::left(&text::cut_middle(&content, column.cells), column.cells),
            };
            if nth > 0 {
                row = row.gap(GAP);
            }
            row = row.then(content, role);
        }
        row
    }
}
