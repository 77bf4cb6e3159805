//! No size and no state makes a screen panic, write outside, or let a control character through.

use super::{buffer, fixtures, recovery};
use crate::app::harness::Harness;
use dbbackup::app::model::Model;
use dbbackup::view::look::{Depth, Glyphs, Look};
use proptest::prelude::*;

fn states() -> Vec<Model> {
    let keys = |model: Model, keys: &str| Harness::of(model).keys(keys).model;
    let mut hostile = fixtures::restore_plan();
    hostile.title = fixtures::HOSTILE.into();
    hostile.items[0].name = fixtures::HOSTILE.into();
    hostile.destroys = vec![fixtures::HOSTILE.into(); 40];
    hostile.confirm = Some(fixtures::HOSTILE.into());
    let mut states = vec![
        fixtures::at_plan(hostile),
        fixtures::waiting(),
        fixtures::finished(),
        fixtures::differing(),
        fixtures::broken(),
        fixtures::cancelled(),
        fixtures::diagnosed(),
        fixtures::past_reports(),
        keys(recovery::shown("6", recovery::report()), "p p p + +"),
        keys(recovery::shown("6", recovery::hostile()), "t"),
        keys(recovery::shown("6", recovery::failing()), "enter"),
        recovery::shown("7", recovery::report()),
        recovery::shown("7", recovery::hostile()),
        recovery::shown("7", recovery::off()),
    ];
    for model in [fixtures::opened(), fixtures::ready(), fixtures::failed(), fixtures::hostile(), fixtures::running()] {
        for path in [
            "1",
            "2",
            "2 tab",
            "3",
            "4",
            "5",
            "6",
            "7",
            "8",
            "9",
            "?",
            "5 d",
            "5 space space d",
            "5 /",
            "3 enter",
            "4 enter e",
            "4 c",
            "2 Y",
            ",",
            ", enter",
            ":",
            "q",
        ] {
            states.push(keys(model.clone(), path));
        }
    }
    states
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_size_will_do(cols in 0u16..210, rows in 0u16..64, ascii in any::<bool>()) {
        let glyphs = if ascii { Glyphs::Ascii } else { Glyphs::Unicode };
        let (look, _) = Look::load("default-dark", Depth::Ansi256, glyphs, "");
        for model in states() {
            let model = Harness::of(model).at(cols, rows).model;
            let buffer = buffer(&model, &look, cols, rows);
            prop_assert!(buffer.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
            if ascii {
                prop_assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()));
            }
        }
    }
}

#[test]
fn the_smallest_sizes_will_do() {
    let (look, _) = Look::load("mono", Depth::Mono, Glyphs::Unicode, "");
    for model in states() {
        for (cols, rows) in [(0, 0), (1, 1), (1, 60), (200, 1), (39, 9), (40, 10), (59, 15), (60, 16), (2, 2)] {
            let model = Harness::of(model.clone()).at(cols, rows).model;
            buffer(&model, &look, cols, rows);
        }
    }
}
