//! What stands for a character on a terminal that has ASCII only.

use ratatui::buffer::Buffer;

/// Puts ASCII in place of everything else, cell by cell, so that no text needs two versions.
pub fn plain(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let c = cell.symbol().chars().next().map_or(' ', stand_in);
            cell.set_char(c);
        }
    }
}

const fn stand_in(c: char) -> char {
    match c {
        '─' | '—' | '–' => '-',
        '│' => '|',
        '└' => '`',
        '·' => '.',
        '…' => '~',
        '→' | '▸' | '▶' => '>',
        '━' => '=',
        '╳' => 'X',
        '▴' => '^',
        '┤' => '|',
        '┬' | '┯' => '+',
        '←' => '<',
        '▾' => 'v',
        '↓' => 'v',
        '↑' => '^',
        '✓' => '+',
        '✗' | '×' => 'x',
        '▲' => '!',
        '●' => '*',
        '█' => '#',
        '▉' | '▊' | '▋' | '▌' => '=',
        '▍' | '▎' | '▏' => '-',
        '▁' | '▂' => '_',
        '▃' | '▄' => '-',
        '▅' | '▆' => '=',
        '▇' => '#',
        '≈' => '~',
        _ => '?',
    }
}
