//! What a screen is built of: lines of styled texts that know their width, and lists that keep the cursor in sight.

use super::look::{Look, Role};
use super::text;
use ratatui::text::{Line, Span};

/// A size in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub cols: usize,
    /// Rows.
    pub rows: usize,
}

/// A line in the making.
#[derive(Clone, Debug, Default)]
pub struct Row {
    spans: Vec<(String, Role)>,
}

impl Row {
    /// An empty line.
    pub const fn new() -> Self {
        Self { spans: Vec::new() }
    }

    /// A line of one text.
    pub fn of(text: impl AsRef<str>, role: Role) -> Self {
        Self::new().then(text, role)
    }

    /// Adds a text, cleaned.
    #[must_use]
    pub fn then(mut self, text: impl AsRef<str>, role: Role) -> Self {
        self.spans.push((crate::domain::text::clean(text.as_ref()), role));
        self
    }

    /// Adds a gap.
    #[must_use]
    pub fn gap(self, cells: usize) -> Self {
        self.then(" ".repeat(cells), Role::Text)
    }

    /// The cells used so far.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|(text, _)| text::width(text)).sum()
    }

    /// Adds a text that ends at the column `cols`; the text is left out when it does not fit behind what is there.
    #[must_use]
    pub fn ending(self, text: impl AsRef<str>, role: Role, cols: usize) -> Self {
        let text = crate::domain::text::clean(text.as_ref());
        let used = self.width();
        let wide = text::width(&text);
        if used + wide + 1 > cols {
            return self;
        }
        self.gap(cols - used - wide).then(text, role)
    }

    /// Without the first cells; they are blanks of the first text.
    #[must_use]
    pub fn skip(mut self, cells: usize) -> Self {
        if let Some((first, _)) = self.spans.first_mut() {
            *first = first.chars().skip(cells).collect();
        }
        self
    }

    /// Cut to so many cells.
    #[must_use]
    pub fn cut(self, cells: usize) -> Self {
        let mut kept = Self::new();
        for (text, role) in self.spans {
            let room = cells.saturating_sub(kept.width());
            if room == 0 {
                break;
            }
            kept.spans.push((text::cut(&text, room), role));
        }
        kept
    }

    /// A text in lines of at most so many cells, each below the first set in by `indent`.
    pub fn wrapped(text: &str, role: Role, indent: usize, cells: usize) -> Vec<Self> {
        text::wrap(text, cells.saturating_sub(indent))
            .into_iter()
            .enumerate()
            .map(|(at, line)| if at == 0 { Self::of(line, role) } else { Self::new().gap(indent).then(line, role) })
            .collect()
    }

    /// The line without its roles.
    pub fn text(&self) -> String {
        self.spans.iter().map(|(text, _)| text.as_str()).collect()
    }

    /// Adds another line's texts.
    #[must_use]
    pub fn join(mut self, other: Row) -> Self {
        self.spans.extend(other.spans);
        self
    }

    /// The texts of one role in another, such as the full part of a bar that warns.
    #[must_use]
    pub fn recoloured(mut self, from: Role, to: Role) -> Self {
        self.spans.iter_mut().filter(|span| span.1 == from).for_each(|span| span.1 = to);
        self
    }

    /// Every text in one role, such as that of the line under the cursor.
    #[must_use]
    pub fn all(mut self, role: Role) -> Self {
        for span in &mut self.spans {
            span.1 = role;
        }
        self
    }

    /// Filled up with blanks of a role to so many cells.
    #[must_use]
    pub fn fill(self, cells: usize, role: Role) -> Self {
        let used = self.width();
        if used >= cells { self } else { self.then(" ".repeat(cells - used), role) }
    }

    /// The line as it is drawn, cut to so many cells.
    pub fn line(&self, look: &Look, cells: usize) -> Line<'static> {
        let mut spans = Vec::with_capacity(self.spans.len());
        let mut room = cells;
        for (text, role) in &self.spans {
            let wide = text::width(text);
            if wide > room {
                // Two cells of a margin are given up before a text is cut to nothing.
                if room > 0 {
                    spans.push(Span::styled(text::cut(text, room), look.style(*role)));
                }
                break;
            }
            room -= wide;
            spans.push(Span::styled(text.clone(), look.style(*role)));
        }
        Line::from(spans)
    }
}

/// The first row that is shown of a list, so that the cursor is in sight and the page is full.
pub fn offset(cursor: usize, len: usize, rows: usize) -> usize {
    if len <= rows {
        return 0;
    }
    cursor.saturating_sub(rows / 2).min(len - rows)
}

/// The part of a list that is shown, with the cursor in sight; lines that are out of sight are counted at the right of the last.
pub fn window<T>(items: Vec<T>, cursor: usize, rows: usize) -> Vec<T> {
    let from = offset(cursor, items.len(), rows);
    items.into_iter().skip(from).take(rows).collect()
}
