//! Every kind of failure reads well on the screen of its job: what it is, why, and the first thing to do, without a key pressed.

use super::{draw, fixtures};
use crate::app::harness::Harness;
use dbbackup::domain::{Code, Fault};
use dbbackup::view::look::{Depth, Glyphs, Look};

#[test]
fn a_failed_job_shows_its_error_and_what_to_do_first() {
    let (look, _) = Look::load("default-dark", Depth::True, Glyphs::Unicode, "");
    for code in Code::ALL.iter().filter(|code| !matches!(code, Code::Cancelled | Code::Terminated)) {
        let fault = Fault::new(*code, "cannot do it").at("Host", "db01:5432").at("Database", "shop").because("the root of it all").cured();
        let first = fault.steps[0].text.split_whitespace().next().expect("a word").to_owned();
        let model = fixtures::broken_by(fault);
        for (cols, rows) in [(80, 24), (120, 40)] {
            let shown = draw(&model, &look, cols, rows);
            for wanted in [code.as_str(), "the root of it all", &first] {
                assert!(shown.contains(wanted), "{} at {cols}x{rows}: no {wanted:?}\n{shown}", code.as_str());
            }
            let whole = draw(&Harness::of(model.clone()).keys("e").model, &look, cols, rows);
            assert!(whole.contains("cannot do it") && whole.contains("db01:5432"), "{} at {cols}x{rows}\n{whole}", code.as_str());
        }
    }
}
