//! The one table of settings. Flags, environment variables, config keys, `config show`, `config init` and `--help` are made from it.

pub use crate::domain::setting::{Kind, switch, timestamp, verify};

/// A setting.
#[derive(Debug)]
pub struct Setting {
    /// Which.
    pub key: Key,
    /// Its name in files: `backup.jobs`.
    pub name: &'static str,
    /// Its long flag without dashes: `jobs`; none for what stands in files only.
    pub flag: Option<&'static str>,
    /// Environment variables of other programs that mean the same; `DBBACKUP_<FLAG>` is asked first.
    pub also: &'static [&'static str],
    /// What it must look like.
    pub kind: Kind,
    /// The default; none where the host decides, or there is none.
    pub default: Option<&'static str>,
    /// What it is, in one line.
    pub doc: &'static str,
}

macro_rules! settings {
    ($($id:ident $name:literal $flag:expr, $also:expr, $kind:expr, $default:expr, $doc:literal;)*) => {
        /// A setting's key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Key { $(#[doc = $doc] $id,)* }

        /// All settings, in the order in which they are shown.
        pub const SETTINGS: &[Setting] = &[
            $(Setting { key: Key::$id, name: $name, flag: $flag, also: &$also, kind: $kind, default: $default, doc: $doc },)*
        ];
    };
}

settings! {
    Engine "connection.engine" Some("engine"), [], Kind::Word(&["postgres", "mysql", "mariadb"]), Some("postgres"), "Database product";
    Host "connection.host" Some("host"), ["PGHOST", "MYSQL_HOST"], Kind::Text, Some("localhost"), "Server's host name or address, or where its socket is";
    Port "connection.port" Some("port"), ["PGPORT", "MYSQL_TCP_PORT"], Kind::Number(1, 65_535), Some("5432"), "Server's port; 3306 for MySQL and MariaDB";
    User "connection.user" Some("user"), ["PGUSER"], Kind::Text, Some("postgres"), "Role to log in as; root for MySQL and MariaDB";
    Database "connection.database" Some("dbname"), ["PGDATABASE"], Kind::Text, Some("postgres"), "Database to log in to for work on the whole server; none for MySQL and MariaDB";
    Socket "connection.socket" Some("socket"), ["MYSQL_UNIX_PORT"], Kind::Path, None, "Folder of the server's unix socket, for MySQL and MariaDB its file; used instead of the host";
    SslMode "connection.ssl_mode" Some("ssl-mode"), ["PGSSLMODE"], Kind::SslMode, Some("prefer"), "TLS, as libpq's sslmode: disable, allow, prefer, require, verify-ca, verify-full; MySQL's words for them will do too";
    SslRootCert "connection.ssl_root_cert" Some("ssl-root-cert"), ["PGSSLROOTCERT"], Kind::Path, None, "File of trusted root certificates";
    SslCert "connection.ssl_cert" Some("ssl-cert"), ["PGSSLCERT"], Kind::Path, None, "Client certificate";
    SslKey "connection.ssl_key" Some("ssl-key"), ["PGSSLKEY"], Kind::Path, None, "Key of the client certificate";
    Password "connection.password" None, [], Kind::Secret, None, "Password (the file must be readable by its owner only; ~/.pgpass or ~/.my.cnf is better)";
    PasswordFile "connection.password_file" Some("password-file"), [], Kind::Path, None, "File whose first line is the password";
    ConnectTimeout "connection.connect_timeout" Some("connect-timeout"), ["PGCONNECT_TIMEOUT"], Kind::Number(1, 3_600), Some("10"), "Seconds to wait for a connection";
    LockTimeout "connection.lock_timeout" Some("lock-timeout"), [], Kind::Number(0, 86_400), Some("60"), "Seconds to wait for a lock on the server; 0 waits for ever";
    NetworkTimeout "connection.network_timeout" Some("network-timeout"), [], Kind::Number(1, 86_400), Some("120"), "Seconds without a byte after which a session is looked after, and given up when it is dead";
    DebugLocks "connection.debug_locks" Some("debug-locks"), [], Kind::Switch, Some("false"), "Log the whole tree of who waits for whose lock each time it changes";
    Server "connection.server" Some("server"), [], Kind::Text, None, "Name of a [servers.NAME] section to use";
    BackupDir "backup.dir" Some("backup-dir"), ["BACKUP_DIR"], Kind::Path, Some("."), "Folder for archives";
    Compression "backup.compression" Some("compression"), ["COMPRESSION"], Kind::Compression, Some("zstd:3"), "Codec and level: zstd:1-19, gzip:1-9, lz4, xz:0-9, none";
    Level "backup.level" Some("compression-level"), ["COMPRESSION_LEVEL"], Kind::Number(0, 19), None, "Level of the codec, when --compression names none";
    Jobs "backup.jobs" Some("jobs"), [], Kind::Number(1, 256), None, "Connections and threads at work at the same time; default: processors, 2 to 16";
    Memory "backup.memory" Some("memory"), [], Kind::Size(16 << 20), None, "Most memory for rows in flight; default: a quarter of RAM, at most 512MB";
    ChunkSize "backup.chunk_size" Some("chunk-size"), [], Kind::Size(64 << 10), None, "Size of a chunk before compression; default: 2MiB or what the memory holds";
    Verify "backup.verify" Some("verify"), ["VERIFY_AFTER_BACKUP"], Kind::Verify, Some("auto"), "Check after a backup: auto (full for single, quick for cluster), quick, full, off";
    Timestamp "backup.timestamp" Some("timestamp"), [], Kind::Timestamp, Some("local"), "Time in file names: local, utc or a strftime pattern";
    ClusterParallelism "cluster.parallelism" Some("cluster-parallelism"), [], Kind::Number(1, 64), Some("2"), "Databases worked on at the same time";
    SuccessThreshold "cluster.success_threshold" Some("success-threshold"), [], Kind::Number(0, 100), Some("80"), "Percent of a cluster's databases that must be restored for exit code 0";
    RequireAll "cluster.require_all" Some("require-all"), [], Kind::Switch, Some("false"), "Any failure of a cluster restore is one of the whole run; a role or tablespace that fails ends it";
    Prove "restore.prove" Some("prove"), [], Kind::Switch, Some("false"), "Compare everything with the fingerprints after a restore";
    NoOwner "restore.no_owner" Some("no-owner"), [], Kind::Switch, Some("false"), "Leave owners out of a restore";
    NoAcl "restore.no_acl" Some("no-acl"), [], Kind::Switch, Some("false"), "Leave GRANTs out of a restore";
    NoTablespaces "restore.no_tablespaces" Some("no-tablespaces"), [], Kind::Switch, Some("false"), "Leave tablespaces out of a restore";
    ToastCompression "restore.toast_compression" Some("toast-compression"), [], Kind::Word(&["pglz", "lz4"]), None, "Compression of long values in restored tables: pglz or lz4";
    ContinueOnError "restore.continue_on_error" Some("continue-on-error"), [], Kind::Switch, Some("false"), "Go on with other databases and objects after a failure";
    OnFailure "restore.on_failure" Some("on-failure"), [], Kind::Word(&["keep", "drop", "rename"]), Some("keep"), "What becomes of a database that failed, if this run made it: keep, drop, rename to NAME_failed_TIME";
    Retries "restore.retries" Some("retries"), [], Kind::Number(0, 100), Some("2"), "Try again so often what may pass: a lost connection, a conflict, a lock that is not granted, a full server";
    VerifyFirst "restore.verify_first" Some("verify-first"), [], Kind::Word(&["quick", "full"]), Some("quick"), "Before anything is touched, check the archive: quick (its structure) or full (every byte)";
    Binlog "restore.binlog" Some("binlog"), [], Kind::Word(&["on", "off"]), Some("on"), "MySQL: write what is restored into the server's binary log, from which replicas and recovery to a moment take it: on, off (needs a right)";
    Rehearse "restore.rehearse" Some("rehearse"), [], Kind::Word(&["auto", "on", "off"]), Some("auto"), "Try the definitions out in a scratch database first: auto (where it takes seconds), on, off";
    Workdir "restore.workdir" Some("workdir"), [], Kind::Path, None, "Folder in which temporary files get a folder of their own; default: $TMPDIR or /tmp";
    KeepTemp "restore.keep_temp" Some("keep-temp"), [], Kind::Switch, Some("false"), "Leave the temporary folder for a look";
    WalDir "wal.dir" Some("archive-dir"), [], Kind::Path, None, "Folder of the archive of the write-ahead log";
    WalCompression "wal.compression" Some("wal-compression"), [], Kind::Compression, Some("zstd:3"), "Codec and level of archived segments: zstd:1-19, gzip:1-9, lz4, none (wal archive takes --compression too)";
    WalJobs "wal.jobs" Some("wal-jobs"), [], Kind::Number(1, 32), Some("2"), "Segments archived or fetched at the same time; 1: never more than the one that the server asks for";
    WalPrefetch "wal.prefetch" Some("wal-prefetch"), [], Kind::Number(0, 256), Some("8"), "Segments fetched ahead of a recovery; 0: none";
    WalSpool "wal.spool" Some("wal-spool"), [], Kind::Path, None, "Folder for what is fetched ahead and what is remembered between calls; default: a hidden one in the server's pg_wal";
    BinlogDir "binlog.dir" Some("binlog-dir"), [], Kind::Path, None, "Folder of the archive of the binary log";
    BinlogCompression "binlog.compression" Some("binlog-compression"), [], Kind::Compression, Some("zstd:3"), "Codec and level of archived binary logs: zstd:1-19, gzip:1-9, lz4, none";
    PitrTimezone "pitr.timezone" Some("target-timezone"), [], Kind::Text, None, "Time zone of moments that are typed without one: Europe/Berlin, UTC; without it such a moment is refused";
    Batch "output.batch" Some("batch"), [], Kind::Switch, Some("false"), "Never open the full screen";
    Json "output.json" Some("json"), [], Kind::Switch, Some("false"), "Print JSON";
    Quiet "output.quiet" Some("quiet"), [], Kind::Switch, Some("false"), "Print errors only";
    NoColor "output.no_color" Some("no-color"), [], Kind::Switch, Some("false"), "No colours (NO_COLOR is respected too)";
    Theme "output.theme" Some("theme"), [], Kind::Text, Some("default-dark"), "Colours: default-dark, default-light, colour-blind, high-contrast, mono";
    LogTarget "log.target" Some("log-target"), [], Kind::Word(&["file", "syslog", "journald", "off"]), Some("file"), "Where the log goes: file, syslog, journald, off";
    LogFile "log.file" Some("log-file"), [], Kind::Path, None, "File to log to; default: /var/log/dbbackup/dbbackup.log for root, ~/.local/state/dbbackup/dbbackup.log for others";
    LogSocket "log.socket" Some("log-socket"), [], Kind::Path, None, "Socket of syslog or journald; default: /dev/log, /run/systemd/journal/socket";
    LogLevel "log.level" Some("log-level"), [], Kind::Levels, Some("info"), "How much is logged: off, error, warn, info, debug, trace; of single parts too: info,engine=debug";
    LogFormat "log.format" Some("log-format"), [], Kind::Word(&["text", "json"]), Some("text"), "Lines of the log: text or json";
    LogMaxSize "log.max_size" Some("log-max-size"), [], Kind::Size(64 << 10), Some("100MB"), "Size at which a log file is rotated";
    LogMaxFiles "log.max_files" Some("log-max-files"), [], Kind::Number(1, 1000), Some("10"), "Log files that are kept, the current one among them";
    LogMaxTotal "log.max_total" Some("log-max-total"), [], Kind::Size(64 << 10), Some("1GB"), "Size that all log files together never exceed";
    LogMinFree "log.min_free" Some("log-min-free"), [], Kind::Size(0), Some("100MB"), "Space that stays free on the log's disk (at most a twentieth of it); the log pauses before it is used";
    AuditFile "log.audit_file" Some("audit-file"), [], Kind::Path, None, "File that says who did what, or off; default: audit.jsonl in the default folder of the log";
}

impl Setting {
    /// The setting of a key.
    pub fn of(key: Key) -> &'static Setting {
        SETTINGS.iter().find(|setting| setting.key == key).expect("the macro makes a setting for every key")
    }

    /// The setting of a name in files.
    pub fn named(name: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Our own environment variable: `DBBACKUP_JOBS`.
    pub fn variable(&self) -> Option<String> {
        self.flag.map(|flag| format!("DBBACKUP_{}", flag.replace('-', "_").to_ascii_uppercase()))
    }

    /// Section and key: (`backup`, `jobs`).
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// Whether it describes a connection and may stand in a `[servers.NAME]` section.
    pub fn is_of_connection(&self) -> bool {
        self.parts().0 == "connection" && self.key != Key::Server
    }

    /// Why a text is no value of this setting.
    pub fn check(&self, text: &str) -> Result<(), String> {
        self.kind.check(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::spec::{NameTime, VerifyMode};
    use std::collections::HashSet;

    #[test]
    fn every_key_flag_and_default_is_sound() {
        let (mut names, mut flags) = (HashSet::new(), HashSet::new());
        for setting in SETTINGS {
            assert!(names.insert(setting.name) && setting.name.contains('.'), "{}", setting.name);
            assert!(setting.flag.is_none_or(|flag| flags.insert(flag)), "{:?}", setting.flag);
            if let Some(default) = setting.default {
                assert_eq!(setting.check(default), Ok(()), "{}", setting.name);
            }
            assert!(Setting::of(setting.key).name == setting.name);
        }
    }

    #[test]
    fn values_out_of_range_are_refused_with_the_reason() {
        let refused = |name: &str, text: &str| Setting::named(name).expect(name).check(text).expect_err(text);
        assert!(refused("backup.jobs", "0").contains("between 1 and 256"));
        assert!(refused("backup.jobs", "four").contains("not a number"));
        assert!(refused("backup.memory", "1kB").contains("too small"));
        assert!(refused("connection.engine", "postgers").contains("did you mean postgres?"));
        assert!(refused("backup.timestamp", "a/%Y").contains("slash"));
        assert!(refused("backup.timestamp", "%!").contains("%!"));
        assert_eq!(verify("false"), Ok(VerifyMode::Off));
        assert_eq!(timestamp("%Y-%m-%d"), Ok(NameTime::Pattern("%Y-%m-%d".into())));
    }
}
