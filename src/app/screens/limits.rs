//! Options that are seldom changed, behind one field of a form: how long is waited, how often is tried again, where temporary things lie.

use crate::app::form::{Field, FieldId, Form};
use crate::domain::Connection;
use crate::domain::spec::{Care, Retries};
use std::path::PathBuf;

/// Closed first: most never need them.
const MORE: [&str; 2] = ["as configured", "set below"];
const KEEP: [&str; 2] = ["removed", "kept for a look"];

/// The most seconds that a field takes: nearly three hours; more is a matter for the configuration.
const LONGEST: u32 = 9999;

/// The field that opens them.
pub fn opener() -> Field {
    Field::choice(FieldId::More, "limits", &MORE, 0)
}

fn seconds(id: FieldId, label: &'static str, value: u64, low: u32) -> Field {
    Field::number(id, label, u32::try_from(value).unwrap_or(LONGEST).min(LONGEST), low, LONGEST)
}

/// Those of every job with a server.
pub fn of_backup(connection: &Connection) -> Vec<Field> {
    vec![
        seconds(FieldId::LockTimeout, "lock wait, s", connection.lock_timeout, 0),
        seconds(FieldId::NetworkTimeout, "silence, s", connection.network_timeout, 1),
    ]
}

/// Those of a restore.
pub fn of_restore(connection: &Connection) -> Vec<Field> {
    let mut fields = of_backup(connection);
    fields.extend([
        Field::number(FieldId::Retries, "retries", Retries::default().0, 0, 99),
        Field::text(FieldId::Workdir, "work folder", String::new()),
        Field::choice(FieldId::KeepTemp, "temp files", &KEEP, 0),
    ]);
    fields
}

/// Opens or closes them, as the field that opens them says. What is closed counts as configured.
pub fn changed(form: &mut Form, fields: Vec<Field>) {
    form.fields.retain(|field| !fields.iter().any(|one| one.id == field.id));
    if is_open(form) {
        let place = form.fields.iter().position(|field| field.id == FieldId::More).map_or(form.fields.len(), |at| at + 1);
        form.fields.splice(place..place, fields);
    }
}

fn is_open(form: &Form) -> bool {
    form.choice(FieldId::More) == 1
}

/// The connection with what was set.
pub fn connection(form: &Form, connection: &Connection) -> Connection {
    let mut connection = connection.clone();
    if is_open(form) {
        connection.lock_timeout = u64::from(form.number(FieldId::LockTimeout));
        connection.network_timeout = u64::from(form.number(FieldId::NetworkTimeout));
    }
    connection
}

/// What is done about bad luck, with what was set.
pub fn care(form: &Form, care: Care) -> Care {
    if !is_open(form) {
        return care;
    }
    let folder = form.text(FieldId::Workdir);
    Care {
        retries: Retries(form.number(FieldId::Retries)),
        workdir: (!folder.is_empty()).then(|| PathBuf::from(folder)),
        keep_temp: form.choice(FieldId::KeepTemp) == 1,
        ..care
    }
}
