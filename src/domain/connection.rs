//! Where a server is and how to reach it. Holds no password: those are looked up when a connection is made.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A database product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Product {
    /// PostgreSQL 13 to 18.
    #[default]
    Postgres,
    /// MySQL 8.0 and newer. In a [`Connection`] also where it is not known yet which of the two it is: they are reached alike.
    Mysql,
    /// MariaDB 10.6 and newer.
    Mariadb,
}

impl Product {
    /// Those that there are.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Mysql, Self::Mariadb];

    /// The word in flags, configuration and archives.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
        }
    }

    /// The name that people know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Mariadb => "MariaDB",
        }
    }

    /// The product that an archive names, as [`Product::name`] writes it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|product| product.name() == name)
    }

    /// Whether it speaks MySQL's protocol.
    pub const fn is_mysql(self) -> bool {
        matches!(self, Self::Mysql | Self::Mariadb)
    }

    /// The port that its servers listen on unless they are told otherwise.
    pub const fn port(self) -> u16 {
        if self.is_mysql() { 3306 } else { 5432 }
    }

    /// The user that a server is made with.
    pub const fn user(self) -> &'static str {
        if self.is_mysql() { "root" } else { "postgres" }
    }

    /// The database that work on the whole server logs in to; MySQL's sessions need none.
    pub const fn home_database(self) -> &'static str {
        if self.is_mysql() { "" } else { "postgres" }
    }
}

impl FromStr for Product {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|product| product.word() == text);
        known.ok_or_else(|| format!("no database product {text:?}: postgres, mysql or mariadb"))
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// libpq's `sslmode` values with libpq's meaning (PostgreSQL documentation, section 34.19).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// Plain first, TLS when the server insists.
    Allow,
    /// TLS when the server has it, else plain; nothing is verified.
    #[default]
    Prefer,
    /// TLS or nothing; verified as `VerifyCa` when a root certificate file is there.
    Require,
    /// TLS with a certificate signed by a trusted authority.
    VerifyCa,
    /// The same, and the certificate names this host.
    VerifyFull,
}

impl SslMode {
    /// The word used by libpq.
    pub const fn name(self) -> &'static str {
        match self {
            SslMode::Disable => "disable",
            SslMode::Allow => "allow",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        }
    }
}

impl FromStr for SslMode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        // What MySQL's clients call them, which they take in small letters too.
        let words = ["DISABLED", "", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"];
        [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull]
            .into_iter()
            .zip(words)
            .find_map(|(mode, word)| (mode.name() == text || !word.is_empty() && word.eq_ignore_ascii_case(text)).then_some(mode))
            .ok_or_else(|| format!("no ssl mode {text:?}: disable, allow, prefer, require, verify-ca or verify-full"))
    }
}

/// A server to talk to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The `[servers.NAME]` section it came from.
    pub name: Option<String>,
    /// The product.
    pub product: Product,
    /// A host name, an address, or, when it starts with a slash, a unix socket: the folder of PostgreSQL's, the file of MySQL's.
    pub host: String,
    /// The port; it names the socket file too.
    pub port: u16,
    /// The role to log in as.
    pub user: String,
    /// The database to log in to for work that concerns the whole server.
    pub database: String,
    /// How TLS is used.
    pub ssl_mode: SslMode,
    /// The file of trusted root certificates (`sslrootcert`); `None` or `system`: the host's own store.
    pub ssl_root_cert: Option<PathBuf>,
    /// A client certificate (`sslcert`).
    pub ssl_cert: Option<PathBuf>,
    /// Its key (`sslkey`).
    pub ssl_key: Option<PathBuf>,
    /// How long to wait for a connection, in seconds.
    pub connect_timeout: u64,
    /// How long to wait for a lock on the server, in seconds; 0 waits for ever.
    pub lock_timeout: u64,
    /// After how many seconds without a byte a session is looked after: a statement at work may take longer, a dead peer may not.
    #[serde(default = "network_timeout")]
    pub network_timeout: u64,
    /// Whether the whole tree of who waits for whom is logged each time it changes.
    #[serde(default)]
    pub debug_locks: bool,
}

const fn network_timeout() -> u64 {
    120
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            name: None,
            product: Product::Postgres,
            host: "localhost".into(),
            port: 5432,
            user: "postgres".into(),
            database: "postgres".into(),
            ssl_mode: SslMode::Prefer,
            ssl_root_cert: None,
            ssl_cert: None,
            ssl_key: None,
            connect_timeout: 10,
            lock_timeout: 60,
            network_timeout: network_timeout(),
            debug_locks: false,
        }
    }
}

impl Connection {
    /// The usual way to a server of a product on this host.
    pub fn to(product: Product) -> Self {
        Self { product, port: product.port(), user: product.user().into(), database: product.home_database().into(), ..Self::default() }
    }

    /// The flags that lead to it again, unquoted; what is as usual is left out.
    pub fn words(&self) -> Vec<String> {
        let usual = Connection::to(self.product);
        let mut words = Vec::new();
        if self.name.is_none() && self.product != Product::Postgres {
            words.extend(["-d".to_owned(), self.product.word().to_owned()]);
        }
        // A value that begins with a dash would be read as a flag.
        let mut flag = |flag: &str, value: String| match value.starts_with('-') {
            true => words.push(format!("{flag}={value}")),
            false => words.extend([flag.to_owned(), value]),
        };
        match &self.name {
            Some(name) => flag("--server", name.clone()),
            None => {
                flag(if self.is_socket() && self.product.is_mysql() { "--socket" } else { "--host" }, self.host.clone());
                if self.port != usual.port {
                    flag("--port", self.port.to_string());
                }
                flag("--user", self.user.clone());
                if self.database != usual.database {
                    flag("--dbname", self.database.clone());
                }
                if self.lock_timeout != usual.lock_timeout {
                    flag("--lock-timeout", self.lock_timeout.to_string());
                }
                if self.ssl_mode != SslMode::Prefer {
                    flag("--ssl-mode", self.ssl_mode.name().to_owned());
                }
                if let Some(path) = &self.ssl_root_cert {
                    flag("--ssl-root-cert", path.to_string_lossy().into_owned());
                }
            }
        }
        if self.debug_locks {
            words.insert(0, "--debug-locks".to_owned());
        }
        words
    }

    /// `db01:5432`, or the socket's path.
    pub fn address(&self) -> String {
        if self.is_socket() && self.product.is_mysql() {
            self.host.clone()
        } else if self.is_socket() {
            format!("{}/.s.PGSQL.{}", self.host.trim_end_matches('/'), self.port)
        } else if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What a person types to confirm work on the whole server: `HOST:PORT`; `local:PORT` for PostgreSQL's socket, whose name is its port,
    /// and the file itself for MySQL's, whose port is only that of its network, and not known here.
    pub fn confirm_name(&self) -> String {
        match (self.is_socket(), self.product.is_mysql()) {
            (true, true) => self.host.clone(),
            (true, false) => format!("local:{}", self.port),
            (false, _) => format!("{}:{}", self.host, self.port),
        }
    }

    /// Whether it is reached through a unix socket.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// The name of the section, or the address.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.confirm_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_mysql_is_known_by_its_file_whatever_port_is_said() {
        let at = |product, host: &str, port| Connection { host: host.into(), port, ..Connection::to(product) }.confirm_name();
        assert_eq!(at(Product::Mysql, "/run/a.sock", 3306), at(Product::Mysql, "/run/a.sock", 3307));
        assert_ne!(at(Product::Mariadb, "/run/a.sock", 3306), at(Product::Mariadb, "/run/b.sock", 3306));
        assert_eq!(at(Product::Postgres, "/run", 5433), "local:5433");
        assert_eq!(at(Product::Mysql, "db01", 3307), "db01:3307");
    }
}
