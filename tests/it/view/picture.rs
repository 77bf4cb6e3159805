//! The picture of a screen in the README is what the program draws.

use super::{buffer, fixtures};
use dbbackup::app::model::Model;
use dbbackup::view::look::{Depth, Glyphs, Look};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;

/// A cell of the picture, in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
/// Around the screen.
const MARGIN: f64 = 12.0;

/// The screen as SVG: texts as text, blocks and rules as shapes, for fonts differ in where they put those.
fn svg(buffer: &Buffer, ground: &str, ink: &str) -> String {
    let (cols, rows) = (buffer.area.width, buffer.area.height);
    let (width, height) = (f64::from(cols) * CELL.0 + 2.0 * MARGIN, f64::from(rows) * CELL.1 + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <title>A cluster being restored: overall progress, speed, each database</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{ground}\"/>\n"
    );
    for row in 0..rows {
        let mut col = 0;
        while col < cols {
            let first = &buffer[(col, row)];
            let mut text = String::new();
            let from = col;
            while col < cols && same(first, &buffer[(col, row)]) && !(col > from && is_shape(&buffer[(col, row)]) != is_shape(first)) {
                text.push_str(buffer[(col, row)].symbol());
                col += 1;
            }
            run(&mut out, (from, row), &text, first, (ground, ink));
        }
    }
    out.push_str("</svg>\n");
    out
}

fn same(a: &Cell, b: &Cell) -> bool {
    (a.fg, a.bg, a.modifier) == (b.fg, b.bg, b.modifier)
}

fn is_shape(cell: &Cell) -> bool {
    cell.symbol().chars().all(|c| shape(c).is_some())
}

/// Left, top, width, height of a block or rule, in parts of a cell.
fn shape(c: char) -> Option<(f64, f64, f64, f64)> {
    match c {
        '─' => Some((0.0, 0.5, 1.0, 0.06)),
        // Eighths from below, then eighths from the left.
        '▁'..='█' => {
            let part = f64::from(c as u32 - 0x2580) / 8.0;
            Some((0.0, 1.0 - part, 1.0, part))
        }
        '▉'..='▏' => Some((0.0, 0.0, f64::from(0x2590 - c as u32) / 8.0, 1.0)),
        _ => None,
    }
}

fn colour(colour: Color, other: &str) -> String {
    match colour {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        _ => other.to_owned(),
    }
}

fn run(out: &mut String, (col, row): (u16, u16), text: &str, cell: &Cell, (ground, ink): (&str, &str)) {
    let (mut fg, mut bg) = (colour(cell.fg, ink), colour(cell.bg, ground));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut fg, &mut bg);
    }
    let (x, y) = (MARGIN + f64::from(col) * CELL.0, MARGIN + f64::from(row) * CELL.1);
    let count = text.chars().count();
    let wide = count as f64 * CELL.0;
    if bg != ground {
        let _ = writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" fill=\"{bg}\"/>", CELL.1);
    }
    if text.chars().all(|c| shape(c).is_some()) {
        for (nth, c) in text.chars().enumerate() {
            let (left, top, width, height) = shape(c).expect("all are shapes");
            let _ = writeln!(
                out,
                "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{fg}\" shape-rendering=\"crispEdges\"/>",
                x + (nth as f64 + left) * CELL.0,
                y + top * CELL.1,
                width * CELL.0,
                height * CELL.1
            );
        }
        return;
    }
    if text.trim().is_empty() {
        return;
    }
    let lead = count - text.trim_start().chars().count();
    let shown = text.trim();
    let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let line = if cell.modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    let escaped = shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" fill=\"{fg}\"{weight}{line}>{escaped}</text>",
        x + lead as f64 * CELL.0,
        y + 13.5,
        shown.chars().count() as f64 * CELL.0
    );
}

fn picture(model: &Model) -> String {
    let (look, problem) = Look::load("default-dark", Depth::True, Glyphs::Unicode, "");
    assert_eq!(problem, None);
    svg(&buffer(model, &look, 100, 30), "#101418", "#d0d0d0")
}

#[test]
fn the_picture_in_the_readme_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/jobs.svg");
    let fresh = picture(&crate::app::harness::Harness::of(fixtures::running()).model);
    if std::env::var_os("DBBACKUP_WRITE_DOCS").is_some() {
        std::fs::write(path, &fresh).expect("docs/jobs.svg can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == fresh, "docs/jobs.svg is not what the program draws: run the tests with DBBACKUP_WRITE_DOCS=1");
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md");
    assert!(readme.contains("](docs/jobs.svg)"), "README.md shows it");
}
