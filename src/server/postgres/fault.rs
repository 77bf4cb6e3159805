//! What a driver's error means: a code by SQLSTATE or by the kind of failure below it, the server's words, and the first steps of a cure.
//! SQLSTATEs are those of PostgreSQL's appendix A, "Error Codes".

use crate::domain::{Code, Connection, Fault};
use std::error::Error as _;
use std::io::ErrorKind;
use tokio_postgres::error::DbError;

/// A fault from a driver's error, with what was being done.
pub fn classify(what: impl Into<String>, error: &tokio_postgres::Error) -> Fault {
    let what = what.into();
    let Some(db) = error.as_db_error() else {
        return steps(Fault::new(transport(error), what).caused_by(error));
    };
    let code = match db.routine() {
        // Databases are made and dropped with a checkpoint. One fails where what is to be written cannot be, and that is told with a state
        // that says nothing (XX000) and a message that is translated (checkpointer.c).
        Some("RequestCheckpoint") => Code::ServerDiskFull,
        _ => server(db.code().code(), db.message(), db.hint().unwrap_or_default()),
    };
    let mut fault = Fault::new(code, what).because(db.message()).with_sqlstate(db.code().code());
    if let Some(detail) = db.detail() {
        fault = fault.at("Detail", detail);
    }
    if let Some(hint) = db.hint() {
        fault = fault.at("Hint", hint);
    }
    if let Some(place) = db.where_() {
        fault = fault.at("Where", place);
    }
    for (name, value) in objects(db) {
        fault = fault.at(name, value);
    }
    steps(fault)
}

/// What an error is about, by fields of its own: the server fills them in for broken rules (class 23) and for conversions of some types
/// (documentation, "Error and Notice Message Fields").
fn objects(db: &DbError) -> impl Iterator<Item = (&'static str, String)> {
    let within = |name: &str| db.schema().map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
    [
        ("Table", db.table().map(within)),
        ("Column", db.column().map(str::to_owned)),
        // The schema is the table's, where there is one.
        ("Type", db.datatype().map(|name| if db.table().is_none() { within(name) } else { name.to_owned() })),
        ("Constraint", db.constraint().map(str::to_owned)),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|value| (name, value)))
}

/// The code of a server's error, by its SQLSTATE; message and hint tell apart what shares one.
pub fn server(state: &str, message: &str, hint: &str) -> Code {
    match state {
        "28P01" | "28000" => Code::AuthFailed,
        "3D000" => Code::DatabaseMissing,
        "53300" => Code::TooManyConnections,
        "57P01" | "57P02" | "57P03" | "57P05" => Code::ServerUnavailable,
        "42501" => Code::PermissionDenied,
        "53100" => Code::ServerDiskFull,
        "25006" => Code::ServerReadOnly,
        "53200" if hint.contains("max_locks_per_transaction") || hint.contains("max_pred_locks") => Code::LockTableFull,
        "53200" => Code::ServerOutOfMemory,
        "55P03" => Code::LockTimeout,
        // A replay conflict on a standby comes as 40001 too, and passes just so.
        "40001" => Code::Conflict,
        "40P01" => Code::Deadlock,
        "57014" if message.contains("statement timeout") => Code::StatementTimeout,
        "57014" => Code::Cancelled,
        // The state says that something is missing; the words, where they are English, what.
        "42704" if message.starts_with("role ") => Code::MissingRole,
        "42704" if message.starts_with("tablespace ") => Code::MissingTablespace,
        "42704" if message.starts_with("collation ") => Code::MissingCollation,
        "42704" if message.starts_with("required extension ") => Code::MissingExtension,
        "22023" if message.contains("default_tablespace") => Code::MissingTablespace,
        "58P01" if message.contains("extension control file") => Code::MissingExtension,
        "58P01" if message.starts_with("could not access file") || message.starts_with("could not load library") => Code::MissingLibrary,
        "42P01" | "42704" | "3F000" | "42883" | "58P01" => Code::MissingObject,
        "0A000" if message.contains("extension") && message.contains("not available") => Code::MissingExtension,
        "42P07" | "42710" | "42P06" | "42723" | "42P04" => Code::DuplicateObject,
        // Two sessions that create the same thing at once collide in the catalog's own unique index.
        "23505" if message.contains("\"pg_") => Code::DuplicateObject,
        "22021" | "22P05" => Code::Encoding,
        "22003" | "22008" => Code::OutOfRange,
        _ if state.starts_with("23") => Code::ConstraintViolated,
        // An index page or TOAST chunk that cannot be read.
        "XX001" | "XX002" => Code::Incomplete,
        // PgBouncer's complaints all have the same state; the words are fixed.
        "08P01" if message.contains("query_wait_timeout") || message.contains("no more connections allowed") => Code::TooManyConnections,
        "08P01" if message.contains("client connections exceeded") => Code::TooManyConnections,
        "08P01" if message.starts_with("no such database") => Code::DatabaseMissing,
        "08P01" if message.contains("authentication failed") || message.contains("no such user") => Code::AuthFailed,
        _ if state.starts_with("08") => Code::ServerUnavailable,
        _ if state.starts_with("58") => Code::Io,
        _ => Code::SqlFailed,
    }
}

/// The code of a failure below the protocol.
fn transport(error: &tokio_postgres::Error) -> Code {
    let text = error.to_string();
    let mut deeper = error.source();
    while let Some(cause) = deeper {
        if cause.downcast_ref::<rustls::Error>().is_some() {
            return Code::TlsFailed;
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            if io.get_ref().is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some()) {
                return Code::TlsFailed;
            }
            match io.kind() {
                // A socket file that is not there is a server that does not listen there.
                ErrorKind::ConnectionRefused | ErrorKind::NotFound => return Code::ConnectionRefused,
                ErrorKind::TimedOut => return Code::ConnectTimeout,
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => return Code::HostUnknown,
                ErrorKind::PermissionDenied | ErrorKind::OutOfMemory => return Code::of_io(io),
                _ if Code::of_io(io) == Code::TooManyFiles => return Code::TooManyFiles,
                _ if io.to_string().contains("lookup address") || io.to_string().contains("resolve any address") => {
                    return Code::HostUnknown;
                }
                _ => {}
            }
        }
        if cause.to_string().contains("password missing") {
            return Code::AuthFailed;
        }
        deeper = cause.source();
    }
    // The driver keeps its kinds to itself; their texts are fixed.
    match text.as_str() {
        "error performing TLS handshake" => Code::TlsFailed,
        "authentication error" => Code::AuthFailed,
        "timeout waiting for server" => Code::ConnectTimeout,
        "invalid configuration" | "invalid connection string" => Code::Config,
        "connection closed" | "error communicating with the server" | "error connecting to server" => Code::ServerUnavailable,
        _ => Code::SqlFailed,
    }
}

/// First steps that need no names.
pub fn steps(fault: Fault) -> Fault {
    match fault.code {
        Code::LockTableFull => fault
            .step_run("Let a session hold more locks, then restart the server:", "ALTER SYSTEM SET max_locks_per_transaction = 1024;")
            .step("Or back up fewer tables at a time: one database, or some of its schemas."),
        Code::LockTimeout => fault
            .step_run(
                "See who holds the lock:",
                "SELECT pid, usename, state, xact_start, query FROM pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY xact_start;",
            )
            .step("Try again when it is gone, or wait longer: --lock-timeout SECONDS (0 waits for ever)."),
        Code::ServerDiskFull => fault.step_run("Look for room on the server's disks:", "df -h").step("Free some, then run this again."),
        Code::ServerUnavailable => fault.step("See the server's log, and run this again when the server accepts connections."),
        Code::Deadlock => fault.step("Run this again: the other session has gone on."),
        Code::Conflict => fault.step("Run this again. On a standby, max_standby_streaming_delay lets long reads finish."),
        _ => fault,
    }
}

/// Adds where it happened.
pub fn located(fault: Fault, connection: &Connection, database: &str) -> Fault {
    fault.at("Database", database).at("Host", connection.address()).at("User", &connection.user)
}

/// Adds where it happened, and the steps that need names: what to look at, how to try it by hand. Never a password.
pub fn place(fault: Fault, connection: &Connection, database: &str) -> Fault {
    let psql = psql(connection, database);
    let user = &connection.user;
    let fault = located(fault, connection, database);
    match fault.code {
        Code::AuthFailed => fault
            .step_run("See where the password comes from:", origin(connection))
            .step_run("Try the same by hand:", psql)
            .step("If that asks for a password and works, give dbbackup that password: PGPASSWORD, ~/.pgpass or password_file in the configuration.")
            .step_run(
                "If it is refused, see which rule of pg_hba.conf meets you:",
                "psql -U postgres -c 'SELECT line_number, type, database, user_name, address, auth_method FROM pg_hba_file_rules'",
            ),
        Code::DatabaseMissing => fault.step_run("List the databases:", self::psql(connection, "postgres") + " -l"),
        Code::ConnectionRefused => fault
            .step_run("See whether a server listens there:", format!("pg_isready -h {} -p {}", shell_words::quote(&connection.host), connection.port))
            .step("Check host and port, and that listen_addresses in postgresql.conf covers this network."),
        Code::HostUnknown => fault
            .step_run("See whether the name is known:", format!("getent hosts {}", shell_words::quote(&connection.host)))
            .step("Check the spelling of the host, and the network."),
        Code::ConnectTimeout => fault
            .step_run("See whether it answers at all:", format!("pg_isready -h {} -p {}", shell_words::quote(&connection.host), connection.port))
            .step("A firewall that drops packets looks like this. Wait longer with connect_timeout in the configuration."),
        Code::TlsFailed => fault
            .step_run("See what the server shows:", format!("openssl s_client -starttls postgres -connect {}:{}", connection.host, connection.port))
            .step(format!("sslmode is {}: verify-ca and verify-full need sslrootcert to be the authority that signed the server's certificate.", connection.ssl_mode.name())),
        Code::TooManyConnections => fault
            .step("Use fewer connections: --jobs 1.")
            .step_run("Or raise the limit, then restart the server:", "ALTER SYSTEM SET max_connections = 200;"),
        Code::FilePermission => fault.step(format!("Let this user reach the socket {}.", connection.address())),
        Code::PermissionDenied => fault
            .step_run("Give the role the right to read everything:", format!("GRANT pg_read_all_data TO {};", super::quote::ident(user)))
            .step("Or use a role that is superuser."),
        Code::ServerUnavailable => fault.step_run("See whether it is back:", format!("pg_isready -h {} -p {}", shell_words::quote(&connection.host), connection.port)),
        _ => fault,
    }
}

/// The command that says where the password of a connection comes from.
fn origin(connection: &Connection) -> String {
    let mut words = vec!["dbbackup".to_owned(), "config".into(), "show".into(), "--origin".into(), "connection.password".into()];
    if let Some(name) = &connection.name {
        words.extend(["--server".into(), name.clone()]);
    }
    words.extend([
        "--host".into(),
        connection.host.clone(),
        "--port".into(),
        connection.port.to_string(),
        "--user".into(),
        connection.user.clone(),
    ]);
    shell_words::join(words)
}

/// The psql command line that opens the same session.
fn psql(connection: &Connection, database: &str) -> String {
    let conninfo = format!("dbname={database} sslmode={}", connection.ssl_mode.name());
    shell_words::join(["psql", "-h", &connection.host, "-p", &connection.port.to_string(), "-U", &connection.user, "-d", &conninfo])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_have_their_codes() {
        for (state, message, hint, code) in [
            ("28P01", "", "", Code::AuthFailed),
            ("53200", "out of shared memory", "You might need to increase \"max_locks_per_transaction\".", Code::LockTableFull),
            ("53200", "out of memory", "", Code::ServerOutOfMemory),
            ("08006", "", "", Code::ServerUnavailable),
            ("08P01", "query_wait_timeout", "", Code::TooManyConnections),
            ("08P01", "no such database: shop", "", Code::DatabaseMissing),
            ("08P01", "pgbouncer cannot connect to server", "", Code::ServerUnavailable),
            ("57014", "canceling statement due to user request", "", Code::Cancelled),
            ("57014", "canceling statement due to statement timeout", "", Code::StatementTimeout),
            ("23505", "duplicate key value violates unique constraint \"pg_type_typname_nsp_index\"", "", Code::DuplicateObject),
            ("23505", "duplicate key value violates unique constraint \"orders_pkey\"", "", Code::ConstraintViolated),
            ("58030", "", "", Code::Io),
            ("58P01", "could not open extension control file", "", Code::MissingExtension),
            ("58P01", "could not access file \"$libdir/postgis-3\": No such file", "", Code::MissingLibrary),
            ("58P01", "Datei nicht da", "", Code::MissingObject),
            ("42704", "role \"bob\" does not exist", "", Code::MissingRole),
            ("42704", "type \"mood\" does not exist", "", Code::MissingObject),
            ("40P01", "deadlock detected", "", Code::Deadlock),
            ("25006", "cannot execute CREATE TABLE in a read-only transaction", "", Code::ServerReadOnly),
            ("22021", "invalid byte sequence", "", Code::Encoding),
            ("22003", "integer out of range", "", Code::OutOfRange),
        ] {
            assert_eq!(server(state, message, hint), code, "{state} {message}");
        }
    }

    #[test]
    fn the_cure_names_the_server_and_quotes_for_the_shell() {
        let connection = Connection { host: "db01".into(), user: "o'neill".into(), ..Connection::default() };
        let fault = place(Fault::new(Code::AuthFailed, "cannot log in"), &connection, "shop");
        assert_eq!(
            fault.steps[0].command.as_deref(),
            Some("dbbackup config show --origin connection.password --host db01 --port 5432 --user 'o'\\''neill'")
        );
        let command = fault.steps[1].command.clone().expect("a command");
        assert_eq!(shell_words::split(&command).expect("a shell line")[6], "o'neill");
        assert!(command.starts_with("psql -h db01 -p 5432 -U "), "{command}");
    }
}
