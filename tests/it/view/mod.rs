//! What the screens look like.

pub mod fixtures;
mod log;
mod look;
mod picture;
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
