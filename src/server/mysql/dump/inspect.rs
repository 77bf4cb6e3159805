//! Looks at a dump from end to end without running anything.

use super::folder::possible;
use super::gate::{Findings, Gate, Rules, Wanted};
use super::reading::Reader;
use super::recognise::CUT;
use super::{Form, SqlDump};
use crate::domain::Fault;
use crate::domain::server::ServerInfo;
use crate::server::mysql::session::Flavour;

/// What a look at all of a dump gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Its length without compression, in bytes.
    pub plain: u64,
    /// What was found of what is wanted.
    pub findings: Findings,
    /// All its databases, without the server's own; none where it names none.
    pub databases: Vec<String>,
    /// What is missing at its end.
    pub incomplete: Option<String>,
}

/// The server that a dump is read for: which comments it runs.
pub fn flavour(dump: &SqlDump, server: Option<&ServerInfo>) -> Flavour {
    match server {
        Some(info) => Flavour { product: info.product, version_num: info.version_num, version: info.version.clone() },
        None => dump.origin(),
    }
}

/// Reads all of a dump as a server would be given it; without one, the server that it is from. A fault: it is cut off within a statement, or does what
/// no dump does. Blocks.
pub fn inspect(dump: &SqlDump, rules: &Rules, server: Option<&ServerInfo>) -> Result<Inspection, Fault> {
    let gate = Gate::new(flavour(dump, server), rules.clone(), dump.facts.database.clone());
    let mut found = Inspection { incomplete: dump.facts.incomplete.clone(), ..Inspection::default() };
    match &dump.form {
        Form::Script => {
            let mut gate = gate;
            let mut reader = Reader::script(&dump.path, dump.wrapper)?;
            while reader.next(&mut gate)?.is_some() {}
            found.incomplete = (!reader.is_complete()).then(|| CUT.to_owned());
            found.plain = reader.offset();
            found.databases = gate.databases().to_vec();
            found.findings = gate.findings().clone();
        }
        Form::Folder(files) => {
            possible(&dump.path, files)?;
            for script in &files.scripts {
                if !found.databases.contains(&script.database) {
                    found.databases.push(script.database.clone());
                }
                if !is_wanted(rules, &script.database) {
                    continue;
                }
                let mut gate = gate.clone();
                gate.within(&script.database);
                let mut reader = Reader::part(script)?;
                while reader.next(&mut gate)?.is_some() {}
                found.plain += reader.offset();
                found.findings.merge(gate.findings());
            }
        }
    }
    Ok(found)
}

/// Whether a database of a folder is restored.
pub fn is_wanted(rules: &Rules, database: &str) -> bool {
    !super::gate::is_system(database)
        && match &rules.wanted {
            Wanted::All => true,
            Wanted::One(name) => name == database,
        }
}
