//! Choosing what to back up, and how.

use super::{limits, pitr};
use crate::app::form::{Field, FieldId, Form};
use crate::app::list::{Filter, Picker};
use crate::app::model::Model;
use crate::app::setup::Setup;
use crate::domain::codec::{Codec, Compression};
use crate::domain::recovery::BaseKind;
use crate::domain::server::DatabaseInfo;
use crate::domain::spec::{BackupSpec, BaseSpec, Checkpoint, Depth, Effort, JobSpec, Scope, VerifyMode};
use crate::domain::{Bytes, Product};
use std::path::PathBuf;

/// The part of the screen that has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The databases.
    #[default]
    Databases,
    /// The options.
    Options,
}

const CODECS: [&str; 5] = ["zstd", "gzip", "lz4", "xz", "none"];
const VERIFY: [&str; 4] = ["auto", "quick", "full", "off"];
const BASE: [&str; 3] = ["full", "differential", "incremental"];

fn base_kind() -> Field {
    Field::choice(FieldId::BaseKind, "base (B)", &BASE, 0)
}

/// What the screen remembers.
#[derive(Clone, Debug, Default)]
pub struct BackupScreen {
    /// Cursor and marks.
    pub picker: Picker<String>,
    /// Narrows the databases.
    pub filter: Filter,
    /// Who has the keys.
    pub part: Part,
    /// The options.
    pub form: Form,
}

impl BackupScreen {
    /// The screen with the defaults of a set-up.
    pub fn new(setup: &Setup) -> Self {
        let (low, _, high) = setup.compression.codec.levels();
        let codec = Codec::ALL.iter().position(|codec| *codec == setup.compression.codec).unwrap_or(0);
        let verify = match setup.verify {
            VerifyMode::Auto => 0,
            VerifyMode::Quick => 1,
            VerifyMode::Full => 2,
            VerifyMode::Off => 3,
        };
        let level = |level: i32| u32::try_from(level).unwrap_or(0);
        Self {
            form: Form::new(vec![
                Field::choice(FieldId::Codec, "codec", &CODECS, codec),
                Field::number(FieldId::Level, "level", level(setup.compression.level), level(low), level(high)),
                Field::number(FieldId::Jobs, "jobs", setup.effort.jobs, 1, 64),
                Field::choice(FieldId::Verify, "verify", &VERIFY, verify),
                Field::text(FieldId::Folder, "folder", setup.dir.to_string_lossy()),
                base_kind(),
                limits::opener(),
            ]),
            ..Self::default()
        }
    }

    /// Shows the kind of base backup where the server's product has base backups, and only there.
    pub fn fit(&mut self, product: Option<Product>) {
        let place = self.form.fields.iter().position(|field| field.id == FieldId::BaseKind);
        match (place, product.is_some_and(Product::is_mysql)) {
            (Some(at), true) => {
                self.form.fields.remove(at);
                // The cursor stays on its field; on the one that goes, it falls upon the next.
                self.form.at -= usize::from(self.form.at > at);
            }
            (None, false) => {
                let fields = &mut self.form.fields;
                let at = fields.iter().position(|field| field.id == FieldId::More).unwrap_or(fields.len());
                self.form.at += usize::from(self.form.at >= at);
                fields.insert(at, base_kind());
            }
            _ => {}
        }
    }

    /// Puts the level within the limits of the codec that was just chosen.
    pub fn codec_changed(&mut self) {
        let (low, default, high) = self.codec().levels();
        let as_u32 = |level: i32| u32::try_from(level).unwrap_or(0);
        if let Some(field) = self.form.fields.iter_mut().find(|field| field.id == FieldId::Level) {
            *field = Field::number(FieldId::Level, "level", as_u32(default), as_u32(low), as_u32(high));
        }
    }

    /// The codec that is chosen.
    pub fn codec(&self) -> Codec {
        Codec::ALL.get(self.form.choice(FieldId::Codec)).copied().unwrap_or(Codec::Zstd)
    }

    /// What is wrong with a field, if anything.
    pub fn problem(&self, id: FieldId) -> Option<String> {
        match id {
            FieldId::Folder if self.form.text(FieldId::Folder).is_empty() => Some("a folder is needed".to_owned()),
            _ => self.form.out_of_range(id),
        }
    }

    /// The first problem of the form.
    pub fn first_problem(&self) -> Option<String> {
        self.form.fields.iter().find_map(|field| self.problem(field.id).map(|problem| format!("{}: {problem}", field.label)))
    }
}

/// The databases that can be backed up and pass the filter, largest first.
pub fn databases(model: &Model) -> Vec<&DatabaseInfo> {
    let mut databases: Vec<&DatabaseInfo> =
        model.server().and_then(|server| server.facts.value()).map(|(_, databases)| databases.iter().collect()).unwrap_or_default();
    databases.retain(|database| database.allow_connections && !database.is_template && model.backup.filter.lets(&database.name));
    databases.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    databases
}

/// Their names, which are their keys.
pub fn names(model: &Model) -> Vec<String> {
    databases(model).iter().map(|database| database.name.clone()).collect()
}

/// The databases that would be backed up now.
pub fn chosen(model: &Model) -> Vec<String> {
    model.backup.picker.chosen(&names(model))
}

/// What the chosen databases take on the server's disk, where it is known.
pub fn chosen_bytes(model: &Model) -> Bytes {
    let chosen = chosen(model);
    databases(model).iter().filter(|database| chosen.contains(&database.name)).map(|database| Bytes(database.bytes.unwrap_or(0))).sum()
}

/// The job for some databases.
pub fn single(model: &Model) -> Result<JobSpec, String> {
    let databases = chosen(model);
    if databases.is_empty() {
        return Err("there is no database to choose".to_owned());
    }
    spec(model, Scope::Single { databases })
}

/// The job for everything on the server.
pub fn cluster(model: &Model) -> Result<JobSpec, String> {
    let parallel = model.backup.form.number(FieldId::Jobs).clamp(1, 4);
    spec(model, Scope::Cluster { include: Vec::new(), exclude: Vec::new(), parallel })
}

/// The job for a base backup of the whole server.
pub fn base(model: &Model) -> Result<JobSpec, String> {
    if let Some(product) = model.product().filter(|product| product.is_mysql()) {
        return Err(format!("base backups are for PostgreSQL servers, this one is {product}"));
    }
    let JobSpec::Backup(backup) = cluster(model)? else { return Err("this is no backup".to_owned()) };
    let kinds = [BaseKind::Full, BaseKind::Differential, BaseKind::Incremental];
    Ok(JobSpec::Base(BaseSpec {
        connection: backup.connection,
        dir: backup.dir,
        kind: kinds[model.backup.form.choice(FieldId::BaseKind).min(2)],
        label: None,
        compression: backup.compression,
        jobs: backup.effort.jobs,
        memory: backup.effort.memory,
        verify: match backup.verify {
            // A whole server is large: its structure, as after a backup of a cluster.
            VerifyMode::Auto | VerifyMode::Quick => Some(Depth::Quick),
            VerifyMode::Full => Some(Depth::Full),
            VerifyMode::Off => None,
        },
        name_time: backup.name_time,
        checkpoint: Checkpoint::Fast,
        wal_dir: pitr::wal_dir(model),
    }))
}

fn spec(model: &Model, scope: Scope) -> Result<JobSpec, String> {
    let screen = &model.backup;
    if let Some(problem) = screen.first_problem() {
        return Err(problem);
    }
    let server = model.server().ok_or("no server is configured")?;
    let jobs = screen.form.number(FieldId::Jobs);
    let memory = model.setup.effort.memory;
    let effort = if jobs == model.setup.effort.jobs {
        model.setup.effort
    } else {
        Effort { jobs, memory, chunk_size: Effort::chunk_for(jobs, memory) }
    };
    Ok(JobSpec::Backup(BackupSpec {
        connection: limits::connection(&screen.form, &server.connection),
        scope,
        dir: PathBuf::from(screen.form.text(FieldId::Folder)),
        compression: Compression { codec: screen.codec(), level: i32::try_from(screen.form.number(FieldId::Level)).unwrap_or(1) },
        effort,
        verify: [VerifyMode::Auto, VerifyMode::Quick, VerifyMode::Full, VerifyMode::Off][screen.form.choice(FieldId::Verify).min(3)],
        name_time: model.setup.name_time.clone(),
    }))
}
