//! What pg_restore and psql say while they work, and what their complaints mean.
//!
//! psql tells the SQLSTATE when it is asked to be verbose; pg_restore cannot be asked, so its complaints are known by their words alone.

use super::Item;
use crate::domain::{Code, Fault, text};
use crate::server::postgres::fault;
use std::collections::HashMap;

/// Complaints that are kept in full.
const KEPT: usize = 50;

/// What the words of a complaint mean: words, SQLSTATE.
const WORDS: &[(&str, &str)] = &[
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("authentication failed", "28000"),
    ("permission denied", "42501"),
    ("must be owner of", "42501"),
    ("must be superuser", "42501"),
    ("must be member of role", "42501"),
    ("due to lock timeout", "55P03"),
    ("due to user request", "57014"),
    ("due to statement timeout", "57014"),
    ("deadlock detected", "40P01"),
    ("max_locks_per_transaction", "53200"),
    ("No space left on device", "53100"),
    ("too many clients", "53300"),
    ("too many connections", "53300"),
    ("remaining connection slots", "53300"),
    ("terminating connection", "57P01"),
    ("server closed the connection", "08006"),
    ("connection to server", "08006"),
    ("could not connect", "08006"),
    ("unrecognized configuration parameter", "42704"),
    ("is not available", "0A000"),
    ("could not open extension control file", "58P01"),
    ("duplicate key value", "23505"),
    ("violates foreign key constraint", "23503"),
    ("violates not-null constraint", "23502"),
    ("violates check constraint", "23514"),
    ("invalid byte sequence", "22021"),
    ("has no equivalent in encoding", "22P05"),
    ("syntax error", "42601"),
    ("already exists", "42710"),
    ("does not exist", "42704"),
];

/// Something a program said that matters while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An entry is begun: its number where it is known, and the words.
    Began(Option<u32>, String),
    /// An entry is done.
    Finished(u32),
    /// Something for the log.
    Note(String),
}

/// A complaint as it grows line by line.
#[derive(Debug, Default)]
struct Complaint {
    first: String,
    place: Option<String>,
    more: Vec<(String, String)>,
    statement: Option<String>,
}

/// Reads what a program says.
#[derive(Debug, Default)]
pub struct Listener {
    names: HashMap<String, u32>,
    serial: Option<u32>,
    place: Option<String>,
    open: Option<Complaint>,
    complaints: Vec<Complaint>,
    /// How many there were; not all are kept.
    pub count: u64,
    /// Lines that come before the first of the dump.
    pub lead: u64,
}

impl Listener {
    /// For a dump with these entries.
    pub fn new(items: &[Item]) -> Self {
        let names = items.iter().filter(|item| item.kind == "TABLE DATA").map(|item| (item.title(), item.id)).collect();
        Self { names, ..Self::default() }
    }

    /// A line of pg_restore's.
    pub fn pg_restore(&mut self, line: &str, says: &mut dyn FnMut(Said)) {
        let Some(rest) = line.strip_prefix("pg_restore: ") else { return self.more(line) };
        self.close();
        let item = |rest: &str| {
            let (id, name) = rest.split_once(' ').unwrap_or((rest, ""));
            id.parse::<u32>().ok().map(|id| (id, name.to_owned()))
        };
        if let Some((id, name)) = rest.strip_prefix("launching item ").and_then(item) {
            says(Said::Began(Some(id), name));
        } else if let Some((id, _)) = rest.strip_prefix("finished item ").and_then(item) {
            says(Said::Finished(id));
        } else if let Some(name) = rest.strip_prefix("processing data for table ") {
            self.next_in_line(says);
            let name = name.trim_matches('"');
            self.serial = self.names.get(name).copied();
            says(Said::Began(self.serial, format!("TABLE DATA {name}")));
        } else if rest.starts_with("creating ") || rest.starts_with("executing ") {
            self.next_in_line(says);
            let (_, name) = rest.split_once(' ').unwrap_or_default();
            says(Said::Began(None, name.replace('"', "")));
        } else if let Some(place) = rest.strip_prefix("from TOC entry ") {
            // `214; 1259 16385 TABLE orders bob`
            self.place = Some(place.splitn(4, ' ').nth(3).unwrap_or(place).to_owned());
        } else if let Some(error) = rest.strip_prefix("error: ").or_else(|| rest.strip_prefix("fatal: ")) {
            self.open = Some(Complaint { first: error.to_owned(), place: self.place.take(), ..Complaint::default() });
        } else if let Some(warning) = rest.strip_prefix("warning: ") {
            says(Said::Note(warning.to_owned()));
        }
    }

    fn next_in_line(&mut self, says: &mut dyn FnMut(Said)) {
        if let Some(before) = self.serial.take() {
            says(Said::Finished(before));
        }
    }

    /// A line of psql's.
    pub fn psql(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("psql:<stdin>:") {
            self.close();
            let (number, message) = rest.split_once(": ").unwrap_or(("", rest));
            let number = number.parse::<u64>().ok().map(|number| number.saturating_sub(self.lead).max(1).to_string());
            self.open = Some(Complaint { first: message.to_owned(), place: number, ..Complaint::default() });
        } else if let Some(rest) = line.strip_prefix("psql: ") {
            self.close();
            let first = rest.strip_prefix("error: ").unwrap_or(rest).to_owned();
            self.open = Some(Complaint { first, ..Complaint::default() });
        } else {
            self.more(line);
        }
    }

    /// A line that belongs to the complaint before.
    fn more(&mut self, line: &str) {
        let Some(open) = &mut self.open else { return };
        if let Some(statement) = line.strip_prefix("Command was: ") {
            open.statement = Some(statement.to_owned());
        } else if let Some(statement) = &mut open.statement {
            if statement.len() < 4000 {
                statement.push('\n');
                statement.push_str(line);
            }
        } else if let Some((label, rest)) = line.split_once(":  ").filter(|(label, _)| label.chars().all(|c| c.is_uppercase())) {
            if label != "LOCATION" {
                open.more.push((label.to_owned(), rest.to_owned()));
            }
        } else if open.more.len() < 10 && !line.trim().is_empty() {
            open.more.push((String::new(), line.trim().to_owned()));
        }
    }

    fn close(&mut self) {
        let Some(complaint) = self.open.take() else { return };
        // What psql says with a SQLSTATE of success, of a warning or of no data stops nothing.
        if state_of(&complaint.first).is_some_and(|(state, _)| matches!(&state[..2], "00" | "01" | "02")) || is_notice(&complaint.first) {
            return;
        }
        self.count += 1;
        if self.complaints.len() < KEPT {
            self.complaints.push(complaint);
        }
    }

    /// Everything it complained of, in order.
    pub fn faults(mut self, program: &str) -> Vec<Fault> {
        self.close();
        self.complaints.iter().map(|complaint| complaint.fault(program)).collect()
    }
}

/// `ERROR:  42P01: relation "x" does not exist`, whatever the server's language: SQLSTATE and message.
fn state_of(message: &str) -> Option<(&str, &str)> {
    let (_, rest) = message.split_once(":  ")?;
    let (state, rest) = rest.split_once(": ")?;
    let is_state = state.len() == 5 && state.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_state.then_some((state, rest))
}

fn is_notice(message: &str) -> bool {
    ["NOTICE:  ", "WARNING:  ", "INFO:  ", "LOG:  ", "DEBUG"].iter().any(|label| message.starts_with(label))
}

impl Complaint {
    fn fault(&self, program: &str) -> Fault {
        let from_psql = program == "psql";
        let everything = std::iter::once(&self.first).chain(self.more.iter().map(|(_, text)| text)).cloned().collect::<Vec<_>>().join("\n");
        let (state, message) = match state_of(&self.first) {
            Some((state, message)) => (Some(state), message.to_owned()),
            None => {
                let known = WORDS.iter().find(|(words, _)| everything.contains(words)).map(|(_, state)| *state);
                let message = self
                    .first
                    .split_once("ERROR:  ")
                    .or_else(|| self.first.split_once("FATAL:  "))
                    .map_or(self.first.as_str(), |(_, it)| it);
                (known, message.to_owned())
            }
        };
        let code = state.map_or(Code::SqlFailed, |state| fault::server(state, &everything, &everything));
        let what = match (&self.place, from_psql) {
            (Some(line), true) => format!("the server refused line {line} of the dump"),
            (Some(entry), false) => format!("cannot restore {}", text::clean(entry)),
            (None, _) => format!("{program} failed"),
        };
        let mut fault = Fault::new(code, what).because(text::clean(&message));
        for (label, words) in &self.more {
            fault = match label.as_str() {
                "" => fault.at("Where", text::clean(words)),
                label => {
                    let label = format!(
                        "{}{}",
                        &label[..label.chars().next().map_or(0, char::len_utf8)],
                        label.chars().skip(1).collect::<String>().to_lowercase()
                    );
                    fault.at(&label, text::clean(words))
                }
            };
        }
        if let (Some(line), true) = (&self.place, from_psql) {
            fault = fault.at("Line", line);
        }
        if let Some(state) = state {
            fault = fault.with_sqlstate(state);
        }
        if let Some(statement) = &self.statement {
            fault = fault.with_statement(statement.trim_end());
        }
        fault::steps(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_of_pg_restore_have_their_place_statement_and_code() {
        let mut listener = Listener::new(&[]);
        let mut said = Vec::new();
        for line in [
            "pg_restore: while PROCESSING TOC:",
            "pg_restore: from TOC entry 215; 1259 16386 TABLE orders bob",
            "pg_restore: error: could not execute query: ERROR:  role \"bob\" does not exist",
            "Command was: ALTER TABLE public.orders",
            "  OWNER TO bob;",
            "",
            "pg_restore: error: COPY failed for table \"t\": ERROR:  duplicate key value violates unique constraint \"t_pkey\"",
            "DETAIL:  Key (a)=(1) already exists.",
            "CONTEXT:  COPY t, line 2",
            "pg_restore: warning: errors ignored on restore: 2",
        ] {
            listener.pg_restore(line, &mut |one| said.push(one));
        }
        assert_eq!(said, [Said::Note("errors ignored on restore: 2".into())]);
        assert_eq!(listener.count, 2);
        let faults = listener.faults("pg_restore");
        assert_eq!((faults[0].code, faults[0].sqlstate.as_deref()), (Code::MissingObject, Some("42704")));
        assert_eq!(faults[0].what, "cannot restore TABLE orders bob");
        assert_eq!(faults[0].statement.as_deref(), Some("ALTER TABLE public.orders\n  OWNER TO bob;"));
        assert_eq!(faults[1].sqlstate.as_deref(), Some("23505"));
        assert!(faults[1].context.contains(&("Context".into(), "COPY t, line 2".into())), "{faults:?}");
    }

    #[test]
    fn complaints_of_psql_have_their_line_and_sqlstate_in_any_language() {
        let mut listener = Listener { lead: 1, ..Listener::default() };
        for line in [
            "psql:<stdin>:3: HINWEIS:  00000: Tabelle fehlt, wird übersprungen",
            "LOCATION:  DropErrorMsgNonExistent, tablecmds.c:1304",
            "psql:<stdin>:42: FEHLER:  42P07: Relation »t« existiert bereits",
            "LINE 1: CREATE TABLE t (",
            "LOCATION:  heap_create_with_catalog, heap.c:1146",
        ] {
            listener.psql(line);
        }
        let faults = listener.faults("psql");
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].code, faults[0].sqlstate.as_deref()), (Code::DuplicateObject, Some("42P07")));
        assert_eq!(faults[0].what, "the server refused line 41 of the dump");
    }

    #[test]
    fn progress_comes_by_number_or_by_name() {
        let item = Item { id: 7, kind: "TABLE DATA".into(), schema: Some("public".into()), name: "t".into(), ..Item::default() };
        let mut listener = Listener::new(&[item]);
        let mut said = Vec::new();
        for line in [
            "pg_restore: processing data for table \"public.t\"",
            "pg_restore: creating INDEX \"public.i\"",
            "pg_restore: launching item 9 TABLE DATA u",
            "pg_restore: finished item 9 TABLE DATA u",
        ] {
            listener.pg_restore(line, &mut |one| said.push(one));
        }
        let began = |id, name: &str| Said::Began(id, name.into());
        assert_eq!(
            said,
            [
                began(Some(7), "TABLE DATA public.t"),
                Said::Finished(7),
                began(None, "INDEX public.i"),
                began(Some(9), "TABLE DATA u"),
                Said::Finished(9)
            ]
        );
    }
}
