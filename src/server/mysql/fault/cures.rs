//! What cures an error of the server's, with real names: its words name accounts, databases and rights, and the connection has the rest.

use crate::domain::connection::Product;
use crate::domain::{Code, Connection, Fault};
use crate::server::mysql::quote::{ident, literal};

/// Steps that need nothing but the server's words.
pub fn steps(fault: Fault, number: u16, message: &str) -> Fault {
    match (fault.code, number) {
        (_, 1153 | 1301) => fault
            .step_run("Let the server take larger packets, for sessions that begin after that:", "SET GLOBAL max_allowed_packet = 1073741824;")
            .step("Set max_allowed_packet = 1G in the server's configuration too, so that it stays."),
        (_, 1148 | 3948 | 4166) => fault
            .step_run("Let clients send rows to the server:", "SET GLOBAL local_infile = ON;")
            .step("Rows are sent as LOAD DATA LOCAL INFILE, and the server does not allow that."),
        (_, 1129) => fault
            .step_run("Let the server forget the errors of this host:", "mysqladmin flush-hosts")
            .step("It counts connections that break before their login; max_connect_errors says how many are too many."),
        (_, 1418 | 1419) => fault.step_run(
            "Let routines be made where a binary log is written:",
            "SET GLOBAL log_bin_trust_function_creators = ON;",
        ),
        (_, 1290) if message.contains("skip-grant-tables") => fault.step("Start the server without --skip-grant-tables."),
        (Code::Incomplete, _) => fault
            .step("A table is damaged on the server. See what is wrong with it, and repair it (MyISAM, Aria) or restore it from an older backup.")
            .step_run("Look at it:", match table(message) {
                Some(table) => format!("CHECK TABLE {} EXTENDED;", ident(table)),
                None => "CHECK TABLE … EXTENDED;".to_owned(),
            }),
        (Code::ServerReadOnly, _) => {
            fault.step_run("See whether it is a replica:", "SELECT @@global.read_only; SHOW REPLICA STATUS;").step("Restore to the primary.")
        }
        (Code::LockTimeout, _) => fault
            .step_run("See who holds the lock:", "SHOW FULL PROCESSLIST; SELECT * FROM information_schema.innodb_trx ORDER BY trx_started;")
            .step("Try again when it is gone, or wait longer: --lock-timeout SECONDS (0 waits for ever)."),
        (Code::LockTableFull, _) => fault.step_run("Give locks more room:", "SET GLOBAL innodb_buffer_pool_size = …;"),
        (Code::ServerDiskFull, _) => fault
            .step_run("Look for room on the server's disks:", "df -h")
            .step_run("Binary logs that no replica needs any more take room too:", "SHOW BINARY LOGS;")
            .step("Free some, then run this again."),
        (Code::ServerUnavailable, _) => fault.step("See the server's log, and run this again when the server accepts connections."),
        (Code::Deadlock, _) => fault.step("Run this again: the other session has gone on."),
        (Code::Conflict, _) => fault.step("Run this again: a definition changed meanwhile."),
        _ => fault,
    }
}

/// The table that the server's words are about: `Table 't' is marked as crashed and should be repaired`, `Index for table './d/t' is corrupt`.
fn table(message: &str) -> Option<&str> {
    let name = quoted(message)?.0;
    Some(name.rsplit('/').next().unwrap_or(name).trim_end_matches(".MYI").trim_end_matches(".MAI"))
}

/// The first text between quotes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let at = text.find(['\'', '`'])?;
    let quote = char::from(text.as_bytes()[at]);
    text[at + 1..].split_once(quote)
}

/// The account that the server's words name, quoted: `'a'@'10.0.0.9'`.
fn account(message: &str) -> Option<(String, &str)> {
    let (user, rest) = quoted(message)?;
    let (host, rest) = quoted(rest.strip_prefix('@')?)?;
    Some((format!("{}@{}", literal(user), literal(host)), rest))
}

/// The statement that gives the right which the server's words miss.
fn grant(message: &str, connection: &Connection, database: &str) -> Option<String> {
    let whole = |database: &str| if database.is_empty() { "*.*".to_owned() } else { format!("{}.*", ident(database)) };
    // Access denied; you need (at least one of) the PROCESS privilege(s) for this operation
    if let Some((_, rest)) = message.split_once("(at least one of) the ") {
        let (list, _) = rest.split_once(" privilege")?;
        // Any of them will do; SUPER, which gives nearly everything, only where there is no other.
        let rights: Vec<&str> = list.split(", ").flat_map(|some| some.split(" or ")).map(str::trim).collect();
        let right = rights.iter().find(|right| **right != "SUPER").or(rights.first())?;
        // A session through the socket is known as one of localhost.
        let host = if connection.is_socket() { "localhost" } else { "%" };
        return Some(format!("GRANT {right} ON *.* TO {}@{};", literal(&connection.user), literal(host)));
    }
    let (account, rest) = account(message)?;
    // Access denied for user 'a'@'h' to database 'd'
    if rest.contains("to database") {
        return Some(format!("GRANT ALL PRIVILEGES ON {} TO {account};", whole(quoted(rest)?.0)));
    }
    // SELECT command denied to user 'a'@'h' for table `d`.`t`, or 't' alone
    let right = message.split(" command denied").next().filter(|right| right.len() < message.len())?;
    let within = match quoted(rest) {
        Some((name, after)) if after.starts_with('.') => name.to_owned(),
        Some((name, _)) => name.split_once('.').map_or_else(|| database.to_owned(), |(within, _)| within.to_owned()),
        None => database.to_owned(),
    };
    Some(format!("GRANT {} ON {} TO {account};", right.to_ascii_uppercase(), whole(&within)))
}

/// Adds where it happened.
pub fn located(fault: Fault, connection: &Connection, database: &str) -> Fault {
    let fault = if database.is_empty() { fault } else { fault.at("Database", database) };
    fault.at("Host", connection.address()).at("User", &connection.user)
}

/// Adds where it happened, and the steps that need names: what to look at, how to try it by hand. Never a password.
pub fn place(fault: Fault, connection: &Connection, database: &str) -> Fault {
    let fault = located(fault, connection, database);
    let said = fault.causes.first().cloned().unwrap_or_default();
    match fault.code {
        Code::AuthFailed => {
            let fault = fault
                .step_run("See where the password comes from:", origin(connection))
                .step_run("Try the same by hand:", client(connection, database))
                .step("If that asks for a password and works, give dbbackup that password: MYSQL_PWD, ~/.my.cnf or password_file in the configuration.")
                .step_run(
                    "If it is refused, see which accounts there are; the host of one has to fit this host:",
                    format!("SELECT user, host, plugin FROM mysql.user WHERE user = {};", literal(&connection.user)),
                );
            match account(&said) {
                Some((account, _)) => fault.step_run(
                    "If there is none for this host, make one for backups:",
                    format!("CREATE USER {account} IDENTIFIED BY '…'; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS, REPLICATION CLIENT ON *.* TO {account};"),
                ),
                None => fault,
            }
        }
        Code::PermissionDenied => match grant(&said, connection, database) {
            Some(sql) => fault
                .step_run("Let somebody who may give this user the right:", sql)
                .step_run("See as whom the server knows us, and what that may:", "SELECT CURRENT_USER(); SHOW GRANTS;"),
            None if fault.steps.is_empty() => {
                fault.step_run("See as whom the server knows us, and what that may:", "SELECT CURRENT_USER(); SHOW GRANTS;")
            }
            None => fault,
        },
        Code::DatabaseMissing => fault.step_run("List the databases:", client(connection, "") + " -e 'SHOW DATABASES'"),
        Code::ConnectionRefused => fault
            .step_run("See whether a server listens there:", ping(connection))
            .step("Check host and port, and that bind-address in the server's configuration covers this network (skip-networking is off)."),
        Code::HostUnknown => fault
            .step_run("See whether the name is known:", format!("getent hosts {}", shell_words::quote(&connection.host)))
            .step("Check the spelling of the host, and the network."),
        Code::ConnectTimeout => fault
            .step_run("See whether it answers at all:", ping(connection))
            .step("A firewall that drops packets looks like this. Wait longer with connect_timeout in the configuration."),
        Code::TlsFailed if said.contains("secure transport") || said.contains("error 3159") => fault.step(format!(
            "The server lets nobody in without TLS, and ssl mode is {}: use --ssl-mode require.",
            connection.ssl_mode.name()
        )),
        Code::TlsFailed => fault
            .step_run(
                "See what the server shows:",
                format!("openssl s_client -starttls mysql -connect {}:{}", connection.host, connection.port),
            )
            .step(format!(
                "ssl mode is {}: verify-ca and verify-full need the file of the authority that signed the server's certificate.",
                connection.ssl_mode.name()
            )),
        Code::TooManyConnections => fault
            .step("Use fewer connections: --jobs 1.")
            .step_run("Or raise the limit:", "SET GLOBAL max_connections = 300;")
            .step_run("Or the account's own:", format!("ALTER USER {}@'%' WITH MAX_USER_CONNECTIONS 0;", literal(&connection.user))),
        Code::FilePermission => fault.step(format!("Let this user reach the socket {}.", connection.address())),
        Code::ServerUnavailable => fault.step_run("See whether it is back:", ping(connection)),
        _ => fault,
    }
}

/// The command that says where the password of a connection comes from.
fn origin(connection: &Connection) -> String {
    let mut words = vec!["dbbackup".to_owned(), "config".into(), "show".into(), "--origin".into(), "connection.password".into()];
    words.extend(["--engine".into(), connection.product.word().into()]);
    if let Some(name) = &connection.name {
        words.extend(["--server".into(), name.clone()]);
    }
    if connection.is_socket() {
        words.extend(["--socket".into(), connection.host.clone()]);
    } else {
        words.extend(["--host".into(), connection.host.clone(), "--port".into(), connection.port.to_string()]);
    }
    words.extend(["--user".into(), connection.user.clone()]);
    shell_words::join(words)
}

/// The words that lead a stock program to the server.
fn way(connection: &Connection) -> Vec<String> {
    let mut words = if connection.is_socket() {
        vec!["-S".to_owned(), connection.host.clone()]
    } else {
        vec!["-h".to_owned(), connection.host.clone(), "-P".into(), connection.port.to_string()]
    };
    words.extend(["-u".into(), connection.user.clone()]);
    words
}

/// The stock client's command line that opens the same session.
fn client(connection: &Connection, database: &str) -> String {
    let program = if connection.product == Product::Mariadb { "mariadb" } else { "mysql" };
    let mut words = vec![program.to_owned()];
    words.extend(way(connection));
    words.push("-p".into());
    words.extend((!database.is_empty()).then(|| database.to_owned()));
    shell_words::join(words)
}

fn ping(connection: &Connection) -> String {
    let program = if connection.product == Product::Mariadb { "mariadb-admin" } else { "mysqladmin" };
    let mut words = vec![program.to_owned()];
    words.extend(way(connection));
    shell_words::join(words) + " ping"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::mysql::fault::classify;
    use crate::server::mysql::wire::Error;

    fn commands(number: u16, message: &str, database: &str) -> Vec<String> {
        let connection = Connection { host: "db01".into(), user: "o'neill".into(), ..Connection::to(Product::Mysql) };
        let error = Error::Server { number, sqlstate: "42000".into(), message: message.into() };
        let fault = place(classify("cannot", &error), &connection, database);
        fault.steps.iter().filter_map(|step| step.command.clone()).collect()
    }

    #[test]
    fn a_missing_right_is_given_by_the_statement_that_is_shown() {
        for (number, message, sql) in [
            (1044, "Access denied for user 'a'@'10.0.0.9' to database 'shop'", "GRANT ALL PRIVILEGES ON `shop`.* TO 'a'@'10.0.0.9';"),
            (1142, "SELECT command denied to user 'a'@'h' for table `shop`.`t`", "GRANT SELECT ON `shop`.* TO 'a'@'h';"),
            (1142, "INSERT, DELETE command denied to user 'a'@'h' for table 't'", "GRANT INSERT, DELETE ON `here`.* TO 'a'@'h';"),
            (1370, "execute command denied to user 'a'@'h' for routine 'shop.f'", "GRANT EXECUTE ON `shop`.* TO 'a'@'h';"),
            (
                1227,
                "Access denied; you need (at least one of) the PROCESS privilege(s) for this operation",
                "GRANT PROCESS ON *.* TO 'o''neill'@'%';",
            ),
            (
                1227,
                "Access denied; you need (at least one of) the SUPER or SET_ANY_DEFINER privilege(s) for this operation",
                "GRANT SET_ANY_DEFINER ON *.* TO 'o''neill'@'%';",
            ),
            (
                1227,
                "Access denied; you need (at least one of) the SUPER, REPLICATION CLIENT privilege(s) for",
                "GRANT REPLICATION CLIENT ON *.* TO 'o''neill'@'%';",
            ),
        ] {
            assert_eq!(commands(number, message, "here")[0], sql);
        }
    }

    #[test]
    fn the_cure_names_the_server_and_quotes_for_the_shell() {
        let said = commands(1045, "Access denied for user 'o'@'10.0.0.9' (using password: YES)", "shop");
        assert!(said[0].ends_with("--host db01 --port 3306 --user 'o'\\''neill'"), "{said:?}");
        assert_eq!(said[1], "mysql -h db01 -P 3306 -u 'o'\\''neill' -p shop");
        assert!(said[3].starts_with("CREATE USER 'o'@'10.0.0.9' "), "{said:?}");
        assert_eq!(
            commands(1194, "Table './shop/t.MYI' is marked as crashed and should be repaired", "shop")[0],
            "CHECK TABLE `t` EXTENDED;"
        );
        assert_eq!(commands(3948, "Loading local data is disabled", "")[0], "SET GLOBAL local_infile = ON;");
        // Words that name nothing are no reason to say something wrong.
        assert!(commands(1142, "verweigert", "").iter().all(|command| !command.starts_with("GRANT")));
    }
}
