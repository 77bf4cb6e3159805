//! The checklist as it fills in: what answers look like, and what `--force` makes of them.

use crate::domain::plan::{Check, CheckState};
use crate::domain::{Code, text};
use crate::engine::Context;
use crate::engine::event::Event;

/// How many names are told before the rest is counted.
const NAMED: usize = 5;

/// One line, and whether a person may go on although it failed.
#[derive(Clone, Debug)]
pub struct Found {
    check: Check,
    may: May,
}

/// Whether `--force` gets past a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    GoOver,
    Never,
}

fn found(state: CheckState, name: &str, detail: String, cure: Option<String>, code: Option<Code>, may: May) -> Found {
    Found { check: Check { state, name: name.to_owned(), detail, cure, code }, may }
}

/// Fine.
pub fn ok(name: &str, detail: impl Into<String>) -> Found {
    found(CheckState::Ok, name, detail.into(), None, None, May::Never)
}

/// A line that another room has written.
pub fn given(check: Check) -> Found {
    Found { check, may: May::Never }
}

/// Worth knowing.
pub fn warn(name: &str, detail: impl Into<String>, cure: Option<String>) -> Found {
    found(CheckState::Warning, name, detail.into(), cure, None, May::Never)
}

/// Could not be found out.
pub fn unknown(name: &str, detail: impl Into<String>, cure: Option<String>) -> Found {
    found(CheckState::Unknown, name, detail.into(), cure, None, May::Never)
}

/// Cannot work: nothing gets past it.
pub fn refuse(code: Code, name: &str, detail: impl Into<String>, cure: Option<String>) -> Found {
    found(CheckState::Failed, name, detail.into(), cure, Some(code), May::Never)
}

/// Will fail, or is likely to; a person may decide to go on with what works.
pub fn obstacle(code: Code, name: &str, detail: impl Into<String>, cure: Option<String>) -> Found {
    found(CheckState::Failed, name, detail.into(), cure, Some(code), May::GoOver)
}

/// Where answers go.
pub struct Checklist<'a> {
    context: &'a Context,
    force: bool,
}

impl<'a> Checklist<'a> {
    /// An empty one. With `force`, failures that may be gone over become warnings.
    pub fn new(context: &'a Context, force: bool) -> Self {
        Self { context, force }
    }

    /// Says that something is being found out, and how far that is.
    pub fn at_work(&self, name: &str, detail: impl Into<String>) {
        self.post(&Check { state: CheckState::Running, name: name.into(), detail: detail.into(), cure: None, code: None });
    }

    /// Takes an answer and tells it.
    pub fn answer(&self, found: Vec<Found>) -> Vec<Check> {
        let checks: Vec<Check> = found.into_iter().map(|found| self.judged(found)).collect();
        checks.iter().for_each(|check| self.post(check));
        checks
    }

    fn judged(&self, Found { mut check, may }: Found) -> Check {
        if check.state == CheckState::Failed && may == May::GoOver {
            if self.force {
                check.state = CheckState::Warning;
                check.code = None;
                check.detail.push_str(" (gone over: --force)");
            } else {
                let cure = check.cure.map(|cure| format!("{cure} Or go on with what works: --force"));
                check.cure = Some(cure.unwrap_or_else(|| "Go on with what works: --force".into()));
            }
        }
        check
    }

    fn post(&self, check: &Check) {
        self.context.events.post(Event::Checked(check.clone()));
    }
}

/// Names for a line: the first ones, and how many there are beyond.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = names.into_iter().collect();
    let mut told = all.iter().take(NAMED).map(|name| text::clean(name)).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED {
        told.push_str(&format!(" and {} more", all.len() - NAMED));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::EventSink;
    use std::sync::{Arc, Mutex};
    use tokio_util::sync::CancellationToken;

    #[derive(Default)]
    struct Heard(Mutex<Vec<Event>>);

    impl EventSink for Heard {
        fn post(&self, event: Event) {
            self.0.lock().expect("no panic while it is held").push(event);
        }
    }

    #[test]
    fn force_gets_past_what_it_may_and_everything_is_told() {
        let heard = Arc::new(Heard::default());
        let context = Context { server: None, events: heard.clone(), cancel: CancellationToken::new() };
        let strict = Checklist::new(&context, false);
        let both = || vec![obstacle(Code::MissingObject, "a", "x", None), refuse(Code::PermissionDenied, "b", "y", None)];
        let checks = strict.answer(both());
        assert!(checks.iter().all(|check| check.state == CheckState::Failed));
        assert!(checks[0].cure.as_deref().is_some_and(|cure| cure.ends_with("--force")) && checks[1].cure.is_none());
        let checks = Checklist::new(&context, true).answer(both());
        assert_eq!((checks[0].state, checks[1].state), (CheckState::Warning, CheckState::Failed));
        assert_eq!(heard.0.lock().expect("no panic while it is held").len(), 4);
    }

    #[test]
    fn long_lists_are_counted() {
        assert_eq!(list(["a", "b"]), "a, b");
        assert_eq!(list(["1", "2", "3", "4", "5", "6\u{1b}", "7"]), "1, 2, 3, 4, 5 and 2 more");
    }
}
