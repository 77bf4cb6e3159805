//! Rules about the way to the server: names, connections, TLS, logins.

use super::{Conclusion, Scene};
use crate::domain::Code;
use crate::domain::diagnosis::{HopStep, ServerFacts};
use crate::domain::time::span;
use crate::engine::diagnose::words;

/// MySQL's name of a user, from any host: the server does not say which of its accounts was meant.
fn account(server: &ServerFacts) -> String {
    format!("'{}'@'%'", server.user.replace('\\', "\\\\").replace('\'', "''"))
}

fn role(server: &ServerFacts) -> String {
    format!("\"{}\"", server.user.replace('"', "\"\""))
}

fn authentication<'a>(scene: &Scene<'a>) -> Option<&'a ServerFacts> {
    scene.server.filter(|_| scene.is(&[Code::AuthFailed]))
}

/// A refused login, and a password whose time is over. The server itself says "authentication failed" only.
pub fn password_expired(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = authentication(scene)?;
    let over = scene.about().and_then(|about| about.password_until.filter(|until| *until < about.now).map(|until| about.now.since(until)));
    if over.is_none() && !scene.says(&["expired password", "password has expired", "password expired"]) {
        return None;
    }
    let ago = over.map_or_else(String::new, |ms| format!(" {} ago", span(ms)));
    if server.product.is_mysql() {
        let sql = format!("ALTER USER {} IDENTIFIED BY '…';", account(server));
        return Some(
            Conclusion::new(format!("The password of user {} has expired", server.user), format!("Give it a new one: {sql}"))
                .run("See when passwords end:", "SELECT user, host, password_expired, password_last_changed FROM mysql.user;")
                .run("Give it a new one:", sql),
        );
    }
    let sql = format!("ALTER ROLE {} VALID UNTIL 'infinity';", role(server));
    Some(
        Conclusion::new(format!("The password of role {} expired{ago}", server.user), format!("Give it a new one, or let it last: {sql}"))
            .shown_by(format!("rolvaliduntil of {} is over{ago}", server.user))
            .run("See until when passwords hold:", "SELECT rolname, rolvaliduntil FROM pg_roles WHERE rolvaliduntil IS NOT NULL;")
            .run("Let it last:", sql),
    )
}

/// The server wants a password, and we have none.
pub fn password_missing(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = authentication(scene)
        .filter(|_| scene.says(&["password missing", "no password supplied", "password required", "(using password: no)"]))?;
    if server.product.is_mysql() {
        return Some(
            Conclusion::new(
                format!(
                    "The server asks for a password of user {}, and none was found in MYSQL_PWD, ~/.my.cnf or the configuration",
                    server.user
                ),
                "Give dbbackup the password: MYSQL_PWD, ~/.my.cnf (mode 0600) or --password-file",
            )
            .shown_by("no source has a password for this server")
            .run(
                "Put it where only you can read it:",
                "install -m 600 /dev/null ~/.my.cnf; printf '[client]\\npassword=PASSWORD\\n' >> ~/.my.cnf",
            ),
        );
    }
    Some(
        Conclusion::new(
            format!(
                "The server asks for a password of role {}, and none was found in PGPASSWORD, ~/.pgpass or the configuration",
                server.user
            ),
            "Give dbbackup the password: PGPASSWORD, ~/.pgpass (mode 0600) or --password-file",
        )
        .shown_by("no source has a password for this server")
        .run(
            "Put it where only you can read it:",
            format!("install -m 600 /dev/null ~/.pgpass; echo '{}:{}:*:{}:PASSWORD' >> ~/.pgpass", server.host, server.port, server.user),
        ),
    )
}

/// No rule of pg_hba.conf lets us in.
pub fn no_hba_entry(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = authentication(scene).filter(|_| scene.says(&["no pg_hba.conf entry", "pg_hba.conf rejects"]))?;
    let line = format!("host  {}  {}  ADDRESS/32  scram-sha-256", server.database, server.user);
    Some(
        Conclusion::new(
            format!("No rule of the server's pg_hba.conf lets role {} into database {} from this host", server.user, server.database),
            "Add a line to the server's pg_hba.conf and reload it",
        )
        .run("See the rules:", "SELECT line_number, type, database, user_name, address, auth_method FROM pg_hba_file_rules;")
        .step(format!("Add, with this host's address: {line}"))
        .run("Then reload it:", "SELECT pg_reload_conf();"),
    )
}

/// No account of MySQL's or MariaDB's is for this host.
pub fn host_not_allowed(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = authentication(scene).filter(|_| scene.says(&["is not allowed to connect to this"]))?;
    let sql = format!("CREATE USER {} IDENTIFIED BY '…';", account(server));
    Some(
        Conclusion::new("The server has no account at all for this host", "Make an account for this host, or connect from another one")
            .run("See the accounts and their hosts:", "SELECT user, host FROM mysql.user ORDER BY 1, 2;")
            .run("Make one:", sql),
    )
}

/// The server asks the operating system who we are.
pub fn peer(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = authentication(scene).filter(|_| scene.says(&["peer authentication failed", "ident authentication failed"]))?;
    Some(
        Conclusion::new(
            format!("The server lets role {} in only for the operating system's user of the same name (peer)", server.user),
            format!("Run dbbackup as user {}, or connect with a password: --host 127.0.0.1", server.user),
        )
        .run("Run it as that user:", format!("sudo -u {} dbbackup …", shell_words::quote(&server.user))),
    )
}

/// The password is not the right one, as far as anybody can say.
pub fn password_wrong(scene: &Scene<'_>) -> Option<Conclusion> {
    let server =
        authentication(scene).filter(|_| scene.says(&["password authentication failed", "invalid password", "access denied for user"]))?;
    if server.product.is_mysql() {
        let user = server.user.replace('\'', "''");
        return Some(
            Conclusion::new(
                format!(
                    "The password for user {} is wrong, or no account of that name is for this host: the server does not tell which",
                    server.user
                ),
                "Find out where the password comes from, and try it by hand",
            )
            .run("See where the password comes from:", "dbbackup config show --origin connection.password")
            .run("Try it by hand:", words::client(server))
            .run(
                "As a user who may, see the accounts, and for which hosts they are:",
                format!("SELECT user, host, plugin FROM mysql.user WHERE user = '{user}';"),
            ),
        );
    }
    Some(
        Conclusion::new(
            format!(
                "The password for role {} is wrong, the role does not exist, or its password has expired: the server does not tell which",
                server.user
            ),
            "Find out where the password comes from, and try it by hand",
        )
        .run("See where the password comes from:", "dbbackup config show --origin connection.password")
        .run("Try it by hand:", words::client(server))
        .run(
            "As a superuser, see whether it expired:",
            format!("SELECT rolname, rolcanlogin, rolvaliduntil FROM pg_roles WHERE rolname = '{}';", server.user.replace('\'', "''")),
        ),
    )
}

/// The name has no address.
pub fn name_unknown(scene: &Scene<'_>) -> Option<Conclusion> {
    let hop = scene.stuck_at(HopStep::Resolve)?;
    let server = scene.server?;
    let late = hop.code == Some(Code::ConnectTimeout);
    let text = match late {
        true => format!("The resolver gives no answer for {}: the name server is not reachable", server.host),
        false => format!("The name {} is not known: it is misspelt, or not in DNS or /etc/hosts", server.host),
    };
    let action = if late {
        "See whether the name server in /etc/resolv.conf answers, or give the address instead of the name"
    } else {
        "Check the spelling of the host"
    };
    Some(
        Conclusion::new(text, action)
            .shown_by(format!("resolve: {} after {} ms", hop.outcome.why().unwrap_or_default(), hop.took_ms))
            .run("Ask for the name:", format!("getent hosts {}", shell_words::quote(&server.host)))
            .run("See who is asked:", "cat /etc/resolv.conf"),
    )
}

/// Nobody is there.
pub fn nothing_listens(scene: &Scene<'_>) -> Option<Conclusion> {
    let hop = scene.stuck_at(HopStep::Connect).filter(|hop| hop.code == Some(Code::ConnectionRefused))?;
    let server = scene.server?;
    let product = server.product;
    let listens = if product.is_mysql() { "bind_address" } else { "listen_addresses" };
    let text = match server.local {
        true => format!("Nothing listens at {} on this host: {product} is stopped, or listens elsewhere", server.address),
        false => format!("{} refuses connections: {product} is stopped there, or {listens} leaves this network out", server.address),
    };
    let conclusion = Conclusion::new(text, "Start the server, or correct host and port")
        .shown_by(format!("connect: {} after {} ms", hop.outcome.why().unwrap_or_default(), hop.took_ms))
        .run("See whether it answers:", words::ready(server));
    let servers =
        if product.is_mysql() { "ss -ltnx | grep -E 'mysql|mariadb|3306'" } else { "pg_lsclusters; ss -ltnx | grep -E 'PGSQL|5432'" };
    let show = if product.is_mysql() { "SELECT @@bind_address, @@port, @@skip_networking;" } else { "SHOW listen_addresses;" };
    Some(match server.local {
        true => conclusion
            .run("See which servers there are:", servers)
            .run("Start it:", format!("sudo systemctl start {}", words::service(product))),
        false => conclusion.run("On the server, see where it listens:", show),
    })
}

/// Packets get lost.
pub fn no_answer(scene: &Scene<'_>) -> Option<Conclusion> {
    let hop = scene.stuck_at(HopStep::Connect).filter(|hop| matches!(hop.code, Some(Code::ConnectTimeout | Code::HostUnknown)))?;
    let server = scene.server?;
    let text =
        format!("{} does not answer at all: a firewall drops the packets, the host is down, or no route leads there", server.address);
    Some(
        Conclusion::new(text, "Check firewall and route between this host and the server")
            .shown_by(format!("connect: {} after {} ms", hop.outcome.why().unwrap_or_default(), hop.took_ms))
            .run("See how far it goes:", format!("traceroute -T -p {} {}", server.port, shell_words::quote(&server.host)))
            .run("See the route:", format!("ip route get {}", shell_words::quote(&server.host))),
    )
}

/// Something accepts connections and says nothing.
pub fn never_answers(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server?;
    let hop = server.broken().filter(|hop| matches!(hop.step, HopStep::Tls | HopStep::Login) && hop.code == Some(Code::ConnectTimeout))?;
    let text = format!(
        "{} accepts the connection and then never answers: the server hangs (its disk, perhaps), or this is no {} at all",
        server.address, server.product
    );
    Some(
        Conclusion::new(text, "Look at the server itself: its load, its disks, its log")
            .shown_by(format!("{}: {} after {} ms", hop.step.words(), hop.outcome.why().unwrap_or_default(), hop.took_ms))
            .run("On the server, see what it does:", format!("ps -eo pid,stat,wchan:30,args | grep {}", words::process(server.product))),
    )
}

/// TLS failed: which part of it?
pub fn tls(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::TlsFailed]))?;
    let (why, action) = if scene.says(&["expired"]) {
        ("The server's certificate has expired", "Renew the server's certificate and reload the server")
    } else if scene.says(&["notyetvalid", "not valid yet", "not yet valid"]) {
        ("The server's certificate is not valid yet: one of the two clocks is wrong", "Set the clocks right")
    } else if scene.says(&["unknownissuer", "unknown issuer", "not signed", "self-signed", "trusted"]) {
        (
            "The server's certificate is signed by an authority that is not trusted here",
            "Give its root certificate with --ssl-root-cert, or use --ssl-mode require",
        )
    } else if scene.says(&["notvalidforname", "not valid for name", "name mismatch", "does not name"]) {
        ("The server's certificate is for another host name", "Use the name that is in the certificate, or --ssl-mode verify-ca")
    } else if scene.says(&["does not support tls", "does not support ssl"]) {
        ("The server has no TLS, and the mode asks for it", "Turn TLS on at the server (ssl = on), or use --ssl-mode prefer")
    } else {
        ("TLS could not be agreed on with the server", "See what the server offers")
    };
    let target =
        if server.host.contains(':') { format!("[{}]:{}", server.host, server.port) } else { format!("{}:{}", server.host, server.port) };
    let protocol = if server.product.is_mysql() { "mysql" } else { "postgres" };
    Some(Conclusion::new(why, action).run(
        "See what the server shows:",
        format!("openssl s_client -starttls {protocol} -connect {} </dev/null", shell_words::quote(&target)),
    ))
}

/// The server is there, but not for us yet.
pub fn not_ready(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::ServerUnavailable]))?;
    let (why, action) = if scene.says(&["starting up", "not yet accepting"]) {
        ("is starting up, and perhaps recovering from a crash", "Wait until it accepts connections, then run this again")
    } else if scene.says(&["shutting down", "administrator command"]) {
        ("is being shut down", "Start it again when that is wanted, then run this again")
    } else if scene.says(&["recovery mode", "crash of another server process"]) {
        ("recovers from the crash of one of its processes", "See its log for the process that crashed, then run this again")
    } else if server.broken().is_some() && scene.says(&["connection reset", "connection closed", "broken pipe"]) {
        (
            "ends connections as soon as they are made: it is just being stopped, or a proxy has no server behind it",
            "See whether the server runs, then run this again",
        )
    } else {
        return None;
    };
    Some(
        Conclusion::new(format!("The server {} {why}", server.address), action)
            .run("Wait for it:", format!("until {}; do sleep 5; done", words::ready(server))),
    )
}
