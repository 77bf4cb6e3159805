//! Events as JSON lines on stdout; the last line is the result.

use super::output;
use super::result;
use crate::app::model::{Model, Outcome};
use crate::app::msg::Msg;
use crate::runtime::run::Front;
use std::io;
use std::time::{Duration, Instant};

/// The version of the lines; it changes when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// Prints each event as it happens. Once nobody reads, it prints no more; the jobs go on.
#[derive(Debug, Default)]
pub struct JsonLines {
    deaf: bool,
}

impl JsonLines {
    fn line(&mut self, value: &serde_json::Value) {
        self.deaf = self.deaf || output::result(&format!("{value}\n")).is_err();
    }

    /// Prints the result.
    pub fn finish(&mut self, outcome: &Outcome) {
        if let Some(plan) = &outcome.plan {
            self.line(&serde_json::json!({ "v": VERSION, "event": "plan", "plan": plan }));
        }
        self.line(&result::json(outcome));
    }
}

impl Front for JsonLines {
    fn notice(&mut self, msg: &Msg) {
        match msg {
            Msg::Engine(job, event) => {
                let mut line = serde_json::json!({ "v": VERSION, "job": job });
                // An event is an object with a tag, or a tag and a text; its fields stand beside ours.
                if let (Some(line), Ok(serde_json::Value::Object(event))) = (line.as_object_mut(), serde_json::to_value(event)) {
                    line.extend(event);
                }
                self.line(&line);
            }
            Msg::Checked(_, check) => {
                let mut line = serde_json::json!({ "v": VERSION, "event": "checked" });
                if let (Some(line), Ok(serde_json::Value::Object(check))) = (line.as_object_mut(), serde_json::to_value(check)) {
                    line.extend(check);
                }
                self.line(&line);
            }
            Msg::Lagged(lost) => self.line(&serde_json::json!({ "v": VERSION, "event": "lagged", "lost": lost })),
            _ => {}
        }
    }

    fn show(&mut self, _model: &Model) -> io::Result<()> {
        Ok(())
    }

    fn gap(&self) -> Duration {
        Duration::ZERO
    }

    fn next_wake(&self) -> Option<Instant> {
        None
    }

    fn copy(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }

    fn theme(&mut self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn redraw(&mut self) -> io::Result<()> {
        Ok(())
    }
}
