//! What the screens look like.

mod codes;
pub mod fixtures;
mod log;
mod look;
mod picture;
pub mod recovery;
mod sizes;
mod snapshots;

use dbbackup::app::model::Model;
use dbbackup::view::look::Look;
use dbbackup::view::view;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

/// The cells at a size.
pub fn buffer(model: &Model, look: &Look, cols: u16, rows: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(cols, rows)).expect("a test terminal");
    terminal.draw(|frame| view(model, look, frame)).expect("it draws");
    terminal.backend().buffer().clone()
}

/// The text at a size, lines without blanks at their ends.
pub fn draw(model: &Model, look: &Look, cols: u16, rows: u16) -> String {
    let buffer = buffer(model, look, cols, rows);
    let mut out = String::new();
    for row in 0..rows {
        let mut line = String::new();
        let mut col = 0;
        while col < cols {
            let symbol = buffer[(col, row)].symbol();
            line.push_str(symbol);
            col += (unicode_width::UnicodeWidthStr::width(symbol).max(1)) as u16;
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The runs of cells of one style, a line for each row: text, foreground, background, modifiers.
pub fn styled(model: &Model, look: &Look, cols: u16, rows: u16) -> String {
    let buffer = buffer(model, look, cols, rows);
    let mut out = String::new();
    for row in 0..rows {
        let mut col = 0;
        let mut runs = Vec::new();
        while col < cols {
            let style = buffer[(col, row)].style();
            let mut text = String::new();
            while col < cols && buffer[(col, row)].style() == style {
                let symbol = buffer[(col, row)].symbol();
                text.push_str(symbol);
                col += unicode_width::UnicodeWidthStr::width(symbol).max(1) as u16;
            }
            if !text.trim().is_empty() || style.bg != buffer[(0, 0)].style().bg {
                let colour = |colour: Option<ratatui::style::Color>| colour.map_or_else(String::new, |colour| colour.to_string());
                let mods = format!("{:?}", style.add_modifier).replace("NONE", "");
                runs.push(format!("{:?}[{} {} {mods}]", text.trim_end(), colour(style.fg), colour(style.bg)));
            }
        }
        out.push_str(&format!("{row:>2} {}\n", runs.join(" ")));
    }
    out
}
