//! Every kind of failure there is: its name, exit code, whether trying again helps, what kind of trouble it is and how bad.

use serde::{Deserialize, Serialize};
use std::io;

/// When trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// The same call fails again.
    Never,
    /// After something changed, or some time passed.
    Later,
    /// At once.
    Now,
}

/// What kind of trouble a failure is: the words of the diagnostics report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Room on disks, and the disks themselves.
    DiskSpace,
    /// Memory.
    Memory,
    /// Locks and other sessions' work.
    Locks,
    /// Connection slots, poolers.
    Connections,
    /// The way to the server.
    Network,
    /// Who we are.
    Authentication,
    /// What we may do.
    Permissions,
    /// Data that are not what they were.
    Corruption,
    /// Versions that do not fit.
    Version,
    /// Something needed is not there.
    MissingObject,
    /// Something is there already.
    Duplicate,
    /// No answer in time, or somebody would not wait.
    Timeout,
    /// What was asked for cannot be meant.
    Configuration,
    /// Programs that we need.
    Tools,
    /// A bug of ours, or what no other word fits.
    Internal,
}

impl Category {
    /// Its name in reports: `disk_space`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DiskSpace => "disk_space",
            Self::Memory => "memory",
            Self::Locks => "locks",
            Self::Connections => "connections",
            Self::Network => "network",
            Self::Authentication => "authentication",
            Self::Permissions => "permissions",
            Self::Corruption => "corruption",
            Self::Version => "version",
            Self::MissingObject => "missing_object",
            Self::Duplicate => "duplicate",
            Self::Timeout => "timeout",
            Self::Configuration => "configuration",
            Self::Tools => "tools",
            Self::Internal => "internal",
        }
    }
}

/// How bad a failure is. The report shows its number of 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is lost by going on.
    Ignorable,
    /// Nothing was done, or it passes: try again.
    Warning,
    /// The job failed.
    Critical,
    /// What was relied upon is not what it should be.
    Fatal,
}

impl Severity {
    /// Its name in reports: `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ignorable => "ignorable",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Fatal => "fatal",
        }
    }

    /// 0 to 3.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident, $text:literal, $exit:literal, $retry:ident, $category:ident, $severity:ident, $title:literal;)*) => {
        /// Every kind of failure there is. The name is stable: scripts and documentation refer to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Code { $($(#[doc = $doc])* #[serde(rename = $text)] $name,)* }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The stable name: `AUTH_FAILED`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text),* }
            }

            /// The process's exit code when this ends a run (docs: exit codes).
            pub const fn exit(self) -> u8 {
                match self { $(Code::$name => $exit),* }
            }

            /// Whether trying again can help.
            pub const fn retry(self) -> Retry {
                match self { $(Code::$name => Retry::$retry),* }
            }

            /// What kind of trouble it is.
            pub const fn category(self) -> Category {
                match self { $(Code::$name => Category::$category),* }
            }

            /// How bad it is, where nothing else is known of it.
            pub const fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity),* }
            }

            /// A few words for people: "authentication failed".
            pub const fn title(self) -> &'static str {
                match self { $(Code::$name => $title),* }
            }
        }
    };
}

codes! {
    /// A flag or argument is wrong or missing.
    Usage, "USAGE", 64, Never, Configuration, Warning, "wrong usage";
    /// A destructive step was not confirmed by its target's name.
    NotConfirmed, "NOT_CONFIRMED", 64, Never, Configuration, Warning, "not confirmed";
    /// The archive is damaged.
    CorruptedBackup, "CORRUPTED_BACKUP", 65, Never, Corruption, Fatal, "the backup is damaged";
    /// The file ends too early.
    TruncatedBackup, "TRUNCATED_BACKUP", 65, Never, Corruption, Fatal, "the backup is cut off";
    /// The file is not one of our archives.
    ForeignFile, "FOREIGN_FILE", 65, Never, Corruption, Critical, "not a dbbackup archive";
    /// An archive of a format that this version does not know.
    FormatTooNew, "FORMAT_TOO_NEW", 65, Never, Version, Critical, "the archive needs a newer dbbackup";
    /// What was restored is not what was backed up.
    ProofFailed, "PROOF_FAILED", 65, Never, Corruption, Fatal, "the restored data differ";
    /// A file of the write-ahead log is not what its name says, or of another server.
    WalForeign, "WAL_FOREIGN", 65, Never, Corruption, Critical, "a file of the log does not belong there";
    /// A backup file does not exist.
    FileMissing, "FILE_MISSING", 66, Never, MissingObject, Critical, "no such file";
    /// A database does not exist.
    DatabaseMissing, "DATABASE_MISSING", 66, Never, MissingObject, Critical, "no such database";
    /// A table, schema or database is not in the archive.
    NotInArchive, "NOT_IN_ARCHIVE", 66, Never, MissingObject, Critical, "not in the archive";
    /// Nothing listens there.
    ConnectionRefused, "CONNECTION_REFUSED", 69, Later, Network, Critical, "connection refused";
    /// The name cannot be resolved, or no route leads there.
    HostUnknown, "HOST_UNKNOWN", 69, Later, Network, Critical, "host not reachable";
    /// No answer within the time limit.
    ConnectTimeout, "CONNECT_TIMEOUT", 69, Later, Timeout, Critical, "no answer from the server";
    /// TLS could not be agreed on or the certificate is not trusted.
    TlsFailed, "TLS_FAILED", 69, Never, Network, Critical, "TLS failed";
    /// All connection slots are taken.
    TooManyConnections, "TOO_MANY_CONNECTIONS", 69, Later, Connections, Critical, "too many connections";
    /// The server is starting, stopping, recovering, or went away while we worked.
    ServerUnavailable, "SERVER_UNAVAILABLE", 69, Later, Network, Critical, "the server is not available";
    /// The server takes no changes: it is a standby, or transactions are read-only by default.
    ServerReadOnly, "SERVER_READ_ONLY", 69, Never, Configuration, Critical, "the server is read-only";
    /// A program that we need is not installed.
    ToolMissing, "TOOL_MISSING", 69, Never, Tools, Critical, "a tool is missing";
    /// A program that we need is installed, and too old.
    ToolTooOld, "TOOL_TOO_OLD", 69, Never, Tools, Critical, "a tool is too old";
    /// A server of a version that we do not know.
    VersionUnsupported, "VERSION_UNSUPPORTED", 69, Never, Version, Critical, "unsupported server version";
    /// A connection pooler gives us no session that lasts, or keeps what we set in it.
    PoolerMode, "POOLER_MODE", 69, Never, Connections, Critical, "a connection pooler is in the way";
    /// A bug of ours, or what no other word fits.
    Internal, "INTERNAL", 70, Never, Internal, Fatal, "internal error";
    /// The backup folder is missing, read-only or not a folder.
    OutputUnwritable, "OUTPUT_UNWRITABLE", 73, Never, Permissions, Critical, "cannot write there";
    /// The file system takes no changes.
    ReadOnlyFileSystem, "READ_ONLY_FILE_SYSTEM", 73, Never, Permissions, Critical, "read-only file system";
    /// A file of that name exists.
    OutputExists, "OUTPUT_EXISTS", 73, Never, Duplicate, Warning, "the file exists";
    /// The archive of the write-ahead log is not where it should be.
    WalArchiveMissing, "WAL_ARCHIVE_MISSING", 73, Later, MissingObject, Critical, "the archive of the log is not there";
    /// The archive of the write-ahead log holds another file of that name.
    WalConflict, "WAL_CONFLICT", 73, Never, Duplicate, Critical, "the archive holds another file of that name";
    /// No space left, on our side.
    DiskFull, "DISK_FULL", 74, Later, DiskSpace, Critical, "disk full";
    /// The file system has no room for a further file.
    InodesExhausted, "INODES_EXHAUSTED", 74, Later, DiskSpace, Critical, "no room for more files";
    /// No space left where temporary files are.
    TempFull, "TEMP_FULL", 74, Later, DiskSpace, Critical, "the work folder is full";
    /// No space left, on the server's side.
    ServerDiskFull, "SERVER_DISK_FULL", 74, Later, DiskSpace, Critical, "the server's disk is full";
    /// Reading or writing failed.
    Io, "IO_ERROR", 74, Later, DiskSpace, Critical, "input/output error";
    /// No memory left, on our side.
    OutOfMemory, "OUT_OF_MEMORY", 75, Later, Memory, Critical, "out of memory";
    /// No memory left, on the server's side.
    ServerOutOfMemory, "SERVER_OUT_OF_MEMORY", 75, Later, Memory, Critical, "the server is out of memory";
    /// This process, or the host, has as many files open as it may.
    TooManyFiles, "TOO_MANY_FILES", 75, Later, Configuration, Critical, "too many open files";
    /// A lock was not granted in time.
    LockTimeout, "LOCK_TIMEOUT", 75, Now, Locks, Warning, "lock not granted";
    /// The server's lock table is full.
    LockTableFull, "LOCK_TABLE_FULL", 75, Later, Locks, Critical, "the server's lock table is full";
    /// Sessions waited for each other, and the server ended one of them.
    Deadlock, "DEADLOCK", 75, Now, Locks, Warning, "deadlock";
    /// A statement took longer than the server, the database or the role allows.
    StatementTimeout, "STATEMENT_TIMEOUT", 75, Never, Timeout, Critical, "a statement took too long";
    /// A serialization failure, or another conflict that passes.
    Conflict, "CONFLICT", 75, Now, Locks, Warning, "conflict with another session";
    /// Another run works in the same folder.
    AnotherRun, "ANOTHER_RUN", 75, Later, Locks, Warning, "another run is active";
    /// Wrong password or no rule that lets us in.
    AuthFailed, "AUTH_FAILED", 77, Never, Authentication, Critical, "authentication error";
    /// The role may not do that.
    PermissionDenied, "PERMISSION_DENIED", 77, Never, Permissions, Critical, "permission denied";
    /// File permissions are in the way, or too open for a secret.
    FilePermission, "FILE_PERMISSION", 77, Never, Permissions, Critical, "file permission";
    /// The configuration cannot be read or contradicts itself.
    Config, "CONFIG", 78, Never, Configuration, Critical, "configuration error";
    /// Something cannot be read completely, so there would be no backup of it.
    Incomplete, "INCOMPLETE", 1, Never, Permissions, Critical, "cannot be backed up completely";
    /// An object or type that is needed is not there.
    MissingObject, "MISSING_OBJECT", 1, Never, MissingObject, Critical, "something needed is missing";
    /// An extension is not installed on the server's host.
    MissingExtension, "MISSING_EXTENSION", 1, Never, MissingObject, Critical, "an extension is missing";
    /// A role is not there.
    MissingRole, "MISSING_ROLE", 1, Never, MissingObject, Critical, "a role is missing";
    /// A tablespace, or its folder, is not there.
    MissingTablespace, "MISSING_TABLESPACE", 1, Never, MissingObject, Critical, "a tablespace is missing";
    /// A collation or locale is not there.
    MissingCollation, "MISSING_COLLATION", 1, Never, MissingObject, Critical, "a collation is missing";
    /// A library that functions are in is not on the server's host.
    MissingLibrary, "MISSING_LIBRARY", 1, Never, MissingObject, Critical, "a library is missing";
    /// The target exists and holds something.
    TargetNotEmpty, "TARGET_NOT_EMPTY", 1, Never, Duplicate, Warning, "the target is not empty";
    /// An object exists already.
    DuplicateObject, "DUPLICATE_OBJECT", 1, Never, Duplicate, Ignorable, "the object exists";
    /// Rows break a rule of their table.
    ConstraintViolated, "CONSTRAINT_VIOLATED", 1, Never, Corruption, Critical, "rows break a rule";
    /// A character has no place in the encoding.
    Encoding, "ENCODING", 1, Never, Corruption, Critical, "characters do not fit the encoding";
    /// A number or time is outside of what its type holds.
    OutOfRange, "OUT_OF_RANGE", 1, Never, Corruption, Critical, "a value is out of range";
    /// The server refused a statement for another reason.
    SqlFailed, "SQL_FAILED", 1, Never, Internal, Critical, "the server refused a statement";
    /// Some parts failed, others are done.
    Partial, "PARTIAL", 1, Never, MissingObject, Critical, "not everything is done";
    /// Stopped by Ctrl-C or from the screen.
    Cancelled, "CANCELLED", 130, Now, Timeout, Ignorable, "cancelled";
    /// Stopped by SIGTERM or SIGHUP.
    Terminated, "TERMINATED", 143, Now, Timeout, Warning, "terminated";
}

impl Code {
    /// Whether something that is needed is not there: what depends on it fails only as a consequence.
    pub const fn is_missing(self) -> bool {
        matches!(
            self,
            Self::MissingObject
                | Self::MissingExtension
                | Self::MissingRole
                | Self::MissingTablespace
                | Self::MissingCollation
                | Self::MissingLibrary
        )
    }

    /// What an error of the operating system means, whatever was being done.
    pub fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        // ENFILE and EMFILE have no kind: the numbers are those of Linux, macOS and the BSDs alike.
        if matches!(error.raw_os_error(), Some(23 | 24)) {
            return Self::TooManyFiles;
        }
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::DiskFull,
            Kind::ReadOnlyFilesystem => Self::ReadOnlyFileSystem,
            Kind::OutOfMemory => Self::OutOfMemory,
            Kind::PermissionDenied => Self::FilePermission,
            Kind::NotFound => Self::FileMissing,
            _ => Self::Io,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_exit_codes_known() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!([1, 64, 65, 66, 69, 70, 73, 74, 75, 77, 78, 130, 143].contains(&code.exit()), "{code:?}");
        }
    }
}
