//! Every step of a restore after which the world is another one: on the server, in the ledger, in the manifest.
//!
//! Whoever listens is told at each of them, in the moment between this step and the next. A restore that ends at any of them, however it
//! ends, can be gone on with; the tests end it at each.

/// A step that was just taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transition {
    /// The manifest is on the disk for the first time.
    ManifestWritten,
    /// Roles and tablespaces are there.
    GlobalsMade,
    /// The manifest says that the target is about to be made.
    TargetNoted,
    /// What was there under the target's name is gone.
    TargetDropped,
    /// The target is there, empty.
    TargetMade,
    /// The ledger is in the target.
    LedgerMade,
    /// The manifest says that a database which was there before has a ledger.
    FillingNoted,
    /// Definitions that come before rows are committed, some hundred of them.
    DefinitionsMade,
    /// A load is about to begin.
    LoadBegun,
    /// All rows of a load are sent; it is not committed.
    LoadSent,
    /// A load is committed.
    LoadCommitted,
    /// An index, a key or some other objects are about to be made.
    ObjectsBegun,
    /// They are committed.
    ObjectsMade,
    /// Sequences have their values, and the ledger says so.
    SequencesSet,
    /// A materialized view is filled.
    ViewFilled,
    /// The statistics of a table are gathered.
    StatisticsGathered,
    /// The manifest says that everything is in the target.
    LoadedNoted,
    /// The ledger is gone.
    LedgerDropped,
    /// The proof is complete.
    Proven,
    /// Owner, rights, settings and limits of the database are set.
    PropertiesSet,
    /// The manifest says that the database is done.
    DoneNoted,
}

impl Transition {
    /// All of them, in the order in which a restore with one database goes through them.
    pub const ALL: [Transition; 21] = [
        Transition::ManifestWritten,
        Transition::GlobalsMade,
        Transition::TargetNoted,
        Transition::TargetDropped,
        Transition::TargetMade,
        Transition::LedgerMade,
        Transition::FillingNoted,
        Transition::DefinitionsMade,
        Transition::LoadBegun,
        Transition::LoadSent,
        Transition::LoadCommitted,
        Transition::ObjectsBegun,
        Transition::ObjectsMade,
        Transition::SequencesSet,
        Transition::ViewFilled,
        Transition::StatisticsGathered,
        Transition::LoadedNoted,
        Transition::LedgerDropped,
        Transition::Proven,
        Transition::PropertiesSet,
        Transition::DoneNoted,
    ];
}
