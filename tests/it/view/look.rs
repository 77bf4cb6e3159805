//! Themes: complete, readable, honest without colour.

use super::{buffer, fixtures, recovery};
use crate::app::harness::Harness;
use dbbackup::view::look::{Depth, Glyphs, Look, Role, themes};
use ratatui::style::{Color, Modifier};

#[test]
fn every_theme_loads_at_every_depth() {
    for theme in themes() {
        for depth in [Depth::Mono, Depth::Ansi16, Depth::Ansi256, Depth::True] {
            let (look, problem) = Look::load(theme, depth, Glyphs::Unicode, "");
            assert_eq!(problem, None, "{theme} at {depth:?}");
            assert_ne!(look.style(Role::Selected), look.style(Role::Text), "{theme} at {depth:?}: the cursor cannot be seen");
            for role in Role::ALL {
                let style = look.style(role);
                let fits = |colour: Option<Color>| match (colour, depth) {
                    (None | Some(Color::Reset), _) => true,
                    (Some(_), Depth::Mono) => false,
                    (Some(Color::Rgb(..)), depth) => depth == Depth::True,
                    (Some(Color::Indexed(_)), depth) => depth == Depth::Ansi256,
                    (Some(_), _) => true,
                };
                assert!(fits(style.fg) && fits(style.bg), "{theme} {role:?} at {depth:?}: {style:?}");
            }
        }
    }
}

#[test]
fn a_theme_that_cannot_be_read_falls_back_and_says_so() {
    let (default, _) = Look::load("default-dark", Depth::True, Glyphs::Unicode, "");
    for (theme, overrides, words) in [
        ("no-such", "", "no theme"),
        ("default-dark", "[roles]\ntext = 7", "cannot be read"),
        ("default-dark", "[roles]\nshiny = { fg = \"red\" }", "no role"),
        ("default-dark", "[roles]\ntext = { fg = \"#12\" }", "not a colour"),
        ("default-dark", "[roles]\ntext = { mods = [\"blinking\"] }", "no modifier"),
    ] {
        let (look, problem) = Look::load(theme, Depth::True, Glyphs::Unicode, overrides);
        assert!(problem.as_ref().is_some_and(|problem| problem.contains(words)), "{problem:?}");
        assert_eq!(look, default);
    }
    let (own, problem) = Look::load("default-dark", Depth::True, Glyphs::Unicode, "[roles]\nbad = { fg = \"#ff0000\" }");
    assert_eq!((own.style(Role::Bad).fg, problem), (Some(Color::Rgb(255, 0, 0)), None));
    assert_eq!(own.style(Role::Ok), default.style(Role::Ok));
}

/// Without colours the selected row is inverse, and no cell carries a colour: the terminal library would reset it with them.
#[test]
fn without_colour_the_selected_row_is_inverse() {
    let (look, _) = Look::load("default-dark", Depth::Mono, Glyphs::Unicode, "");
    let model = Harness::new().at(80, 24).keys("5").model;
    let buffer = buffer(&model, &look, 80, 24);
    assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    let inverse: Vec<u16> = (3..22).filter(|row| buffer[(10, *row)].modifier.contains(Modifier::REVERSED)).collect();
    assert_eq!(inverse.len(), 1, "{inverse:?}");
}

fn luminance(rgb: (u8, u8, u8)) -> f64 {
    let part = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.039_28 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(rgb.0) + 0.7152 * part(rgb.1) + 0.0722 * part(rgb.2)
}

/// WCAG's contrast ratio.
fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn texts_stand_out_from_their_ground() {
    for (theme, ground) in
        [("default-dark", (16, 20, 24)), ("colour-blind", (16, 20, 24)), ("high-contrast", (0, 0, 0)), ("default-light", (255, 255, 255))]
    {
        let (look, _) = Look::load(theme, Depth::True, Glyphs::Unicode, "");
        for role in Role::ALL {
            let least = match role {
                Role::Rule | Role::Track => continue,
                _ => 4.5,
            };
            let style = look.style(role);
            let rgb = |colour: Option<Color>, other| match colour {
                Some(Color::Rgb(r, g, b)) => (r, g, b),
                _ => other,
            };
            let ratio = contrast(rgb(style.fg, ground), rgb(style.bg, ground));
            assert!(ratio >= least, "{theme} {role:?}: {ratio:.1}");
        }
    }
}

/// Good, doubtful and bad are apart for people who see no red, no green or no blue (Viénot, Brettel and Mollon 1999, in linear light).
#[test]
fn states_are_apart_for_colour_blind_eyes() {
    const SIMULATIONS: [[[f64; 3]; 3]; 3] = [
        [[0.112_38, 0.887_62, 0.0], [0.112_38, 0.887_62, 0.0], [0.004_01, -0.004_01, 1.0]],
        [[0.292_75, 0.707_25, 0.0], [0.292_75, 0.707_25, 0.0], [-0.022_34, 0.022_34, 1.0]],
        [[1.0, 0.144_61, -0.144_61], [0.0, 0.859_24, 0.140_76], [0.0, 0.859_24, 0.140_76]],
    ];
    let (look, _) = Look::load("colour-blind", Depth::True, Glyphs::Unicode, "");
    let linear = |role: Role| match look.style(role).fg {
        Some(Color::Rgb(r, g, b)) => [r, g, b].map(|value| (f64::from(value) / 255.0).powf(2.2)),
        other => panic!("{role:?} has {other:?}"),
    };
    for simulation in SIMULATIONS {
        let seen = |role: Role| {
            let rgb = linear(role);
            simulation
                .map(|row| row.iter().zip(rgb).map(|(weight, value)| weight * value).sum::<f64>().clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0)
        };
        for (a, b) in [(Role::Ok, Role::Warn), (Role::Ok, Role::Bad), (Role::Warn, Role::Bad)] {
            let (x, y) = (seen(a), seen(b));
            let apart = x.iter().zip(y).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(apart > 60.0, "{a:?} and {b:?} are {apart:.0} apart");
        }
    }
}

/// One letter for each role that a style belongs to: text snapshots drop colours.
#[test]
fn styles_stand_where_they_belong() {
    let (look, _) = Look::load("default-dark", Depth::True, Glyphs::Unicode, "");
    for (name, model) in [
        ("styles_job", fixtures::waiting()),
        ("styles_archives", Harness::new().keys("5").model),
        ("styles_plan", fixtures::at_plan(fixtures::restore_plan())),
        ("styles_pitr", Harness::of(recovery::shown("6", recovery::report())).keys("p p p").model),
        ("styles_wal", recovery::shown("7", recovery::failing())),
    ] {
        let model = Harness::of(model).at(80, 24).model;
        let buffer = buffer(&model, &look, 80, 24);
        // What a role leaves open is that of the text below it.
        let below = look.style(Role::Text);
        let ground = below.bg.unwrap_or(Color::Reset);
        let letter = |cell: &ratatui::buffer::Cell| {
            if cell.symbol() == " " && !cell.modifier.contains(Modifier::REVERSED) && cell.bg == ground {
                return ' ';
            }
            Role::ALL
                .into_iter()
                .find(|role| {
                    let style = look.style(*role);
                    cell.fg == style.fg.or(below.fg).unwrap_or(Color::Reset)
                        && cell.bg == style.bg.unwrap_or(ground)
                        && cell.modifier == style.add_modifier
                })
                .map_or('?', |role| match role {
                    Role::Text => '.',
                    Role::Track => '_',
                    Role::Tab => '#',
                    role => role.name().chars().next().expect("a name"),
                })
        };
        let text: String = (0..24u16)
            .map(|row| (0..80u16).map(|col| letter(&buffer[(col, row)])).collect::<String>().trim_end().to_owned() + "\n")
            .collect();
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, { insta::assert_snapshot!(name, text) });
    }
}
