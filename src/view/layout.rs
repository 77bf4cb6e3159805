//! How a terminal of a size is divided: which form of the screen fits, and where its parts are.

use super::page::Size;

/// Which form of the screens fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Density {
    /// Below 40×10: one line of state.
    Line,
    /// Below 60×16: header, body, keys.
    Short,
    /// Below 100×30: everything, with less air.
    Compact,
    /// Room enough.
    Full,
}

/// The form for a size.
pub const fn density(cols: u16, rows: u16) -> Density {
    if cols < 40 || rows < 10 {
        Density::Line
    } else if cols < 60 || rows < 16 {
        Density::Short
    } else if cols < 100 || rows < 30 {
        Density::Compact
    } else {
        Density::Full
    }
}

/// The rows above the body: header, tabs, rule.
pub const fn above(density: Density) -> u16 {
    match density {
        Density::Line => 0,
        Density::Short => 1,
        Density::Compact | Density::Full => 3,
    }
}

/// The rows below it: rule, keys.
pub const fn below(density: Density) -> u16 {
    match density {
        Density::Line => 0,
        Density::Short => 1,
        Density::Compact | Density::Full => 2,
    }
}

/// The size of the body, inside its margins of one cell at either side.
pub fn body(cols: u16, rows: u16) -> Size {
    let density = density(cols, rows);
    Size { cols: usize::from(cols).saturating_sub(2), rows: usize::from(rows.saturating_sub(above(density) + below(density))) }
}
