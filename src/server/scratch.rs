//! Databases that exist for a trial: what they are made for, and what becomes of them.

use crate::domain::Fault;
use futures_util::future::BoxFuture;

/// What a scratch database is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Definitions are tried out in it before a restore.
    Rehearsal,
    /// An archive is restored into it, to prove that it can be.
    RestoreTest,
}

impl Purpose {
    /// What the names of such databases begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Rehearsal => "_dbbackup_rehearsal_",
            Self::RestoreTest => "_dbbackup_verify_",
        }
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Rehearsal => "rehearsal",
            Self::RestoreTest => "restore test",
        }
    }
}

/// What became of scratch databases that nobody needs any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Those that were dropped.
    pub dropped: Vec<String>,
    /// Those that are named like one and stay, each with the reason.
    pub left: Vec<(String, String)>,
}

/// An empty database that exists for a trial.
pub trait Scratch: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Drops it, whatever is in it and whoever is logged in to it. Dropped without this, it is left to [`super::Server::sweep_scratches`].
    fn remove(self: Box<Self>) -> BoxFuture<'static, Result<(), Fault>>;
}
