//! One line of the log as data: made from a tracing event, cleaned, without secrets, of bounded size.

use crate::domain::redact::redact;
use crate::domain::text::clean;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt;
use tracing::Level;
use tracing::field::{Field, Visit};

/// The longest text of a line, in bytes; what is longer is cut and says so.
pub const LONGEST: usize = 8 << 10;

/// Our own targets begin with this; what is behind it is the room.
const OWN: &str = "dbbackup::";

/// A line.
#[derive(Clone, Debug)]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// How weighty.
    pub level: Level,
    /// Who says it: `engine`, `server::postgres::session`, or a library's name.
    pub room: String,
    /// Which job of the run it is about.
    pub job: Option<u64>,
    /// The text.
    pub text: String,
    /// Further facts.
    pub fields: Vec<(&'static str, Value)>,
    /// How often the same was said again; 0 for a line that stands for itself.
    pub repeated: u64,
}

impl Record {
    /// A line of the log's own.
    pub fn own(level: Level, text: impl Into<String>) -> Self {
        Self { at: Timestamp::now(), level, room: "runtime::log".into(), job: None, text: text.into(), fields: Vec::new(), repeated: 0 }
    }

    /// From a tracing event.
    pub fn of(event: &tracing::Event<'_>) -> Self {
        let meta = event.metadata();
        let room = meta.target();
        let mut record =
            Self { level: *meta.level(), room: room.strip_prefix(OWN).unwrap_or(room).to_owned(), ..Self::own(Level::INFO, "") };
        event.record(&mut record);
        record
    }

    /// Whether both say the same, whenever they say it.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.text == other.text
            && self.job == other.job
            && self.level == other.level
            && self.room == other.room
            && self.fields == other.fields
    }

    /// About how much memory it takes, in bytes.
    pub fn weight(&self) -> usize {
        let fields = self.fields.iter().map(|(_, value)| value.as_str().map_or(16, str::len) + 32);
        160 + self.text.len() + self.room.len() + fields.sum::<usize>()
    }

    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), &value) {
            ("message", Value::String(text)) => self.text.clone_from(text),
            ("job", Value::Number(number)) => self.job = number.as_u64().filter(|job| *job > 0),
            _ => self.fields.push((field.name(), value)),
        }
    }
}

/// Fit to be kept: no escapes, no secrets, not endless.
fn fit(text: &str) -> String {
    let mut text = clean(&redact(text));
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let gone = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("… ({gone} bytes more)"));
    }
    text
}

impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, Value::String(fit(&format!("{value:?}"))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, Value::String(fit(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }
}
