//! What a failure is about: the thing that is missing, broken or not allowed. By SQLSTATE and kind of object; the server's words are
//! only asked for the name, and for what 42704 (`undefined_object`), which stands for many kinds of things, leaves open.

use super::Failed;
use crate::domain::{Code, Fault, text};

/// The kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The archive itself.
    Archive,
    /// Room on the server's disk.
    ServerDisk,
    /// Room on ours.
    Disk,
    /// The connection, or the server behind it.
    Server,
    /// Room for locks.
    LockTable,
    /// An extension.
    Extension,
    /// A shared library.
    Library,
    /// A role.
    Role,
    /// A tablespace.
    Tablespace,
    /// A collation or locale.
    Collation,
    /// A procedural language.
    Language,
    /// A schema.
    Schema,
    /// A type.
    Type,
    /// A function, procedure or operator.
    Function,
    /// A table, view, sequence or index.
    Relation,
    /// Another thing that a name stands for.
    Thing,
    /// A right of the role that restores.
    Privilege,
    /// Names that are taken already.
    Taken,
    /// A rule that rows break.
    Constraint,
    /// Somebody who holds a lock.
    Lock,
    /// One object's own failure.
    Object,
}

/// Two failures about the same thing have the same cause.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The kind of thing.
    pub kind: Kind,
    /// Its name; empty where there is one only.
    pub name: String,
}

impl Subject {
    fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// Whether a failure is that of making the very thing.
    pub fn is_made_by(&self, failure: &Failed<'_>) -> bool {
        made(failure).is_some_and(|made| made == *self)
    }

    /// In one line, cleaned.
    pub fn what(&self, fault: Option<&Fault>) -> String {
        let name = text::clean(&self.name);
        let missing = |word: &str| format!("{word} {name} is missing");
        // What could not be made for a reason of its own is told with that reason.
        let refused = fault.is_some_and(|fault| !fault.code.is_missing());
        let made = |word: &str| {
            let why = fault.map_or_else(String::new, |fault| text::clean(fault.root_cause()));
            if refused { format!("{word} {name} cannot be made: {why}") } else { missing(word) }
        };
        let said = || fault.map_or_else(|| name.clone(), |fault| text::clean(fault.root_cause()));
        match self.kind {
            Kind::Archive => "the archive is damaged".to_owned(),
            Kind::ServerDisk => "the server's disk is full".to_owned(),
            Kind::Disk => "the disk is full".to_owned(),
            Kind::Server => format!("the server is not available: {}", said()),
            Kind::LockTable => "the server's lock table is full".to_owned(),
            Kind::Extension => made("extension"),
            Kind::Library => missing("library"),
            Kind::Role => made("role"),
            Kind::Tablespace => made("tablespace"),
            Kind::Collation => made("collation"),
            Kind::Language => made("language"),
            Kind::Schema => made("schema"),
            Kind::Type => made("type"),
            Kind::Function => made("function"),
            Kind::Relation => missing("relation"),
            Kind::Thing => missing("something:"),
            Kind::Privilege => format!("the role {name} may not do everything: {}", said()),
            Kind::Taken => "the target has objects of the same names".to_owned(),
            Kind::Constraint => format!("rows break {name}: {}", said()),
            Kind::Lock => format!("a lock was not granted: {}", said()),
            Kind::Object => format!("{name}: {}", said()),
        }
    }
}

/// What an object would have been, for those that lack it.
pub fn made(failure: &Failed<'_>) -> Option<Subject> {
    let kind = match failure.kind {
        "EXTENSION" => Kind::Extension,
        "ROLE" => Kind::Role,
        "TABLESPACE" => Kind::Tablespace,
        "COLLATION" => Kind::Collation,
        "PROCEDURAL LANGUAGE" | "LANGUAGE" => Kind::Language,
        "SCHEMA" => Kind::Schema,
        "TYPE" | "DOMAIN" | "SHELL TYPE" => Kind::Type,
        _ => return None,
    };
    // The server's room names objects with their schemas; labels of a run are without.
    let full = failure.fault.context.iter().find(|(known, _)| known == "Object").map(|(_, value)| value.as_str());
    let label = full.filter(|full| full.starts_with(failure.kind)).unwrap_or(failure.label);
    Some(Subject::new(kind, label.strip_prefix(failure.kind).unwrap_or(label).trim_start()))
}

/// What a failure is about.
pub fn of(failure: &Failed<'_>) -> Subject {
    let fault = failure.fault;
    let about = |name: &str| fault.context.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let own = || Subject::new(Kind::Object, failure.label);
    let itself = || made(failure).unwrap_or_else(own);
    match fault.code {
        Code::CorruptedBackup | Code::TruncatedBackup | Code::ForeignFile => Subject::new(Kind::Archive, ""),
        Code::ServerDiskFull => Subject::new(Kind::ServerDisk, ""),
        Code::DiskFull => Subject::new(Kind::Disk, ""),
        Code::ServerUnavailable | Code::ConnectionRefused | Code::ConnectTimeout | Code::HostUnknown | Code::TooManyConnections => {
            Subject::new(Kind::Server, "")
        }
        Code::LockTableFull => Subject::new(Kind::LockTable, ""),
        // A global that may not be made is a cause of its own: others lack it.
        Code::PermissionDenied if made(failure).is_none() => Subject::new(Kind::Privilege, about("User")),
        // So is one that is there in another form.
        Code::DuplicateObject if matches!(failure.kind, "ROLE" | "TABLESPACE") => itself(),
        Code::DuplicateObject | Code::TargetNotEmpty => Subject::new(Kind::Taken, ""),
        code if code.is_missing() => lacking(failure).unwrap_or_else(itself),
        // Whoever is in the way of several is one cause: "pid 742, …" is the watch's own wording.
        Code::LockTimeout if !about("Held by").is_empty() => {
            Subject::new(Kind::Lock, about("Held by").split(',').next().unwrap_or_default())
        }
        _ => match fault.sqlstate.as_deref() {
            // Class 23: the server says which rule of what, in fields of its answer; a column that must not be null has no rule's name.
            Some(state) if state.starts_with("23") => match (about("Table"), about("Type"), about("Constraint"), about("Column")) {
                ("", "", ..) | (_, _, "", "") => own(),
                (table, _, "", column) if !table.is_empty() => Subject::new(Kind::Constraint, format!("NOT NULL of {table}.{column}")),
                (_, _, "", _) => own(),
                ("", kind, constraint, _) => Subject::new(Kind::Constraint, format!("{constraint} of the type {kind}")),
                (table, _, constraint, _) => Subject::new(Kind::Constraint, format!("{constraint} of {table}")),
            },
            Some("42501") if made(failure).is_none() => Subject::new(Kind::Privilege, about("User")),
            _ => itself(),
        },
    }
}

/// What is lacking, where a failure is that something is.
fn lacking(failure: &Failed<'_>) -> Option<Subject> {
    let said = failure.fault.root_cause();
    let state = failure.fault.sqlstate.as_deref().unwrap_or_default();
    let by_name = |kind| quoted(said).map(|name| Subject::new(kind, name));
    match state {
        // The files of an extension are not there, whatever the path that the server names.
        "58P01" | "0A000" if failure.kind == "EXTENSION" => made(failure),
        "58P01" => by_name(Kind::Library).map(|one| Subject::new(Kind::Library, one.name.rsplit('/').next().unwrap_or_default())),
        "0A000" => by_name(Kind::Extension),
        "22023" => said.rsplit_once(": ").and_then(|(_, tail)| quoted(tail)).map(|name| Subject::new(Kind::Tablespace, name)),
        "3F000" => by_name(Kind::Schema),
        "42P01" => by_name(Kind::Relation),
        "42883" => {
            let name = said.strip_prefix("function ").or_else(|| said.strip_prefix("operator ")).unwrap_or(said);
            Some(Subject::new(Kind::Function, name.strip_suffix(" does not exist").unwrap_or(name)))
        }
        // An extension that needs another one.
        "42704" if failure.kind == "EXTENSION" => by_name(Kind::Extension),
        _ => {
            let kinds = [
                ("role ", Kind::Role),
                ("tablespace ", Kind::Tablespace),
                ("type ", Kind::Type),
                ("collation ", Kind::Collation),
                ("extension ", Kind::Extension),
                ("language ", Kind::Language),
                ("schema ", Kind::Schema),
            ];
            let kind = kinds.iter().find(|(word, _)| said.starts_with(word)).map(|(_, kind)| *kind);
            // Before a run of checks: "shop needs alice, which the target does not have" names no single thing.
            by_name(kind.unwrap_or(Kind::Thing)).map(|one| match kind {
                Some(_) => one,
                None => Subject::new(Kind::Thing, said.split_whitespace().take_while(|word| *word != "does").collect::<Vec<_>>().join(" ")),
            })
        }
    }
}

/// The first name in quotes, whatever quotes the server's language has. A name may hold quotes itself, so that only what a message goes
/// on with ends it.
fn quoted(said: &str) -> Option<&str> {
    let opening = ['"', '«', '„', '“', '»', '「'];
    let from = said.char_indices().find(|(_, c)| opening.contains(c)).map(|(at, c)| at + c.len_utf8())?;
    let rest = &said[from..];
    let closing = ['"', '»', '“', '”', '«', '」'];
    for next in ["\" for ", "\" does not ", "\" is not ", "\" of ", "\":"] {
        if let Some(end) = rest.find(next) {
            return Some(rest[..end].trim());
        }
    }
    rest.rfind(closing).map(|end| rest[..end].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: Code, state: &str, said: &str) -> Fault {
        Fault::new(code, "cannot create it").because(said).with_sqlstate(state).at("User", "me")
    }

    #[test]
    fn the_state_the_kind_and_at_last_the_words_say_what_it_is_about() {
        use Kind::*;
        let missing = Code::MissingObject;
        for (label, kind, code, state, said, subject, name) in [
            ("EXTENSION postgis", "EXTENSION", missing, "0A000", "extension \"postgis\" is not available", Extension, "postgis"),
            ("EXTENSION e", "EXTENSION", missing, "58P01", "could not open extension control file \"/x/e.control\"", Extension, "e"),
            ("EXTENSION earth", "EXTENSION", missing, "42704", "required extension \"cube\" is not installed", Extension, "cube"),
            ("TABLE a.b", "TABLE", missing, "42704", "role \"al\"ice\" does not exist", Role, "al\"ice"),
            ("TABLE a.b", "TABLE", missing, "42704", "type \"public.geometry\" does not exist", Type, "public.geometry"),
            ("TABLE a", "TABLE", missing, "42704", "collation \"x\" for encoding \"UTF8\" does not exist", Collation, "x"),
            ("TABLE a", "TABLE", missing, "22023", "invalid value for parameter \"default_tablespace\": \"fast\"", Tablespace, "fast"),
            ("FUNCTION f", "FUNCTION", missing, "58P01", "could not access file \"$libdir/postgis-3\": No such file", Library, "postgis-3"),
            ("VIEW v", "VIEW", missing, "42883", "function a.f(integer) does not exist", Function, "a.f(integer)"),
            ("VIEW v", "VIEW", missing, "42P01", "relation \"a.t\" does not exist", Relation, "a.t"),
            ("VIEW v", "VIEW", missing, "3F000", "schema \"a\" does not exist", Schema, "a"),
            ("TABLE t", "TABLE", missing, "42704", "Rolle »x« existiert nicht", Thing, "Rolle »x« existiert nicht"),
            ("TABLE t", "TABLE", missing, "42704", "access method \"zed\" does not exist", Thing, "access method \"zed\""),
            ("TABLE t", "TABLE", Code::PermissionDenied, "42501", "permission denied for schema a", Privilege, "me"),
            ("ROLE al", "ROLE", Code::PermissionDenied, "42501", "permission denied to create role", Role, "al"),
            ("TABLE DATA t", "TABLE DATA", Code::CorruptedBackup, "", "frame 3 is damaged", Archive, ""),
            ("INDEX i", "INDEX", Code::DuplicateObject, "42P07", "relation \"i\" already exists", Taken, ""),
            ("INDEX i", "INDEX", Code::SqlFailed, "22012", "division by zero", Object, "INDEX i"),
        ] {
            let fault = fault(code, state, said);
            let found = of(&Failed { id: None, label, kind, fault: &fault });
            assert_eq!(found, Subject::new(subject, name), "{said}");
        }
    }

    #[test]
    fn a_broken_rule_is_named_by_the_fields_of_the_answer() {
        let orphan = fault(Code::SqlFailed, "23503", "…").at("Table", "public.orders").at("Constraint", "orders_fk");
        let found = of(&Failed { id: None, label: "FK CONSTRAINT orders_fk", kind: "FK CONSTRAINT", fault: &orphan });
        assert_eq!(found, Subject::new(Kind::Constraint, "orders_fk of public.orders"));
        let of_fields = |state: &str, fields: &[(&str, &str)]| {
            let fault = fields.iter().fold(fault(Code::SqlFailed, state, "…"), |fault, (name, value)| fault.at(name, value));
            of(&Failed { id: None, label: "TABLE DATA t", kind: "TABLE DATA", fault: &fault })
        };
        let null = of_fields("23502", &[("Table", "public.t"), ("Column", "v")]);
        assert_eq!(null, Subject::new(Kind::Constraint, "NOT NULL of public.t.v"));
        let domain = of_fields("23514", &[("Type", "public.positive"), ("Constraint", "positive_check")]);
        assert_eq!(domain, Subject::new(Kind::Constraint, "positive_check of the type public.positive"));
        assert_eq!(of_fields("23514", &[]).kind, Kind::Object);
        assert_eq!(of_fields("23502", &[("Table", "public.t")]).kind, Kind::Object);
    }
}
