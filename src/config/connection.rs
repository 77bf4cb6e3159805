//! Values into what jobs are made from: connections, effort, codec, names.

use super::layers::{Origin, Resolved, Value, Values};
use super::settings::{self, Key};
use crate::domain::spec::{Effort, NameTime, VerifyMode};
use crate::domain::{Bytes, Code, Compression, Connection, Fault, Product};

/// What the host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Processors.
    pub processors: u32,
    /// RAM, in bytes.
    pub memory: u64,
}

/// The connection that a set of values describes; `name` is its section.
pub fn connection(values: &Values, name: Option<&str>) -> Result<Connection, Fault> {
    let text = |key: Key| values.get(&key).map(|value| value.text.clone());
    let product = text(Key::Engine).map_or(Ok(Product::default()), |text| text.parse::<Product>());
    let product = product.map_err(|why| Fault::new(Code::Usage, why))?;
    let defaults = Connection::to(product);
    // A socket and a host exclude each other; what was said in the stronger layer counts, in the same layer the socket.
    let rank = |key: Key| values.get(&key).map(|value| value.origin.rank());
    let host = match (text(Key::Socket), text(Key::Host)) {
        (Some(socket), host) if host.is_none() || rank(Key::Socket) >= rank(Key::Host) => socket,
        // MySQL's clients take this name for the socket, unless somebody asks for a port too.
        (Some(socket), Some(host)) if product.is_mysql() && host == "localhost" && rank(Key::Socket) >= rank(Key::Port) => socket,
        (_, Some(host)) => host,
        (_, None) => defaults.host.clone(),
    };
    let number = |key: Key, default: u64| text(key).and_then(|text| text.parse().ok()).unwrap_or(default);
    Ok(Connection {
        name: name.map(str::to_owned),
        product,
        host,
        port: text(Key::Port).and_then(|text| text.parse().ok()).unwrap_or(defaults.port),
        user: text(Key::User).unwrap_or(defaults.user),
        database: text(Key::Database).unwrap_or(defaults.database),
        ssl_mode: text(Key::SslMode).and_then(|text| text.parse().ok()).unwrap_or(defaults.ssl_mode),
        ssl_root_cert: text(Key::SslRootCert).map(Into::into),
        ssl_cert: text(Key::SslCert).map(Into::into),
        ssl_key: text(Key::SslKey).map(Into::into),
        connect_timeout: number(Key::ConnectTimeout, defaults.connect_timeout),
        lock_timeout: number(Key::LockTimeout, defaults.lock_timeout),
        network_timeout: number(Key::NetworkTimeout, defaults.network_timeout),
        debug_locks: text(Key::DebugLocks).is_some_and(|text| text == "true"),
    })
}

impl Resolved {
    /// The connection in use.
    pub fn connection(&self) -> Result<Connection, Fault> {
        connection(&self.values, self.text(Key::Server))
    }

    /// All connections, the one in use first.
    pub fn connections(&self) -> Result<Vec<Connection>, Fault> {
        let mut all = vec![self.connection()?];
        for (name, values) in &self.servers {
            if self.text(Key::Server) != Some(name) {
                all.push(connection(values, Some(name))?);
            }
        }
        Ok(all)
    }

    /// Jobs, memory and chunk size; what nobody set, the host decides.
    pub fn effort(&self, host: Host) -> Effort {
        let of_host = Effort::for_host(host.processors, host.memory);
        let jobs = self.parsed(Key::Jobs).unwrap_or(of_host.jobs);
        let memory = self.parsed(Key::Memory).map_or(of_host.memory, |Bytes(bytes)| bytes);
        let chunk_size = self.parsed(Key::ChunkSize).map_or_else(|| Effort::chunk_for(jobs, memory), |Bytes(bytes)| bytes);
        Effort { jobs, memory, chunk_size }
    }

    /// The same with jobs, memory and chunk size filled in where nobody set them: what will hold on this host.
    #[must_use]
    pub fn on(mut self, host: Host) -> Self {
        let Effort { jobs, memory, chunk_size } = self.effort(host);
        for (key, text) in
            [(Key::Jobs, jobs.to_string()), (Key::Memory, Bytes(memory).to_string()), (Key::ChunkSize, Bytes(chunk_size).to_string())]
        {
            self.values.entry(key).or_insert(Value { text, origin: Origin::Host });
        }
        self
    }

    /// Codec and level. A level that stands apart counts unless the codec was given with its own, in a layer as strong.
    pub fn compression(&self) -> Result<Compression, Fault> {
        let written = self.text(Key::Compression).unwrap_or_default();
        let compression: Compression = written.parse().unwrap_or_default();
        let Some(level) = self.parsed::<i32>(Key::Level) else { return Ok(compression) };
        let rank = |key: Key| self.values.get(&key).map_or(0, |value| value.origin.rank());
        if written.contains(':') && rank(Key::Compression) >= rank(Key::Level) {
            return Ok(compression);
        }
        format!("{}:{level}", compression.codec).parse().map_err(|why: String| {
            let origin = self.values.get(&Key::Level).map(|value| value.origin.to_string()).unwrap_or_default();
            Fault::new(Code::Usage, "the codec has no such level").at("Level", format!("{level} ({origin})")).because(why)
        })
    }

    /// What is verified after a backup.
    pub fn verify(&self) -> VerifyMode {
        self.text(Key::Verify).and_then(|text| settings::verify(text).ok()).unwrap_or_default()
    }

    /// The time in file names.
    pub fn name_time(&self) -> NameTime {
        self.text(Key::Timestamp).and_then(|text| settings::timestamp(text).ok()).unwrap_or_default()
    }
}
