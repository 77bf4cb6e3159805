//! Flags of every command. Those that are settings are kept as text: `config` checks them and says where they came from.

use clap::Args;
use std::path::PathBuf;

/// Flags of every command.
#[derive(Debug, Default, Args)]
pub struct Globals {
    /// The connection.
    #[command(flatten)]
    pub connection: Connection,
    /// Read this configuration file too, last [env: DBBACKUP_CONFIG]
    #[arg(long, global = true, value_name = "FILE", help_heading = "General")]
    pub config: Option<PathBuf>,
    #[allow(missing_docs)]
    #[arg(long, global = true, help_heading = "General")]
    pub batch: bool,
    #[allow(missing_docs)]
    #[arg(long, global = true, help_heading = "General")]
    pub json: bool,
    #[allow(missing_docs)]
    #[arg(long, global = true, help_heading = "General")]
    pub quiet: bool,
    /// What is logged.
    #[command(flatten)]
    pub log: Log,
    #[allow(missing_docs)]
    #[arg(long, global = true, help_heading = "General")]
    pub no_color: bool,
    #[allow(missing_docs)]
    #[arg(long, global = true, value_name = "NAME", help_heading = "General")]
    pub theme: Option<String>,
    /// Check everything and show the plan; change nothing
    #[arg(long, short = 'n', global = true, help_heading = "General")]
    pub dry_run: bool,
    /// Confirm what is overwritten, by its name (no default: it is asked for each time)
    #[arg(long, global = true, value_name = "NAME", num_args = 0..=1, default_missing_value = "", help_heading = "General")]
    pub confirm: Option<String>,
}

/// How the server is reached. There is no password flag: arguments are visible to everybody on the host.
#[derive(Debug, Default, Args)]
#[allow(missing_docs)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    #[arg(long, short = 'd', global = true, value_name = "PRODUCT")]
    pub engine: Option<String>,
    #[arg(long, global = true, value_name = "HOST")]
    pub host: Option<String>,
    #[arg(long, global = true, value_name = "PORT")]
    pub port: Option<String>,
    #[arg(long, short = 'U', global = true, value_name = "ROLE")]
    pub user: Option<String>,
    #[arg(long, alias = "maintenance-db", global = true, value_name = "DATABASE")]
    pub dbname: Option<String>,
    #[arg(long, global = true, value_name = "DIR")]
    pub socket: Option<String>,
    #[arg(long, global = true, value_name = "MODE")]
    pub ssl_mode: Option<String>,
    #[arg(long, global = true, value_name = "FILE")]
    pub ssl_root_cert: Option<String>,
    #[arg(long, global = true, value_name = "FILE")]
    pub ssl_cert: Option<String>,
    #[arg(long, global = true, value_name = "FILE")]
    pub ssl_key: Option<String>,
    #[arg(long, global = true, value_name = "NAME")]
    pub server: Option<String>,
    #[arg(long, global = true, value_name = "FILE")]
    pub password_file: Option<String>,
    #[arg(long, global = true, value_name = "SECONDS")]
    pub connect_timeout: Option<String>,
    #[arg(long, global = true, value_name = "SECONDS")]
    pub lock_timeout: Option<String>,
    #[arg(long, global = true, value_name = "SECONDS")]
    pub network_timeout: Option<String>,
    #[arg(long, global = true)]
    pub debug_locks: bool,
}

/// What is logged and where.
#[derive(Debug, Default, Args)]
#[allow(missing_docs)]
#[command(next_help_heading = "Log")]
pub struct Log {
    #[arg(long, global = true, value_name = "WHERE")]
    pub log_target: Option<String>,
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<String>,
    #[arg(long, global = true, value_name = "FILE")]
    pub log_socket: Option<String>,
    #[arg(long, global = true, value_name = "LEVEL[,PART=LEVEL]")]
    pub log_level: Option<String>,
    #[arg(long, global = true, value_name = "FORM")]
    pub log_format: Option<String>,
    #[arg(long, global = true, value_name = "SIZE")]
    pub log_max_size: Option<String>,
    #[arg(long, global = true, value_name = "N")]
    pub log_max_files: Option<String>,
    #[arg(long, global = true, value_name = "SIZE")]
    pub log_max_total: Option<String>,
    #[arg(long, global = true, value_name = "SIZE")]
    pub log_min_free: Option<String>,
    #[arg(long, global = true, value_name = "FILE|off")]
    pub audit_file: Option<String>,
    /// Write everything that helps to find out what went wrong into one JSON file, without passwords
    #[arg(long, global = true, value_name = "FILE")]
    pub save_debug_log: Option<PathBuf>,
}

/// How hard the machine is worked.
#[derive(Debug, Default, Args)]
#[allow(missing_docs)]
pub struct Effort {
    #[arg(long, short = 'j', value_name = "N")]
    pub jobs: Option<String>,
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    #[arg(long, value_name = "SIZE")]
    pub chunk_size: Option<String>,
}
