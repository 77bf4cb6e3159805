//! What there is to know about each code: what it means, and what cures it. `docs/troubleshooting.md` is made from this table, and so is
//! the cure of a fault that brings none of its own.
//!
//! In commands, `{host}`, `{port}`, `{user}`, `{database}`, `{archive}` and `{dir}` stand for what the fault says of itself.

use super::{Code, Fault, Step};
use std::fmt::Write as _;

/// What there is to know about a code.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What it means: paragraphs of Markdown.
    pub about: &'static [&'static str],
    /// What cures it: words of Markdown, and the command that does it.
    pub cures: &'static [(&'static str, &'static str)],
}

impl Code {
    /// What there is to know about it.
    pub const fn page(self) -> Page {
        match self {
            Self::Usage => Page {
                about: &["A flag or argument is wrong, missing, or contradicts another one. Nothing was done."],
                cures: &[("See what the command takes, with examples:", "dbbackup backup single --help")],
            },
            Self::NotConfirmed => Page {
                about: &[
                    "A step that overwrites or drops something was not confirmed by the name of what it destroys. Nothing was done. This is the guard against restoring over the wrong database.",
                ],
                cures: &[
                    ("See what would happen:", "dbbackup restore single {archive} --target {database} --clean --dry-run"),
                    (
                        "Say that you mean it, by name:",
                        "dbbackup restore single {archive} --target {database} --clean --confirm {database}",
                    ),
                ],
            },
            Self::CorruptedBackup => Page {
                about: &[
                    "Bytes of the archive are not what was written: a checksum, a frame or the list of contents does not fit. The message names the entry and the offset in the file. Usual causes are a copy that went wrong and failing storage.",
                ],
                cures: &[
                    ("See everything that is wrong:", "dbbackup verify {archive} --full"),
                    (
                        "A plain dump with a command of psql's own in it (`\\!`, `\\copy`, `\\connect`) is refused with its line, and so is a dump of MySQL's with a statement that reaches beyond its database: no dump has such a line",
                        "",
                    ),
                    ("Compare the file with its checksum from the day it was made:", "sha256sum -c {archive}.sha256"),
                    ("Copy it again from where it came from, or use an older archive:", "dbbackup restore list --backup-dir {dir}"),
                ],
            },
            Self::TruncatedBackup => Page {
                about: &[
                    "The file ends before the archive does, so a copy or download was cut off. An archive that this program writes gets its name only when it is complete.",
                ],
                cures: &[
                    ("Compare the size with the one in the file beside it:", "ls -l {archive}; cat {archive}.meta.json"),
                    ("Copy the file again, then check it:", "dbbackup verify {archive} --full"),
                ],
            },
            Self::ForeignFile => Page {
                about: &[
                    "The file is neither an archive of this program nor a dump of `pg_dump`, `pg_dumpall`, `mysqldump`, `mariadb-dump` or `mydumper`. What a file is, is told by its content, never by its name.",
                ],
                cures: &[
                    ("See what the file is:", "file FILE"),
                    (
                        "A restore test of a dump cannot be made, since it carries no fingerprints: read it from end to end:",
                        "dbbackup verify FILE",
                    ),
                    ("Try it out under another name:", "dbbackup restore single FILE --target NAME --create"),
                ],
            },
            Self::FormatTooNew => Page {
                about: &[
                    "The archive was written by a newer dbbackup, or the dump by a newer pg_dump, in a format that this version does not know.",
                ],
                cures: &[(
                    "Use the newer version; or restore by hand, as the archive itself explains:",
                    "tar --zstd -xOf {archive} README.txt",
                )],
            },
            Self::ProofFailed => Page {
                about: &[
                    "What was restored is not what was backed up: rows, their fingerprints, sequence values or definitions differ. The list of differences is in the output. The restored database is left as it is, for a look.",
                ],
                cures: &[
                    (
                        "Was something else writing to the target? Restore into a new database and prove that:",
                        "dbbackup restore single {archive} --target shop_check --create --prove",
                    ),
                    ("Look for triggers or jobs on the target that change rows:", "psql -d {database} -c '\\dy'"),
                ],
            },
            Self::WalForeign => Page {
                about: &[
                    "A file of the write-ahead log is not what its name says, or was written by another server than the archive's. Each segment says in its first bytes where it begins, on which timeline, how large segments are, and the system identifier of its cluster; all of that must fit its name and the file `dbbackup-wal.json` in the archive. Two servers that share an archive would spoil each other's recovery, because their files have the same names. Nothing was archived or handed over.",
                ],
                cures: &[
                    ("See the server's own identifier:", "psql -c 'select system_identifier from pg_control_system()'"),
                    ("See the archive's:", "cat {dir}/dbbackup-wal.json"),
                    (
                        "Give each server an archive of its own. A cluster that was made anew (`initdb`, `pg_upgrade`) is another server and needs a new folder",
                        "",
                    ),
                ],
            },
            Self::FileMissing => Page {
                about: &["There is no file of that name. The message suggests the nearest one."],
                cures: &[("List the archives of a folder:", "dbbackup restore list --backup-dir {dir}")],
            },
            Self::DatabaseMissing => Page {
                about: &["The server has no database of that name. The message suggests the nearest one."],
                cures: &[
                    ("List the databases:", "dbbackup list --host {host} --user {user}"),
                    ("To restore into a new database, ask for it:", "dbbackup restore single {archive} --target {database} --create"),
                ],
            },
            Self::NotInArchive => Page {
                about: &["The archive holds no such table, schema, database or entry. The message suggests the nearest one."],
                cures: &[("See what is in it:", "dbbackup archive list {archive}")],
            },
            Self::ConnectionRefused => Page {
                about: &["The host answers, but nothing listens on that port or socket."],
                cures: &[
                    ("Is the server running there?", "pg_isready -h {host} -p {port}"),
                    ("See which host and port are used, and where they come from:", "dbbackup config show --origin"),
                ],
            },
            Self::HostUnknown => Page {
                about: &["The name cannot be resolved, or no route leads to the address."],
                cures: &[("Resolve it:", "getent hosts {host}")],
            },
            Self::ConnectTimeout => Page {
                about: &["The server did not answer within the time limit. A firewall that drops packets looks like this."],
                cures: &[
                    ("Try the port:", "pg_isready -h {host} -p {port} -t 5"),
                    ("Allow more time:", "dbbackup status --connect-timeout 30"),
                ],
            },
            Self::TlsFailed => Page {
                about: &[
                    "An encrypted connection could not be agreed on, or the server's certificate is not trusted or names another host.",
                ],
                cures: &[
                    ("Name the authority that signed it:", "dbbackup status --ssl-mode verify-full --ssl-root-cert ca.crt"),
                    ("See what the server offers:", "openssl s_client -starttls postgres -connect {host}:{port}"),
                    (
                        "MySQL and MariaDB speak TLS in their own way; a server that lets nobody in without it says error 3159:",
                        "openssl s_client -starttls mysql -connect {host}:{port}",
                    ),
                ],
            },
            Self::TooManyConnections => Page {
                about: &["All connection slots of the server, the database or the role are taken."],
                cures: &[
                    ("Use fewer connections:", "dbbackup backup single {database} --jobs 1"),
                    ("See who holds them:", "psql -c 'select usename, count(*) from pg_stat_activity group by 1 order by 2 desc'"),
                    ("MySQL and MariaDB:", "mysql -e 'show processlist'"),
                    (
                        "Behind a connection pooler it is the pool that is used up: a backup needs a session for its snapshot, one for pg_dump and one for each reader. Raise `default_pool_size` in pgbouncer.ini (then `RELOAD`), or connect to PostgreSQL itself.",
                        "",
                    ),
                ],
            },
            Self::ServerUnavailable => Page {
                about: &[
                    "The server is starting, stopping or recovering, or it ended the connection while we worked. Nothing that looks like a backup is left.",
                    "\"No byte has moved for 120 s\" means that the connection was open and dead: a statement may take as long as it wants, but when nothing moves for as long as `--network-timeout` says, another session asks the server, and only where the server waits for us while we wait for it, or does not answer at all, the session is given up. Look at the proxy, firewall or tunnel between here and the server.",
                ],
                cures: &[("Look at its log; then try again.", "")],
            },
            Self::ServerReadOnly => Page {
                about: &[
                    "The server takes no changes. It is a standby that follows a primary, or `default_transaction_read_only` is on for the server, the database or the role. MySQL and MariaDB: `read_only` or `super_read_only` is on, as on a replica. A backup can be taken there; a restore cannot go there.",
                ],
                cures: &[
                    (
                        "See which of both it is:",
                        "psql -h {host} -p {port} -U {user} -Atc 'select pg_is_in_recovery(), current_setting($$default_transaction_read_only$$)'",
                    ),
                    ("Restore to the primary instead: name its host.", ""),
                ],
            },
            Self::ToolMissing => Page {
                about: &[
                    "A backup reads definitions through pg_dump of the server's major version or newer, and there is none. Restoring our own archives needs no tool; a dump of pg_dump needs pg_restore or psql, pg_restore at least as new as the pg_dump that made it, and a psql that can be restricted (13.22, 14.19, 15.14, 16.10, 17.6 or newer).",
                ],
                cures: &[
                    ("Install the client programs:", "apt install postgresql-client"),
                    ("See which one is found:", "pg_dump --version"),
                ],
            },
            Self::ToolTooOld => Page {
                about: &[
                    "The newest client program that was found is older than what it has to read: a pg_dump cannot read a server that is newer than itself, and a pg_restore cannot read what a newer pg_dump wrote. The message lists what was found, and where.",
                ],
                cures: &[
                    ("Install the client programs of the server's version:", "apt install postgresql-client"),
                    ("If newer ones are in an unusual folder, name it:", "DBBACKUP_PG_BIN=/path/to/bin dbbackup status --host {host}"),
                ],
            },
            Self::VersionUnsupported => Page {
                about: &["The server's version is not one that this program knows. PostgreSQL 13 to 18 are."],
                cures: &[("See the version:", "psql -Atc 'show server_version'")],
            },
            Self::PoolerMode => Page {
                about: &[
                    "Between here and the server is a connection pooler (PgBouncer or another one) that gives no session that lasts: in transaction or statement mode a snapshot, a setting or a temporary table is gone, or meets somebody else, with the next transaction. Or it is in session mode and does not clean a session before the next client gets it. Nothing was set in any of its sessions: this is found out first.",
                ],
                cures: &[
                    (
                        "Connect to PostgreSQL itself: the message names the address at which the pooler reached it.:",
                        "dbbackup … --host {host} --port {port}",
                    ),
                    (
                        "Or give the role of the backups sessions of its own, in pgbouncer.ini: `[users]`, `backup = pool_mode=session`; then `RELOAD`.",
                        "",
                    ),
                    ("Where it does not clean: `server_reset_query = DISCARD ALL`, which is the default.", ""),
                ],
            },
            Self::Internal => Page {
                about: &[
                    "Something happened that cannot happen: a bug of this program. The database is not changed by a backup; a restore may have stopped half way.",
                ],
                cures: &[("Please report it, with the message and the log:", "dbbackup … --log-level debug --log-file dbbackup.log")],
            },
            Self::OutputUnwritable => Page {
                about: &[
                    "The backup folder cannot be made or written to: it is missing, read-only, not a folder, or belongs to somebody else.",
                ],
                cures: &[
                    ("Look at it:", "ls -ld {dir}; touch {dir}/x && rm {dir}/x"),
                    ("Use another one:", "dbbackup backup single {database} --backup-dir /other"),
                ],
            },
            Self::ReadOnlyFileSystem => Page {
                about: &[
                    "The file system is mounted read-only. When it was not meant to be, the kernel may have done so after errors of the device: look at those before anything else, and do not trust what lies there.",
                ],
                cures: &[
                    ("See how it is mounted:", "findmnt -T {dir}"),
                    ("See whether the kernel did it:", "dmesg --level=err,warn | tail -n 30"),
                    ("Write to another folder:", "dbbackup backup single {database} --backup-dir /other"),
                ],
            },
            Self::OutputExists => Page {
                about: &["A file of the archive's name exists already, and archives are never overwritten."],
                cures: &[(
                    "Wait a second, or put more into the name:",
                    "dbbackup backup single {database} --timestamp '%Y%m%d_%H%M%S_%3f'",
                )],
            },
            Self::WalArchiveMissing => Page {
                about: &[
                    "The folder of the archive of the write-ahead log does not exist, or it is there and holds nothing that shows that it is an archive (`dbbackup-wal.json`). Most often its disk is not mounted. A new, empty folder is never put in its place: segments would go to the wrong disk, and a recovery would end too early. The server keeps its log and tries again; nothing is lost as long as the disk of `pg_wal` has room.",
                ],
                cures: &[
                    ("See whether its disk is mounted:", "findmnt -T {dir}; ls -la {dir}"),
                    ("If it is to be a new archive, make the folder as the server's user:", "mkdir -m 700 {dir}"),
                ],
            },
            Self::WalConflict => Page {
                about: &[
                    "The archive holds a file of that name with other content. What is in an archive is never overwritten, because one of the two is needed for recovery and nobody but you knows which. Most often two servers of one origin archive into the same folder: a promoted standby and the old primary, or a copy that was started for a test. The server keeps its segment and tries again.",
                ],
                cures: &[
                    ("See which servers archive there, on each of them:", "psql -c 'show archive_command'"),
                    ("See when the archive's file was written:", "ls -l {dir}"),
                    ("Give the second server an archive of its own; then its command succeeds", ""),
                ],
            },
            Self::DiskFull => Page {
                about: &["No space is left, or no quota, where the archive is written. The unfinished file was removed."],
                cures: &[
                    ("See what is free:", "df -h {dir}; df -i {dir}"),
                    ("Compress harder:", "dbbackup backup single {database} --compression zstd:9"),
                ],
            },
            Self::InodesExhausted => Page {
                about: &[
                    "The file system has bytes free, and no room for a further file: its inodes are used up, mostly by very many small files. The unfinished file was removed.",
                ],
                cures: &[("See it:", "df -i {dir}"), ("Find the folder with the many files:", "du --inodes -x {dir} | sort -n | tail")],
            },
            Self::TempFull => Page {
                about: &[
                    "The folder for temporary files has no room. Backups and restores of our own archives need none; dumps of other programs may have to be unpacked first, and the files of a base backup are put together there. It is never filled to the brim: a twentieth, 64 MiB at most, is left free.",
                ],
                cures: &[
                    ("See what is free:", "df -h ${TMPDIR:-/tmp}"),
                    ("Name a folder with more room:", "dbbackup restore single {archive} --target {database} --create --workdir /big"),
                ],
            },
            Self::ServerDiskFull => Page {
                about: &["No space is left on the server's disk. Restoring needs room for tables, indexes and write-ahead log."],
                cures: &[
                    ("See what is free on the server's host:", "df -h /var/lib/postgresql"),
                    (
                        "Look at the plan's estimate: `dbbackup restore single ARCHIVE --target shop --create --dry-run`; it is rows and indexes of the manifest and 20 % more, and `--force` goes past it",
                        "",
                    ),
                ],
            },
            Self::Io => Page {
                about: &["Reading or writing failed below us; the operating system's own words are in the message."],
                cures: &[("Look for trouble with the device:", "dmesg | tail")],
            },
            Self::OutOfMemory => Page {
                about: &[
                    "The system gave us no more memory, or the kernel's out-of-memory killer ended a program that we had started. Under systemd, Docker or Kubernetes the limit is that of the control group, not that of the host.",
                ],
                cures: &[
                    ("Use less, for rows in flight and sessions:", "dbbackup backup single {database} --memory 64MB --jobs 1"),
                    ("See the limits and who was killed:", "dbbackup diagnose; dmesg | grep -i -E 'out of memory|oom'"),
                ],
            },
            Self::ServerOutOfMemory => Page {
                about: &[
                    "The server could not get the memory for a statement. Building indexes uses `maintenance_work_mem` for each session at work.",
                ],
                cures: &[
                    ("Work with fewer sessions at the same time:", "dbbackup restore single {archive} --target {database} --jobs 1"),
                    (
                        "See the server's settings:",
                        "psql -h {host} -p {port} -U {user} -c \"select name, setting, unit from pg_settings where name in ('work_mem', 'maintenance_work_mem', 'shared_buffers', 'max_connections')\"",
                    ),
                ],
            },
            Self::TooManyFiles => Page {
                about: &["This process, or the whole host, has as many files and connections open as it may."],
                cures: &[
                    ("See the limit, and raise it for this shell:", "ulimit -n; ulimit -n 4096"),
                    ("In a systemd unit: `LimitNOFILE=4096`.", ""),
                    ("Use fewer sessions:", "dbbackup backup single {database} --jobs 2"),
                ],
            },
            Self::LockTimeout => Page {
                about: &[
                    "A table is locked by somebody else, and stayed so for the whole of the lock timeout. A backup needs ACCESS SHARE locks, which wait for ALTER TABLE, VACUUM FULL and the like. The error names who held it when somebody was seen; while a job waits, its screen shows them as a tree, where `x` cancels and `X` terminates the chosen one.",
                ],
                cures: &[
                    ("Follow every change of who waits for whom in the log:", "dbbackup backup single {database} --debug-locks"),
                    (
                        "See who blocks whom:",
                        "psql -c 'select pid, pg_blocking_pids(pid), query from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0'",
                    ),
                    ("Wait longer:", "dbbackup backup single {database} --lock-timeout 600"),
                ],
            },
            Self::LockTableFull => Page {
                about: &[
                    "The server's lock table is full: the database has more objects than max_locks_per_transaction × (max_connections + max_prepared_transactions) has room for.",
                ],
                cures: &[
                    ("Raise it; it holds after a restart of the server:", "psql -c 'alter system set max_locks_per_transaction = 512'"),
                    (
                        "Plans of backups and restores say beforehand how many locks they need:",
                        "dbbackup restore single {archive} --target {database} --create --dry-run",
                    ),
                ],
            },
            Self::Deadlock => Page {
                about: &[
                    "Sessions waited for each other in a circle, and the server ended one of them: ours. Nothing of the statement stays. It passes, and is tried again by itself where that is safe.",
                ],
                cures: &[
                    ("Run this again, when whoever changes the tables is done.", ""),
                    (
                        "See who waits for whom while it lasts:",
                        "psql -h {host} -p {port} -U {user} -c 'select pid, pg_blocking_pids(pid), query from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0'",
                    ),
                ],
            },
            Self::StatementTimeout => Page {
                about: &[
                    "A statement took longer than `statement_timeout` of the server, the database or the role allows. Our own sessions set it off; what is seen here comes from a pooler, an extension, or a limit that is set again by the server.",
                ],
                cures: &[
                    (
                        "See where it is set:",
                        "psql -h {host} -p {port} -U {user} -c \"select setdatabase::regclass, setrole::regrole, setconfig from pg_db_role_setting\"",
                    ),
                    (
                        "Take it off for the role of the backups:",
                        "psql -h {host} -p {port} -c 'alter role {user} set statement_timeout = 0'",
                    ),
                ],
            },
            Self::Conflict => Page {
                about: &[
                    "A serialization failure, a standby that cancelled our query because of recovery, or a table that was truncated, rewritten, renamed or dropped each time a backup began. It passes.",
                ],
                cures: &[(
                    "Try again; on a standby, let queries live longer:",
                    "psql -c \"alter system set max_standby_streaming_delay = '30min'\"",
                )],
            },
            Self::AnotherRun => Page {
                about: &[
                    "Another run works on the same target and holds its lock, or a restore into this database was interrupted: its ledger, the schema `_dbbackup`, is still there.",
                ],
                cures: &[
                    ("Wait for it, or see what it is:", "ps -C dbbackup -o pid,lstart,args"),
                    (
                        "Go on with the interrupted restore:",
                        "dbbackup restore single {database}.tar.zst --resume-from-manifest restore-manifest-….json",
                    ),
                    ("Or give it up: restore with `--clean`, or drop the schema `_dbbackup`.", ""),
                ],
            },
            Self::AuthFailed => Page {
                about: &[
                    "The password is wrong or missing, or pg_hba.conf has no rule that lets this role in from here. MySQL and MariaDB: there is no account for this user and this host, or it proves passwords in a way that this program does not have.",
                ],
                cures: &[
                    ("See where the connection's settings come from (a password is never shown):", "dbbackup config show --origin"),
                    ("Try it with psql:", "psql -h {host} -U {user} -d postgres"),
                    ("See the server's rules:", "psql -c 'select * from pg_hba_file_rules'"),
                    (
                        "MySQL and MariaDB: see which accounts there are; the message names the host that the server sees us at:",
                        "mysql -e 'select user, host, plugin from mysql.user'",
                    ),
                ],
            },
            Self::PermissionDenied => Page {
                about: &[
                    "The role may not do what it has to. A backup needs to read every table; a restore needs to create objects and to give them to their owners.",
                ],
                cures: &[
                    ("Let a role read everything (PostgreSQL 14 and newer):", "psql -c 'grant pg_read_all_data to {user}'"),
                    (
                        "MySQL and MariaDB: see what the user may; the message has the GRANT that is missing:",
                        "mysql -h {host} -u {user} -p -e 'show grants'",
                    ),
                    (
                        "MySQL, where a restore is told that local data are disabled: let clients send rows:",
                        "mysql -e 'set global local_infile = on'",
                    ),
                    (
                        "Restore without owners and rights:",
                        "dbbackup restore single {archive} --target {database} --create --no-owner --no-acl",
                    ),
                ],
            },
            Self::FilePermission => Page {
                about: &["File permissions are in the way; or a file that holds a password can be read by others and is refused."],
                cures: &[("Close it:", "chmod 600 ~/.pgpass ~/.config/dbbackup/config.toml")],
            },
            Self::Config => Page {
                about: &[
                    "A configuration file or environment variable cannot be read, names an unknown key, or holds a value of the wrong form. The message names the file and the key.",
                ],
                cures: &[("Check all layers:", "dbbackup config check"), ("See which files are read, in order:", "dbbackup config path")],
            },
            Self::Incomplete => Page {
                about: &[
                    "Something cannot be read completely, so there would be no true backup of it; the message names it. Row-level security that hides rows from the backup's role is the usual cause. MySQL and MariaDB: a table is damaged on the server (`CHECK TABLE` says how). No archive is left.",
                ],
                cures: &[("Use a role that sees all rows:", "psql -c 'alter role {user} bypassrls'")],
            },
            Self::MissingObject => Page {
                about: &[
                    "Something that the archive needs is not on the target: a type, a function, a table, a schema. Extensions, roles, tablespaces, collations and libraries have codes of their own. It is looked for before anything is changed.",
                ],
                cures: &[
                    ("Restore the whole schema, or the whole database:", "dbbackup restore single {archive} --target {database} --create"),
                    (
                        "Restore what does not need it, and have the rest listed:",
                        "dbbackup restore single {archive} --target {database} --create --force --continue-on-error",
                    ),
                ],
            },
            Self::MissingExtension => Page {
                about: &[
                    "The archive needs an extension whose files are not on the target server's host. It is looked for before anything is changed. Everything that depends on it is counted under this one cause.",
                ],
                cures: &[
                    (
                        "See which extensions the server could install:",
                        "psql -h {host} -p {port} -U {user} -c 'select name, default_version from pg_available_extensions order by 1'",
                    ),
                    ("Install its package on the server's host, for example:", "apt-get install postgresql-contrib"),
                    (
                        "Restore what does not need it, and have the rest listed:",
                        "dbbackup restore single {archive} --target {database} --create --force --continue-on-error",
                    ),
                ],
            },
            Self::MissingRole => Page {
                about: &[
                    "The archive names a role that the target server does not have: as an owner, or as one that has rights. Roles belong to the whole server; only a cluster restore brings them.",
                ],
                cures: &[
                    ("See which roles there are:", "psql -h {host} -p {port} -U {user} -c '\\du'"),
                    (
                        "Give what it owned to another role:",
                        "dbbackup restore single {archive} --target {database} --create --map-role old=new",
                    ),
                    ("Leave owners and rights out:", "dbbackup restore single {archive} --target {database} --create --no-owner --no-acl"),
                ],
            },
            Self::MissingTablespace => Page {
                about: &["A tablespace, or the folder on the server's host that it lies in, is not there."],
                cures: &[
                    (
                        "Put everything into the default one:",
                        "dbbackup restore single {archive} --target {database} --create --no-tablespaces",
                    ),
                    (
                        "Or make its folder on the server's host, empty and owned by the server's user:",
                        "install -d -m 700 -o postgres /path/of/the/tablespace",
                    ),
                ],
            },
            Self::MissingCollation => Page {
                about: &[
                    "A collation or locale that the archive's database was made with is not known on the target's host: the C library's locales are those of its operating system, ICU's depend on how the server was built.",
                ],
                cures: &[
                    ("See the locales of the host:", "locale -a"),
                    (
                        "Make one that is missing (Debian), then restart the server:",
                        "sed -i 's/^# *de_DE.UTF-8/de_DE.UTF-8/' /etc/locale.gen && locale-gen",
                    ),
                    (
                        "Or make the database yourself with another locale, and restore into it:",
                        "createdb -h {host} -p {port} -U {user} -T template0 --locale C.UTF-8 {database}",
                    ),
                ],
            },
            Self::MissingLibrary => Page {
                about: &[
                    "A function is in a library that is not on the target server's host: the package of an extension is missing or of another version.",
                ],
                cures: &[
                    ("See where the server looks for them:", "pg_config --pkglibdir"),
                    ("Install the package that has it, for example:", "apt-get install postgresql-contrib"),
                ],
            },
            Self::TargetNotEmpty => Page {
                about: &["The target database or table exists and holds something, and nothing is overwritten unasked."],
                cures: &[
                    ("Restore into a new one:", "dbbackup restore single {archive} --target shop2 --create"),
                    ("Or replace it:", "dbbackup restore single {archive} --target {database} --clean --confirm {database}"),
                ],
            },
            Self::DuplicateObject => Page {
                about: &["An object of the same name exists on the target already."],
                cures: &[(
                    "Restore one table beside the old one:",
                    "dbbackup restore table {archive} public.orders --target {database} --as public.orders_old",
                )],
            },
            Self::ConstraintViolated => Page {
                about: &[
                    "Rows break a rule of their table: a unique key, a foreign key, a check, a column that may not be empty. The message names the rule and the table. An archive holds what one moment saw, so a whole restore into an empty database does not meet this unless the source itself held such rows: a foreign key that was added NOT VALID, an index that was corrupt, a check whose function changed.",
                ],
                cures: &[
                    (
                        "Rows were loaded beside others? Restore into a new table:",
                        "dbbackup restore table {archive} public.orders --target {database} --as public.orders_old",
                    ),
                    ("Prove the archive itself:", "dbbackup verify {archive} --restore-test"),
                    (
                        "Go on with everything else and get the whole list:",
                        "dbbackup restore single {archive} --target {database} --create --continue-on-error",
                    ),
                ],
            },
            Self::Encoding => Page {
                about: &[
                    "A character of the archive has no place in the encoding of the target database, or bytes are not what the encoding allows.",
                ],
                cures: &[
                    ("See the encodings:", "psql -h {host} -p {port} -U {user} -l"),
                    ("Restore into a database of the archive's own encoding: `--create` makes one.", ""),
                ],
            },
            Self::OutOfRange => Page {
                about: &[
                    "A number, date or time is outside of what its column's type holds. Servers that were built otherwise, or a column whose type was changed after the backup, lead to this.",
                ],
                cures: &[
                    (
                        "Restore the definition too, not rows alone:",
                        "dbbackup restore table {archive} public.orders --target {database} --as public.orders_old",
                    ),
                    ("Compare the versions:", "dbbackup archive show {archive}"),
                ],
            },
            Self::SqlFailed => Page {
                about: &[
                    "The server refused a statement. The message holds the statement, its object, the server's words and its SQLSTATE.",
                ],
                cures: &[
                    ("Look the SQLSTATE up in appendix A of PostgreSQL's documentation.", ""),
                    (
                        "Go on with everything else and get the whole list:",
                        "dbbackup restore single {archive} --target {database} --create --continue-on-error",
                    ),
                ],
            },
            Self::Partial => Page {
                about: &[
                    "Some parts failed while others are done; the message lists them, each with its cause. An archive of a cluster says in its manifest which databases are missing and why.",
                    "A restore tells the root causes first, the one with the most consequences on top: `extension postgis is missing → 19 tables, 42 indexes not restored`, each with what cures it, and at the end the command that restores what failed again. Of a cluster, `cluster-restore-failures-<time>.json` beside the archive lists each failed and each skipped object. A cluster restore ends with exit code 0 where at least 80 percent of its databases are complete; it is never called a plain success then.",
                ],
                cures: &[
                    ("See what an archive holds:", "dbbackup archive show {archive}"),
                    ("Another share than 80 percent, or all of it: `--success-threshold PERCENT`, `--require-all`", ""),
                    (
                        "Have what failed dropped or put aside: `--on-failure drop`, `--on-failure rename` (only databases that the run made itself)",
                        "",
                    ),
                ],
            },
            Self::Cancelled => Page {
                about: &[
                    "Stopped by Ctrl-C or from the screen. What was begun on the server is cancelled, unfinished files and databases that the run had made are removed. What could not be removed is named.",
                ],
                cures: &[("Run it again.", "")],
            },
            Self::Terminated => Page {
                about: &[
                    "Stopped by SIGTERM or SIGHUP: a service manager, a time limit, or a terminal that went away. Cleaned up like a cancelled run.",
                ],
                cures: &[("Run it again; over an unreliable line, inside tmux or screen.", "")],
            },
        }
    }
}

impl Page {
    /// The cure for a fault, its own names filled in. What it does not say of itself stands there in capitals, for a person to fill in.
    pub(super) fn steps(self, fault: &Fault) -> Vec<Step> {
        let said = |title: &str| fault.context.iter().find(|(known, _)| known == title).map(|(_, value)| value.as_str());
        let address = said("Host").unwrap_or_default();
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
            _ => (address, ""),
        };
        let or = |value: Option<&str>, otherwise: &str| match value {
            Some(value) if !value.is_empty() => shell_words::quote(value).into_owned(),
            _ => otherwise.to_owned(),
        };
        let names = [
            ("{host}", or(Some(host), "HOST")),
            ("{port}", or(Some(port), "PORT")),
            ("{user}", or(said("User"), "ROLE")),
            ("{database}", or(said("Database"), "DATABASE")),
            ("{archive}", or(said("Archive"), "ARCHIVE")),
            ("{dir}", or(said("Folder").or_else(|| said("Path")), "FOLDER")),
        ];
        let fill = |command: &str| names.iter().fold(command.to_owned(), |command, (name, value)| command.replace(name, value));
        let step =
            |(text, command): &(&str, &str)| Step { text: text.replace('`', ""), command: (!command.is_empty()).then(|| fill(command)) };
        self.cures.iter().map(step).collect()
    }
}

/// What a person reads of a code at the terminal.
pub fn explain(code: Code) -> String {
    let mut out = format!("{}: {}\n", code.as_str(), code.title());
    let _ =
        writeln!(out, "exit code {}, {}, category {}; {}\n", code.exit(), code.severity().as_str(), code.category().as_str(), again(code));
    for paragraph in code.page().about {
        let _ = writeln!(out, "{}\n", wrapped(&paragraph.replace('`', "")));
    }
    for (at, (text, command)) in code.page().cures.iter().enumerate() {
        let _ = writeln!(out, "{:>3}. {}", at + 1, text.replace('`', ""));
        if !command.is_empty() {
            let _ = writeln!(out, "       {}", example(command));
        }
    }
    out
}

/// A paragraph in lines that are easy to read.
fn wrapped(paragraph: &str) -> String {
    const WIDTH: usize = 100;
    let (mut out, mut line) = (String::new(), 0);
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if line > 0 && line + 1 + length > WIDTH {
            out.push('\n');
            line = 0;
        } else if line > 0 {
            out.push(' ');
            line += 1;
        }
        out.push_str(word);
        line += length;
    }
    out
}

const fn again(code: Code) -> &'static str {
    match code.retry() {
        super::Retry::Never => "trying again does not help",
        super::Retry::Later => "trying again helps when something has changed",
        super::Retry::Now => "trying again helps",
    }
}

/// A command with names that stand for a reader's own.
fn example(command: &str) -> String {
    let names = [
        ("{host}", "db01"),
        ("{port}", "5432"),
        ("{user}", "backup"),
        ("{database}", "shop"),
        ("{archive}", "ARCHIVE"),
        ("{dir}", "/backups"),
    ];
    names.iter().fold(command.to_owned(), |command, (name, value)| command.replace(name, value))
}

/// The whole of `docs/troubleshooting.md`.
pub fn document() -> String {
    let mut out = String::from(OPENING);
    for code in Code::ALL {
        let _ = writeln!(out, "\n## {}\n", code.as_str());
        let (title, category, severity) = (code.title(), code.category().as_str(), code.severity());
        let _ = writeln!(
            out,
            "*{title}* · exit code {} · {category} · {} ({} of 3) · {}\n",
            code.exit(),
            severity.as_str(),
            severity.number(),
            again(*code)
        );
        for paragraph in code.page().about {
            let _ = writeln!(out, "{paragraph}\n");
        }
        for (text, command) in code.page().cures {
            let _ = if command.is_empty() { writeln!(out, "- {text}") } else { writeln!(out, "- {text} `{}`", example(command)) };
        }
    }
    out
}

/// How the document begins.
const OPENING: &str = "\
# Troubleshooting

Every failure has a code. It stands at the end of the first line of the message, in JSON output, and here; `dbbackup explain CODE` shows the same at a
terminal. The codes and their exit codes are stable, so that scripts can rely on them. `ARCHIVE`, `shop`, `db01` and `/backups` stand for your own names; the
program's own messages have them filled in. This file is made from the program's own table.

A message says what failed, on what, the root cause in the server's or the system's own words, and how to fix it:

    [FAIL] Backup failed: authentication error                        AUTH_FAILED
      cannot log in
      Host: db01:5432

      Root cause: password authentication failed for user \"backup\"

      How to fix:
        1. …
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_without_a_cure_gets_that_of_its_code_with_its_own_names() {
        let bare = Fault::new(Code::DiskFull, "x").at("Folder", "/my backups").at("Host", "db07:6543");
        let cured = bare.cured();
        assert_eq!(cured.steps[0].command.as_deref(), Some("df -h '/my backups'; df -i '/my backups'"));
        let own = Fault::new(Code::DiskFull, "x").step("Mine.").cured();
        assert_eq!(own.steps.len(), 1);
        for code in Code::ALL {
            let page = code.page();
            assert!(!page.about.is_empty() && !page.cures.is_empty(), "{}", code.as_str());
            for step in Fault::new(*code, "x").cured().steps.iter() {
                assert!(!step.command.as_deref().unwrap_or_default().contains(['{', '}']) || code == &Code::TempFull, "{step:?}");
            }
        }
    }

    #[test]
    fn an_address_without_a_port_is_a_host() {
        let fault = Fault::new(Code::HostUnknown, "x").at("Host", "/run/postgresql").cured();
        assert_eq!(fault.steps[0].command.as_deref(), Some("getent hosts /run/postgresql"));
    }
}
