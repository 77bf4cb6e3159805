//! The commands of cures and of looking, in each product's own words.

use crate::domain::Product;
use crate::domain::diagnosis::ServerFacts;

/// The words that lead a stock program of MySQL's to the server.
fn way(server: &ServerFacts) -> Vec<String> {
    let mut words = match server.host.starts_with('/') {
        true => vec!["-S".to_owned(), server.host.clone()],
        false => vec!["-h".to_owned(), server.host.clone(), "-P".to_owned(), server.port.to_string()],
    };
    words.extend(["-u".to_owned(), server.user.clone()]);
    words
}

fn stock(server: &ServerFacts, mysql: &str, mariadb: &str) -> String {
    let program = if server.product == Product::Mariadb { mariadb } else { mysql };
    shell_words::join(std::iter::once(program.to_owned()).chain(way(server)))
}

/// Asks whether the server answers.
pub fn ready(server: &ServerFacts) -> String {
    match server.product {
        Product::Postgres => format!("pg_isready -h {} -p {}", shell_words::quote(&server.host), server.port),
        Product::Mysql | Product::Mariadb => format!("{} ping", stock(server, "mysqladmin", "mariadb-admin")),
    }
}

/// Opens the same session by hand.
pub fn client(server: &ServerFacts) -> String {
    match server.product {
        Product::Postgres => {
            shell_words::join(["psql", "-h", &server.host, "-p", &server.port.to_string(), "-U", &server.user, "-d", &server.database])
        }
        Product::Mysql | Product::Mariadb => format!("{} -p", stock(server, "mysql", "mariadb")),
    }
}

/// Shows who has connections.
pub const fn sessions(product: Product) -> &'static str {
    match product {
        Product::Postgres => "SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC;",
        Product::Mysql | Product::Mariadb => {
            "SELECT user, db, command, COUNT(*) FROM information_schema.processlist GROUP BY 1, 2, 3 ORDER BY 4 DESC;"
        }
    }
}

/// Lets more connections in: what to say before it, and the command.
pub fn more_connections(product: Product, wanted: u64) -> (&'static str, String) {
    match product {
        Product::Postgres => ("Raise the limit, then restart PostgreSQL:", format!("ALTER SYSTEM SET max_connections = {wanted};")),
        Product::Mysql => ("Raise the limit, at once and for good:", format!("SET PERSIST max_connections = {wanted};")),
        Product::Mariadb => {
            ("Raise the limit at once, and in the server's configuration for good:", format!("SET GLOBAL max_connections = {wanted};"))
        }
    }
}

/// Sets something of MySQL's: for good where the product can.
pub fn set(product: Product, name: &str, value: &str) -> String {
    match product {
        Product::Mysql => format!("SET PERSIST {name} = {value};"),
        Product::Mariadb | Product::Postgres => format!("SET GLOBAL {name} = {value};"),
    }
}

/// Ends a session.
pub fn terminate(product: Product, pid: i32) -> String {
    match product {
        Product::Postgres => format!("SELECT pg_terminate_backend({pid});"),
        Product::Mysql | Product::Mariadb => format!("KILL {pid};"),
    }
}

/// Cancels what a session runs.
pub fn cancel(product: Product, pid: i32) -> String {
    match product {
        Product::Postgres => format!("SELECT pg_cancel_backend({pid});"),
        Product::Mysql | Product::Mariadb => format!("KILL QUERY {pid};"),
    }
}

/// The name of the server's service.
pub const fn service(product: Product) -> &'static str {
    match product {
        Product::Postgres => "postgresql",
        Product::Mysql => "mysql",
        Product::Mariadb => "mariadb",
    }
}

/// The name of its processes.
pub const fn process(product: Product) -> &'static str {
    match product {
        Product::Postgres => "postgres",
        Product::Mysql => "mysqld",
        Product::Mariadb => "mariadbd",
    }
}

/// Shows how large each database is.
pub const fn sizes(product: Product) -> &'static str {
    match product {
        Product::Postgres => {
            "SELECT datname, pg_size_pretty(pg_database_size(datname)) FROM pg_database ORDER BY pg_database_size(datname) DESC;"
        }
        Product::Mysql | Product::Mariadb => {
            "SELECT table_schema, ROUND(SUM(data_length + index_length) / 1e6) AS mb FROM information_schema.tables GROUP BY 1 ORDER BY 2 DESC;"
        }
    }
}

/// Replicas, in the words of a product.
pub const fn replica_status(product: Product) -> &'static str {
    match product {
        Product::Mariadb => "SHOW ALL SLAVES STATUS\\G",
        Product::Mysql | Product::Postgres => "SHOW REPLICA STATUS\\G",
    }
}
