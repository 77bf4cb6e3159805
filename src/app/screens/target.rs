//! What is restored to where: the form between an archive's contents and the plan.

use super::contents::{Choice, ContentsScreen};
use super::limits;
use super::replay::LOGGED;
use crate::app::form::{Field, FieldId, Form};
use crate::app::model::Model;
use crate::domain::Product;
use crate::domain::schema::TableName;
use crate::domain::spec::{Binlog, Care, Depth, Effort, Enough, JobSpec, OnFailure, Rehearse, RestoreScope, RestoreSpec, Selection, What};

/// What the screen remembers.
#[derive(Clone, Debug, Default)]
pub struct TargetScreen {
    /// What is restored; none until contents were chosen.
    pub choice: Option<Choice>,
    /// The product that it goes to.
    pub product: Product,
    /// How.
    pub form: Form,
}

const KEEP: [&str; 2] = ["as in the archive", "leave out"];
/// What happens to a target: make it, use one that is empty, drop one that exists.
const EXISTING: [&str; 3] = ["make it new", "use it as it is", "drop it first, then make it"];
const EXISTING_CLUSTER: [&str; 2] = ["must not exist", "drop those that exist first"];
const WHAT: [&str; 3] = ["definitions and rows", "definitions only", "rows only"];
const LONG_VALUES: [&str; 3] = ["compressed as the server does", "compressed with lz4, faster", "compressed with pglz"];
const YES: [&str; 2] = ["yes", "no"];
const VERIFY_FIRST: [&str; 2] = ["its structure", "every byte"];
const REHEARSE: [&str; 3] = ["where it takes seconds", "always", "never"];
const FORCE: [&str; 2] = ["keep it from starting", "are gone over where possible"];
const ON_FAILURE: [&str; 2] = ["stop", "go on with the rest"];
/// In the order of [`OnFailure::ALL`].
const FATE: [&str; 3] = ["keep it as it is", "drop it", "rename it"];

impl TargetScreen {
    /// The form for a choice, with harmless defaults: a new database, everything as in the archive, proven.
    pub fn new(choice: Choice, product: Product, jobs: u32) -> Self {
        let mut fields = Vec::new();
        match &choice {
            Choice::Cluster(_) => fields.push(Field::choice(FieldId::Existing, "databases", &EXISTING_CLUSTER, 0)),
            Choice::Database { name, include, table } => {
                fields.push(Field::text(FieldId::Target, "target", name.clone()));
                // Parts go into a database that is there, a whole one becomes a new one.
                fields.push(Field::choice(FieldId::Existing, "database", &EXISTING, usize::from(!include.is_empty())));
                fields.push(Field::choice(FieldId::What, "restore", &WHAT, 0));
                if let Some(table) = table {
                    fields.push(Field::text(
                        FieldId::Rename,
                        "table as",
                        if table.schema.is_empty() { table.name.clone() } else { format!("{}.{}", table.schema, table.name) },
                    ));
                }
            }
        }
        // MySQL's objects have no owners but definers, and neither tablespaces that are restored nor a choice for long values.
        let mysql = product.is_mysql();
        fields.extend([
            Field::choice(FieldId::Owners, if mysql { "definers" } else { "owners" }, &KEEP, 0),
            Field::text(FieldId::Roles, if mysql { "users" } else { "roles" }, String::new()),
            Field::choice(FieldId::Rights, "rights", &KEEP, 0),
        ]);
        if !mysql {
            fields.push(Field::choice(FieldId::Tablespaces, "tablespaces", &KEEP, 0));
            fields.push(Field::choice(FieldId::LongValues, "long values", &LONG_VALUES, 0));
        } else {
            fields.push(Field::choice(FieldId::Logged, "it is", &LOGGED, 0));
        }
        fields.extend([
            Field::choice(FieldId::Prove, "prove", &YES, 0),
            Field::choice(FieldId::OnFailure, "on failure", &ON_FAILURE, 0),
            Field::choice(FieldId::VerifyFirst, "check first", &VERIFY_FIRST, 0),
            Field::choice(FieldId::Rehearse, "rehearse", &REHEARSE, 0),
            Field::choice(FieldId::Force, "obstacles", &FORCE, 0),
        ]);
        let whole = match &choice {
            Choice::Cluster(_) => true,
            Choice::Database { include, .. } => include.is_empty(),
        };
        if whole {
            fields.push(Field::choice(FieldId::Fate, "if it failed", &FATE, 0));
        }
        if let (Choice::Cluster(_), Enough::Percent(percent)) = (&choice, Enough::default()) {
            fields.push(Field::number(FieldId::Enough, "enough, %", u32::from(percent), 0, 100));
        }
        fields.push(Field::number(FieldId::Jobs, "jobs", jobs, 1, 64));
        fields.push(limits::opener());
        Self { choice: Some(choice), product, form: Form::new(fields) }
    }

    /// What is done about bad luck.
    fn care(&self, choice: &Choice) -> Care {
        let on_failure = OnFailure::ALL.get(self.form.choice(FieldId::Fate)).copied().unwrap_or_default();
        let enough = match choice {
            Choice::Database { .. } => Enough::default(),
            Choice::Cluster(_) => match self.form.number(FieldId::Enough) {
                100.. => Enough::All,
                percent => Enough::Percent(u8::try_from(percent).unwrap_or(100)),
            },
        };
        let care = Care {
            verify_first: if self.form.choice(FieldId::VerifyFirst) == 1 { Depth::Full } else { Depth::Quick },
            rehearse: [Rehearse::Auto, Rehearse::On, Rehearse::Off][self.form.choice(FieldId::Rehearse).min(2)],
            force: self.form.choice(FieldId::Force) == 1,
            on_failure,
            enough,
            ..Care::default()
        };
        limits::care(&self.form, care)
    }

    /// What is wrong with a field, if anything.
    pub fn problem(&self, id: FieldId) -> Option<String> {
        match id {
            FieldId::Target => match self.form.text(id) {
                name if name.is_empty() => Some("a name is needed".to_owned()),
                name if self.product.is_mysql() => (name.chars().count() > 64).then(|| "at most 64 characters".to_owned()),
                // The server cuts longer names without a word (NAMEDATALEN 64).
                name if name.len() > 63 => Some("at most 63 bytes".to_owned()),
                _ => None,
            },
            FieldId::Rename => match table_name(&self.form.text(id), self.product) {
                Some(_) => None,
                None if self.product.is_mysql() => Some("a name is needed".to_owned()),
                None => Some("write schema.table".to_owned()),
            },
            FieldId::Roles => role_names(&self.form.text(id)).err(),
            _ => self.form.out_of_range(id),
        }
    }

    /// The job.
    pub fn spec(&self, contents: &ContentsScreen, model: &Model) -> Result<JobSpec, String> {
        if let Some(problem) =
            self.form.fields.iter().find_map(|field| self.problem(field.id).map(|problem| format!("{}: {problem}", field.label)))
        {
            return Err(problem);
        }
        let choice = self.choice.as_ref().ok_or("nothing is chosen")?;
        let server = model.server().ok_or("no server is configured")?;
        let existing = self.form.choice(FieldId::Existing);
        let jobs = self.form.number(FieldId::Jobs);
        let memory = model.setup.effort.memory;
        let effort = if jobs == model.setup.effort.jobs {
            model.setup.effort
        } else {
            Effort { jobs, memory, chunk_size: Effort::chunk_for(jobs, memory) }
        };
        let (scope, create, clean) = match choice {
            Choice::Cluster(include) => (
                RestoreScope::Cluster {
                    include: include.iter().map(|name| super::contents::literal_glob(name)).collect(),
                    exclude: Vec::new(),
                    parallel: jobs.clamp(1, 4),
                },
                true,
                existing == 1,
            ),
            Choice::Database { name, include, table } => {
                let what = [What::All, What::SchemaOnly, What::DataOnly][self.form.choice(FieldId::What).min(2)];
                let renamed = table.as_ref().and_then(|table| {
                    let new = table_name(&self.form.text(FieldId::Rename), self.product)?;
                    (new != *table).then(|| (table.clone(), new))
                });
                let selection = Selection { what, include: include.clone(), exclude: Vec::new(), rename: renamed };
                let database = contents.is_cluster().then(|| name.clone());
                let target = self.form.text(FieldId::Target);
                (RestoreScope::Single { database, target, selection }, existing != 1, existing == 2)
            }
        };
        Ok(JobSpec::Restore(RestoreSpec {
            connection: limits::connection(&self.form, &server.connection),
            archive: contents.path.clone(),
            scope,
            create,
            clean,
            no_owner: self.form.choice(FieldId::Owners) == 1,
            no_acl: self.form.choice(FieldId::Rights) == 1,
            no_tablespaces: self.form.choice(FieldId::Tablespaces) == 1,
            map_roles: role_names(&self.form.text(FieldId::Roles))?,
            effort,
            prove: self.form.choice(FieldId::Prove) == 0,
            toast_compression: [None, Some("lz4"), Some("pglz")][self.form.choice(FieldId::LongValues).min(2)].map(str::to_owned),
            continue_on_error: self.form.choice(FieldId::OnFailure) == 1,
            binlog: if self.form.choice(FieldId::Logged) == 1 { Binlog::Off } else { Binlog::On },
            care: self.care(choice),
        }))
    }
}

/// Reads `old=new, old2=new2`: roles of the archive and the names that they get.
pub fn role_names(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.split_once('=').map(|(from, to)| (from.trim(), to.trim())) {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.to_owned(), to.to_owned())),
            _ => Err("write old=new, old2=new2".to_owned()),
        })
        .collect()
}

/// Reads `schema.table`; MySQL has no schemas, so that all of the text is the name there.
pub fn table_name(text: &str, product: Product) -> Option<TableName> {
    if product.is_mysql() {
        return (!text.is_empty()).then(|| TableName::new("", text));
    }
    let (schema, name) = text.split_once('.')?;
    if schema.is_empty() || name.is_empty() { None } else { Some(TableName::new(schema, name)) }
}
