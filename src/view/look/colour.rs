//! Colours as theme files write them, brought down to what the terminal has.

use super::Depth;
use ratatui::style::Color;

/// The sixteen colours with their names and usual values (xterm's defaults).
const ANSI: [(&str, Color, [u8; 3]); 16] = [
    ("black", Color::Black, [0, 0, 0]),
    ("red", Color::Red, [205, 0, 0]),
    ("green", Color::Green, [0, 205, 0]),
    ("yellow", Color::Yellow, [205, 205, 0]),
    ("blue", Color::Blue, [0, 0, 238]),
    ("magenta", Color::Magenta, [205, 0, 205]),
    ("cyan", Color::Cyan, [0, 205, 205]),
    ("gray", Color::Gray, [229, 229, 229]),
    ("dark-gray", Color::DarkGray, [127, 127, 127]),
    ("light-red", Color::LightRed, [255, 0, 0]),
    ("light-green", Color::LightGreen, [0, 255, 0]),
    ("light-yellow", Color::LightYellow, [255, 255, 0]),
    ("light-blue", Color::LightBlue, [92, 92, 255]),
    ("light-magenta", Color::LightMagenta, [255, 0, 255]),
    ("light-cyan", Color::LightCyan, [0, 255, 255]),
    ("white", Color::White, [255, 255, 255]),
];

/// Reads `#rrggbb`, one of the sixteen names, or `reset`.
pub fn read(text: &str, depth: Depth) -> Result<Color, String> {
    if depth == Depth::Mono || text == "reset" {
        return Ok(Color::Reset);
    }
    if let Some((_, colour, _)) = ANSI.iter().find(|(name, ..)| *name == text) {
        return Ok(*colour);
    }
    let rgb = hex(text).ok_or_else(|| format!("{text:?} is not a colour: write #rrggbb or a name such as light-red"))?;
    Ok(match depth {
        Depth::True => Color::Rgb(rgb[0], rgb[1], rgb[2]),
        Depth::Ansi256 => Color::Indexed(nearest_256(rgb)),
        Depth::Ansi16 => ANSI.iter().min_by_key(|(_, _, known)| far(*known, rgb)).map_or(Color::Reset, |(_, colour, _)| *colour),
        Depth::Mono => Color::Reset,
    })
}

fn hex(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#')?;
    if digits.len() != 6 || !digits.is_ascii() {
        return None;
    }
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

fn far(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

/// The nearest of the 6×6×6 cube (16 to 231) and the greys (232 to 255).
fn nearest_256(rgb: [u8; 3]) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |value: u8| (0..6).min_by_key(|at| STEPS[*at].abs_diff(value)).unwrap_or(0);
    let cube = rgb.map(step);
    let cube_rgb = cube.map(|at| STEPS[at]);
    let grey = (0..24u8).min_by_key(|at| far([8 + at * 10; 3], rgb)).unwrap_or(0);
    if far([8 + grey * 10; 3], rgb) < far(cube_rgb, rgb) { 232 + grey } else { 16 + (cube[0] * 36 + cube[1] * 6 + cube[2]) as u8 }
}
