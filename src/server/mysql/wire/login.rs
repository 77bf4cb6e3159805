//! Lays a line to a server and logs in on it: greeting, TLS, proof of the password. Opens one line in one way; which ways there are to try,
//! and how long that may take, is for whoever calls it.

use super::greeting::{Greeting, without_end};
use super::line::{Duplex, Line};
use super::proof::{Proof, Secrecy};
use super::{END, Error, OK, REFUSED, refusal};
use crate::domain::Connection;
use crate::server::tls;
use mysql_common::constants::CapabilityFlags;
use mysql_common::packets::{AuthPlugin, HandshakeResponse, SslRequest};
use mysql_common::proto::MySerialize;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// The largest packet that we say to take. The server does not ask beyond its own limit either.
const LARGEST: u32 = 1 << 30;

/// utf8mb4_general_ci, which every server has; the session's real settings follow the login.
const COLLATION: u8 = 45;

/// Whether TLS is used on a line.
#[derive(Clone, Debug)]
pub enum Way {
    /// Not at all.
    Plain,
    /// Where the server has it.
    Offered(Arc<ClientConfig>),
    /// Or there is no line.
    Tls(Arc<ClientConfig>),
}

/// A line that is logged in.
#[derive(Debug)]
pub struct Opened {
    /// The line.
    pub line: Line,
    /// The server's version in its own words.
    pub version: String,
    /// What both sides can.
    pub capabilities: CapabilityFlags,
    /// How long it took to encrypt it, where it is encrypted.
    pub encrypted: Option<Duration>,
}

/// Lays a line and logs in.
pub async fn open(connection: &Connection, password: Option<&SecretString>, way: &Way, database: Option<&str>) -> Result<Opened, Error> {
    let stream = reach(connection).await?;
    login(stream, connection, password, way, database).await
}

/// A connection to the server's address.
async fn reach(connection: &Connection) -> Result<Box<dyn Duplex>, Error> {
    if connection.is_socket() {
        return Ok(Box::new(UnixStream::connect(&connection.host).await.map_err(Error::Unreached)?));
    }
    let addresses = tokio::net::lookup_host((connection.host.as_str(), connection.port)).await.map_err(Error::Unknown)?;
    let mut failed = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                keep_alive(&stream, connection.network_timeout).map_err(Error::Unreached)?;
                return Ok(Box::new(stream));
            }
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.map_or_else(|| Error::Unknown(io::Error::other("the name has no address")), Error::Unreached))
}

/// A peer that is gone is noticed by probes while we listen. TCP's own user timeout is left alone: it also ends connections whose other side
/// takes no bytes for a while, and a load may well wait for a lock.
fn keep_alive(stream: &TcpStream, silence: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let probes = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs((silence / 2).clamp(1, 60)))
        .with_interval(Duration::from_secs((silence / 12).clamp(1, 10)))
        .with_retries(6);
    socket2::SockRef::from(stream).set_tcp_keepalive(&probes)
}

/// What we can, of what the server can.
fn capabilities(greeting: &Greeting) -> CapabilityFlags {
    type Can = CapabilityFlags;
    // Without the first one MariaDB expects its own extensions.
    let ours = Can::CLIENT_LONG_PASSWORD
        | Can::CLIENT_LONG_FLAG
        | Can::CLIENT_LOCAL_FILES
        | Can::CLIENT_PROTOCOL_41
        | Can::CLIENT_TRANSACTIONS
        | Can::CLIENT_SECURE_CONNECTION
        | Can::CLIENT_MULTI_STATEMENTS
        | Can::CLIENT_MULTI_RESULTS
        | Can::CLIENT_PLUGIN_AUTH
        | Can::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
        | Can::CLIENT_CONNECT_ATTRS
        | Can::CLIENT_DEPRECATE_EOF;
    ours & (greeting.capabilities | Can::CLIENT_LONG_PASSWORD)
}

/// Logs in over a connection that is there.
pub async fn login(
    stream: Box<dyn Duplex>,
    connection: &Connection,
    password: Option<&SecretString>,
    way: &Way,
    database: Option<&str>,
) -> Result<Opened, Error> {
    let mut line = Line::over(stream);
    let packet = line.packet().await?;
    let greeting = Greeting::read(line.bytes(packet))?;
    let mut capabilities = capabilities(&greeting);
    if !capabilities
        .contains(CapabilityFlags::CLIENT_PROTOCOL_41 | CapabilityFlags::CLIENT_SECURE_CONNECTION | CapabilityFlags::CLIENT_PLUGIN_AUTH)
    {
        return Err(Error::Refused(format!("the server is too old: it says to be {}", greeting.version)));
    }
    if database.is_some() {
        // Said before TLS too: MariaDB goes by what was said first.
        capabilities |= CapabilityFlags::CLIENT_CONNECT_WITH_DB;
    }
    let has_tls = greeting.capabilities.contains(CapabilityFlags::CLIENT_SSL);
    let config = match way {
        Way::Tls(_) if !has_tls => return Err(Error::Tls("the server has no TLS".to_owned())),
        Way::Tls(config) => Some(config),
        Way::Offered(config) => Some(config).filter(|_| has_tls),
        Way::Plain => None,
    };
    let mut secrecy = if connection.is_socket() { Secrecy::Local } else { Secrecy::Open };
    let mut encrypted = None;
    if let Some(config) = config {
        let began = Instant::now();
        capabilities |= CapabilityFlags::CLIENT_SSL;
        line = encrypt(line, connection, config, capabilities).await?;
        encrypted = Some(began.elapsed());
        secrecy = if tls::is_proven(connection) { Secrecy::Proven } else { Secrecy::Hidden };
    }
    let password = password.map_or(&b""[..], |password| password.expose_secret().as_bytes());
    let proof = Proof::offered(password, secrecy, &greeting.plugin, &greeting.nonce);
    let attributes = HashMap::from([("program_name".to_owned(), "dbbackup".to_owned())]);
    let first = proof.first()?;
    let hello = HandshakeResponse::new(
        Some(first.as_slice()),
        (8, 0, 0),
        Some(connection.user.as_bytes()),
        database.map(str::as_bytes),
        Some(AuthPlugin::from_bytes(proof.plugin().as_bytes())),
        capabilities,
        Some(attributes).filter(|_| capabilities.contains(CapabilityFlags::CLIENT_CONNECT_ATTRS)),
        LARGEST,
    );
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    hello.serialize(&mut bytes);
    line.answer(&bytes).await?;
    prove(&mut line, proof, password, secrecy).await?;
    Ok(Opened { line, version: greeting.version, capabilities, encrypted })
}

/// Lays TLS over a line.
async fn encrypt(
    mut line: Line,
    connection: &Connection,
    config: &Arc<ClientConfig>,
    capabilities: CapabilityFlags,
) -> Result<Line, Error> {
    let mut bytes = Vec::new();
    SslRequest::new(capabilities, LARGEST, COLLATION).serialize(&mut bytes);
    line.answer(&bytes).await?;
    let sequence = line.sequence();
    let name = ServerName::try_from(connection.host.clone())
        .map_err(|_| Error::Tls(format!("{} is no name that a certificate could be for", connection.host)))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, line.into_stream()?).await;
    // What is wrong with a certificate is told in words; a line that breaks meanwhile is a server without TLS, or one of long ago.
    let stream = stream.map_err(|error| Error::Tls(error.to_string()))?;
    Ok(Line::over(Box::new(stream)).after(sequence))
}

/// Answers what the server wants to know until it lets us in.
async fn prove(line: &mut Line, mut proof: Proof<'_>, password: &[u8], secrecy: Secrecy) -> Result<(), Error> {
    // A server asks three or four times; one that never ends is none.
    for _ in 0..16 {
        let packet = line.packet().await?;
        let reply = match line.bytes(packet) {
            [OK, ..] => return Ok(()),
            said @ [REFUSED, ..] => return Err(refusal(said)),
            [END] => {
                return Err(Error::Refused("the server asks for a password of before MySQL 4.1 (mysql_old_password)".to_owned()));
            }
            [END, rest @ ..] => {
                let mut take = super::answer::Take(rest);
                let plugin = String::from_utf8_lossy(take.until_nul()).into_owned();
                proof = Proof::demanded(password, secrecy, &plugin, without_end(take.0));
                Some(proof.first()?)
            }
            [1, said @ ..] => proof.next(said)?,
            _ => return Err(Error::protocol("a login without an end")),
        };
        if let Some(reply) = reply {
            line.answer(&reply).await?;
        }
    }
    Err(Error::protocol("a login without an end"))
}
