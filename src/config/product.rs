//! What follows from the database product that is meant: defaults, variables of its own clients, what its option file says, its usual socket.

use super::layers::{Origin, Value, Values};
use super::option_file;
use super::paths::Paths;
use super::settings::{Key, SETTINGS, Setting};
use crate::domain::{Code, Connection, Fault, Product};

/// What a `[connection]` says for its own product only: nothing of it leads to a server of another.
const OWN: [Key; 4] = [Key::Port, Key::User, Key::Database, Key::Socket];

/// What a setting is where nobody says anything.
pub fn default(setting: &Setting, product: Product) -> Option<String> {
    let connection = Connection::to(product);
    match setting.key {
        Key::Port => Some(connection.port.to_string()),
        Key::User => Some(connection.user),
        Key::Database => Some(connection.database).filter(|name| !name.is_empty()),
        Key::Engine => Some(product.word().to_owned()).filter(|_| product == Product::default()),
        _ => setting.default.map(str::to_owned),
    }
}

/// The variables that mean a setting, the strongest first. Those of a product's own clients speak for it alone.
pub fn variables(setting: &Setting, product: Product) -> Vec<String> {
    let foreign = if product.is_mysql() { "PG" } else { "MYSQL_" };
    let also = setting.also.iter().filter(|name| !name.starts_with(foreign)).map(|name| (*name).to_owned());
    setting.variable().into_iter().chain(also).collect()
}

/// The layers below the files: defaults, and for MySQL and MariaDB what their own clients are told.
pub fn base(product: Product, paths: &Paths) -> Result<Values, Fault> {
    let default = |setting: &Setting| Some((setting.key, Value { text: default(setting, product)?, origin: Origin::Default }));
    let mut values: Values = SETTINGS.iter().filter_map(default).collect();
    if let Some(path) = paths.options.as_ref().filter(|_| product.is_mysql()) {
        values.extend(told(option_file::read(path, groups(product))?)?);
    }
    Ok(values)
}

const fn groups(product: Product) -> &'static [&'static str] {
    if matches!(product, Product::Mariadb) { &["client", "client-server", "client-mariadb"] } else { &["client"] }
}

/// Those options of the stock clients that are settings of ours.
fn told(options: Vec<option_file::Written>) -> Result<Values, Fault> {
    let mut values = Values::new();
    for option in options {
        let text = option.value.unwrap_or_default();
        let on = !matches!(text.to_ascii_lowercase().as_str(), "0" | "off" | "false");
        let (key, text) = match option.name.as_str() {
            "host" => (Key::Host, text),
            "port" => (Key::Port, text),
            "user" => (Key::User, text),
            "password" => (Key::Password, text),
            "socket" => (Key::Socket, text),
            "ssl-mode" => (Key::SslMode, text),
            "ssl-ca" => (Key::SslRootCert, text),
            "ssl-cert" => (Key::SslCert, text),
            "ssl-key" => (Key::SslKey, text),
            "connect-timeout" => (Key::ConnectTimeout, text),
            "skip-ssl" => (Key::SslMode, "disable".to_owned()),
            "ssl" => (Key::SslMode, if on { "require" } else { "disable" }.to_owned()),
            "ssl-verify-server-cert" if on => (Key::SslMode, "verify-full".to_owned()),
            _ => continue,
        };
        // An option without a value asks the stock client for nothing, or to ask a person.
        if text.is_empty() {
            continue;
        }
        let origin = Origin::OptionFile(option.path, option.line);
        Setting::of(key).check(&text).map_err(|why| {
            let fault = Fault::new(Code::Config, format!("wrong value of {}", Setting::of(key).name)).at("File", &origin);
            if key == Key::Password { fault } else { fault.because(why) }
        })?;
        values.insert(key, Value { text, origin });
    }
    // The socket is for this host alone.
    if values.get(&Key::Host).is_some_and(|host| host.text != "localhost") {
        values.remove(&Key::Socket);
    }
    Ok(values)
}

/// What the files say of the connection, as far as it is meant for a product.
pub fn meant(mut written: Values, product: Product) -> Values {
    if of(&written).is_mysql() != product.is_mysql() {
        written.retain(|key, _| !OWN.contains(key));
    }
    written
}

/// The product that a set of values names. One that is misspelt is found when values are checked.
pub fn of(values: &Values) -> Product {
    values.get(&Key::Engine).and_then(|value| value.text.parse().ok()).unwrap_or_default()
}

/// Clients of MySQL take `localhost` for the server's socket. So do we, where one lies in a usual place and nobody named a port.
pub fn local(values: &mut Values, paths: &Paths) {
    let local = values.get(&Key::Host).is_none_or(|host| host.text == "localhost");
    let port = values.get(&Key::Port).is_none_or(|port| port.origin == Origin::Default);
    if !of(values).is_mysql() || !local || !port || values.contains_key(&Key::Socket) {
        return;
    }
    if let Some(socket) = paths.sockets.iter().find(|path| path.exists()) {
        values.insert(Key::Socket, Value { text: socket.display().to_string(), origin: Origin::Host });
    }
}
