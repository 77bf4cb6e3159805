//! How a line looks: for people, or as JSON.

use super::record::Record;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

/// Who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// People.
    Text,
    /// Programs: an object a line.
    Json,
}

/// A record as a line without its end.
pub fn line(record: &Record, format: Format, run: &str) -> String {
    match format {
        Format::Text => {
            // Local time with its offset: the one who reads compares it with a clock on the wall and with other machines.
            let time = record.at.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z");
            format!("{time} {:<5} {run} {}", record.level, body(record))
        }
        Format::Json => Value::Object(json(record, run)).to_string(),
    }
}

/// The text behind time, level and run.
pub fn body(record: &Record) -> String {
    let job = record.job.map(|job| format!(" job {job}")).unwrap_or_default();
    let mut out = format!("{}{job}: {}", record.room, record.text);
    for (name, value) in &record.fields {
        match value {
            Value::String(text) if text.contains([' ', '"', '=']) || text.is_empty() => out.push_str(&format!(" {name}={text:?}")),
            Value::String(text) => out.push_str(&format!(" {name}={text}")),
            value => out.push_str(&format!(" {name}={value}")),
        }
    }
    if record.repeated > 0 {
        out.push_str(&format!(" (repeated {} times)", record.repeated));
    }
    out
}

/// The fields of a line.
pub fn json(record: &Record, run: &str) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("time".into(), record.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into());
    out.insert("level".into(), record.level.as_str().to_ascii_lowercase().into());
    out.insert("run".into(), run.into());
    if let Some(job) = record.job {
        out.insert("job".into(), job.into());
    }
    out.insert("room".into(), record.room.as_str().into());
    out.insert("message".into(), record.text.as_str().into());
    if record.repeated > 0 {
        out.insert("repeated".into(), record.repeated.into());
    }
    for (name, value) in &record.fields {
        // Our own fields keep their meaning whatever a line brings along.
        let name = if out.contains_key(*name) { format!("{name}_") } else { (*name).to_owned() };
        out.insert(name, value.clone());
    }
    out
}
