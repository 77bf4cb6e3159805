//! The backups from which a binary log leads on: archives of databases that say where in the log they stand.

use super::identity::Identity;
use crate::archive::manifest::{Kind, Status};
use crate::archive::reader::{self, Archive};
use crate::domain::binlog::Place;
use crate::domain::{Fault, Product, Stamp};
use crate::storage::local;
use std::path::{Path, PathBuf};

/// A backup with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The archive.
    pub path: PathBuf,
    /// Whether it covers one database or all.
    pub kind: Kind,
    /// Its databases.
    pub databases: Vec<String>,
    /// Where the log goes on from it.
    pub place: Place,
    /// The moment that it shows, by the server's clock.
    pub taken: Stamp,
    /// The transactions that are in it, in the server's words; none where it does not say.
    pub gtid: Option<String>,
    /// The server's product.
    pub product: Product,
    /// Whether everything is in it.
    pub complete: bool,
}

/// The backups of a server in a folder, oldest place first. Those that say no place are left out; what cannot be read is told, one line each.
pub fn list(dir: &Path, identity: Option<&Identity>) -> Result<(Vec<Standing>, Vec<String>), Fault> {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for path in local::archives(dir)? {
        // Most archives are known by their head, which is much quicker to read, to be somebody else's.
        let Ok(head) = reader::head(&path) else { continue };
        if !head.source.product().is_mysql() || head.kind == Kind::Base {
            continue;
        }
        match read(&path) {
            Ok(Some((standing, server))) => {
                let own = identity.and_then(|identity| identity.server_uuid.as_deref());
                let same_name = identity.is_none_or(|identity| identity.first.base() == standing.place.log.base());
                if same_name && own.zip(server.as_deref()).is_none_or(|(own, server)| own == server) {
                    found.push(standing);
                }
            }
            Ok(None) => {}
            Err(fault) => unknown.push(format!("{} cannot be read: {fault}", path.display())),
        }
    }
    found.sort_by(|one: &Standing, other| (&one.place, one.taken, &one.path).cmp(&(&other.place, other.taken, &other.path)));
    Ok((found, unknown))
}

/// One archive, with the identity of its server; none where it says no place.
pub fn read(path: &Path) -> Result<Option<(Standing, Option<String>)>, Fault> {
    let archive = Archive::open(path)?;
    let manifest = archive.manifest();
    let databases = || manifest.databases.iter().filter(|database| database.failed.is_none());
    // Databases of one run share one moment; where they do not, the log has to be whole from the first of them on.
    let places =
        databases().filter_map(|database| Some((Place::try_from(database.position.binlog.as_ref()?).ok()?, database.position.taken_at)));
    let Some((place, taken)) = places.min() else { return Ok(None) };
    let standing = Standing {
        path: path.to_owned(),
        kind: manifest.head.kind,
        databases: databases().map(|database| database.name.clone()).collect(),
        place,
        taken,
        gtid: databases().find_map(|database| database.position.gtid.clone()),
        product: manifest.head.source.product(),
        complete: manifest.head.status == Status::Complete,
    };
    Ok(Some((standing, manifest.head.source.system_identifier.clone())))
}
