//! What a cleanup of an archive of the log takes away, decided before anything is touched.

use crate::domain::Bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What goes, what stays and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    /// The archive's folder.
    pub dir: PathBuf,
    /// The first segment that stays; none: nothing goes.
    pub from: Option<String>,
    /// The files that go, by name; all lie in the folder.
    pub remove: Vec<String>,
    /// Their bytes.
    pub bytes: Bytes,
    /// Files that stay, and their bytes.
    pub kept: (u64, Bytes),
    /// Why what stays does, one line each.
    pub reasons: Vec<String>,
}
