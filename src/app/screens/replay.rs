//! A recovery by the binary log: the form between PITR and the plan, on a server of MySQL or MariaDB.

use super::{binlog, pitr};
use crate::app::form::{Field, FieldId, Form};
use crate::app::model::Model;
use crate::app::screens::recover::RecoverScreen;
use crate::domain::binlog::{LogBackup, LogScope};
use crate::domain::recovery::{Bound, Micros};
use crate::domain::spec::{Binlog, JobSpec, ReplayBase};
use std::path::PathBuf;

const EXISTING: [&str; 2] = ["must not exist", "drop those that exist first"];
const BOUND: [&str; 2] = ["with what is at the moment", "without it"];
/// What becomes of it in the server's own binary log, here and in the form of a restore.
pub const LOGGED: [&str; 2] = ["written into the binary log", "left out of the binary log"];

/// The longest name of a database.
const LONGEST: usize = 64;

/// What the form was made for: a moment, or the end of the archive; and the backup that leads there.
pub type Made = (Option<Micros>, PathBuf);

/// Shows the form. Coming back for the same keeps what was filled in.
pub fn open(model: &mut Model) -> Result<(), String> {
    // Without a way to the moment there is nothing to fill in.
    binlog::spec(model)?;
    let backup = binlog::base(model).ok_or("there is no backup that leads there")?;
    let made = (model.recovery.moment, backup.path.clone());
    if model.recover.replay.as_ref() != Some(&made) {
        let form = form(backup, model.recovery.moment);
        model.recover = RecoverScreen { replay: Some(made), form, ..RecoverScreen::default() };
    }
    Ok(())
}

/// Harmless defaults: everything in the backup under its own name, and nothing is dropped.
fn form(backup: &LogBackup, moment: Option<Micros>) -> Form {
    let mut fields = Vec::new();
    if backup.scope == LogScope::Server {
        fields.push(Field::text(FieldId::Only, "only database", String::new()));
    }
    fields.push(Field::text(FieldId::Target, "under the name", String::new()));
    fields.push(Field::choice(FieldId::Existing, "databases", &EXISTING, 0));
    if moment.is_some() {
        fields.push(Field::choice(FieldId::Bound, "up to it", &BOUND, 0));
    }
    fields.push(Field::choice(FieldId::Logged, "the recovery is", &LOGGED, 0));
    Form::new(fields)
}

/// Whether the form of the recovery is this one.
pub fn is_shown(model: &Model) -> bool {
    model.recover.replay.is_some() && pitr::foreign(model).is_some()
}

/// What is wrong with a field, if anything.
pub fn problem(model: &Model, id: FieldId) -> Option<String> {
    let form = &model.recover.form;
    let text = form.text(id);
    let has_only = form.fields.iter().any(|field| field.id == FieldId::Only);
    match id {
        FieldId::Only if !text.is_empty() => {
            let backup = binlog::base(model)?;
            let unknown = !backup.databases.contains(&text);
            unknown.then(|| format!("not in that backup, which has {}", some(&backup.databases)))
        }
        FieldId::Target if text.chars().count() > LONGEST => Some(format!("at most {LONGEST} characters")),
        FieldId::Target if !text.is_empty() && has_only && form.text(FieldId::Only).is_empty() => {
            Some("one database gets another name: say which one above".to_owned())
        }
        _ => form.out_of_range(id),
    }
}

/// The first names of many.
fn some(names: &[String]) -> String {
    const TOLD: usize = 4;
    let told = names.iter().take(TOLD).map(|name| crate::domain::text::clean(name)).collect::<Vec<_>>().join(", ");
    if names.len() > TOLD { format!("{told}, …") } else { told }
}

/// The job: its plan says whether it goes, and nothing is changed before that is confirmed.
pub fn spec(model: &Model) -> Result<JobSpec, String> {
    let form = &model.recover.form;
    if let Some(wrong) = form.fields.iter().find_map(|field| problem(model, field.id).map(|problem| format!("{}: {problem}", field.label)))
    {
        return Err(wrong);
    }
    let JobSpec::Replay(mut spec) = binlog::spec(model)? else { return Err("this server is recovered in another way".to_owned()) };
    let given = |id| Some(form.text(id)).filter(|text| !text.is_empty());
    spec.database = given(FieldId::Only).or(spec.database);
    spec.rename = given(FieldId::Target);
    if form.choice(FieldId::Bound) == 1 {
        spec.bound = Bound::Exclusive;
    }
    if form.choice(FieldId::Logged) == 1 {
        spec.binlog = Binlog::Off;
    }
    if let ReplayBase::Backup { restore, .. } = &mut spec.base {
        restore.clean = form.choice(FieldId::Existing) == 1;
        restore.binlog = spec.binlog;
    }
    Ok(JobSpec::Replay(spec))
}
