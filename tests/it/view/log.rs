//! The log's screen: what is searched for, long lines, hostile lines, lines that are gone; in every theme.

use super::{buffer, draw, fixtures};
use crate::app::harness::Harness;
use dbbackup::app::action::{Action, ScreenId};
use dbbackup::app::cmd::Cmd;
use dbbackup::app::model::Model;
use dbbackup::app::msg::{Msg, Reply};
use dbbackup::domain::job::JobId;
use dbbackup::engine::event::{Event, Level};
use dbbackup::view::look::{Depth, Glyphs, Look, Role, themes};
use ratatui::style::{Color, Modifier};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn say(harness: Harness, level: Level, text: &str) -> Harness {
    harness.send(Msg::Engine(JobId(1), Event::Log { level, text: text.into() }))
}

/// A log with a bit of everything, on its screen.
fn told() -> Harness {
    let mut harness = Harness::of(fixtures::running());
    for number in 1..=30 {
        harness = say(harness, Level::Info, &format!("shop.public.orders_{number}: {number},000 rows, 1.2 GB, 12 s"));
    }
    harness = say(
        harness,
        Level::Warn,
        "the slot Orders on the publisher stays: drop it there with SELECT pg_drop_replication_slot('orders') when nobody needs it any more",
    );
    harness = say(harness, Level::Error, fixtures::HOSTILE);
    harness = say(harness, Level::Info, "orders: proven equal");
    harness.send(Msg::Lagged(312)).act(Action::Screen(ScreenId::Log))
}

fn states() -> Vec<(&'static str, Model)> {
    vec![
        ("log_told", told().model),
        ("log_search", told().keys("/").types("ORDERS").model),
        ("log_found", told().keys("/").types("orders_7").keys("enter").model),
        ("log_only", told().keys("/").types("orders_1").keys("enter & f").model),
        ("log_wrapped", told().keys("w").model),
        ("log_moved", told().keys("right").model),
    ]
}

#[test]
fn every_state_at_two_sizes() {
    let (look, _) = Look::load("mono", Depth::Mono, Glyphs::Unicode, "");
    for (name, model) in states() {
        let mut text = String::new();
        for (cols, rows) in SIZES {
            let model = Harness::of(model.clone()).at(cols, rows).model;
            text.push_str(&format!("== {cols}x{rows}\n{}", draw(&model, &look, cols, rows)));
        }
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{name}");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, { insta::assert_snapshot!(name, text) });
    }
}

/// One letter for each role, in every theme: what is found stands out, warnings and errors are told apart.
#[test]
fn every_theme_marks_what_is_found() {
    let mut text = String::new();
    for theme in themes() {
        let depth = if theme == "mono" { Depth::Mono } else { Depth::True };
        let (look, _) = Look::load(theme, depth, Glyphs::Unicode, "");
        for (cols, rows) in SIZES {
            let model = told().keys("/").types("orders").at(cols, rows).model;
            let buffer = buffer(&model, &look, cols, rows);
            text.push_str(&format!("== {theme} {cols}x{rows}\n"));
            for row in 3..rows - 2 {
                let mut line = String::new();
                for col in 0..cols {
                    let cell = &buffer[(col, row)];
                    let role = [Role::Selected, Role::Bad, Role::Warn, Role::Ok, Role::Title, Role::Key, Role::Field, Role::Muted]
                        .into_iter()
                        .find(|role| {
                            let style = look.style(*role);
                            style != look.style(Role::Text)
                                && cell.fg == style.fg.unwrap_or(Color::Reset)
                                && cell.bg == style.bg.unwrap_or(Color::Reset)
                                && cell.modifier == style.add_modifier
                        });
                    let blank = cell.symbol() == " " && cell.bg == Color::Reset && !cell.modifier.contains(Modifier::REVERSED);
                    line.push(match role {
                        _ if blank => ' ',
                        Some(role) => role.name().chars().next().expect("a name"),
                        None => '.',
                    });
                }
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, { insta::assert_snapshot!("log_themes", text) });
}

#[test]
fn a_search_goes_to_what_it_found_and_on_from_match_to_match() {
    let harness = told().keys("n").shows("nothing is searched for").keys("/").types("orders_2").shows("11 found");
    let harness = harness.keys("enter").shows("orders_29: 29,000").hides("orders_30:").shows("held, 5 newer");
    let harness =
        harness.keys("n").hides("orders_29:").shows("orders_28:").keys("N").shows("orders_29:").keys("N").shows("no further match");
    let harness = harness.keys("&").shows("others hidden").hides("orders_19:").shows("orders_2:");
    harness.keys("esc f").shows("proven equal").shows("following");
}

#[test]
fn long_lines_are_cut_moved_and_wrapped() {
    let harness = told().at(80, 24).hides("any more").keys("w").shows("any more").keys("w").hides("any more");
    let harness = harness.keys("right right right right").shows("→ 64").shows("drop_replication_slot").hides("the slot");
    harness.keys("left left left left").shows("the slot").hides("→ ");
}

#[test]
fn from_a_job_to_its_lines_and_the_debug_log_is_saved_from_there() {
    let harness = say(Harness::of(fixtures::running()), Level::Info, "of job one");
    let mut harness = harness.send(Msg::Engine(JobId(9), Event::Log { level: Level::Info, text: "of another".into() })).keys("l");
    harness = harness.shows("Log of job 1").shows("of job one").hides("of another").quietly().keys("s");
    let asked = harness.take();
    let [Cmd::SaveDebugLog(id)] = asked.as_slice() else { panic!("{asked:?}") };
    harness.send(Msg::Done(*id, Ok(Reply::Saved("/tmp/debug.json".into())))).shows("saved as /tmp/debug.json");
}
