//! The way into a replication session: the socket, TLS as `sslmode` says, the login.

use super::DATABASE;
use super::line::Line;
use super::messages::{Login, Message, refusal};
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::{Connector, Try, tries};
use crate::server::postgres::fault;
use crate::server::postgres::watch::roll::APPLICATION;
use crate::server::postgres::wire::{Duplex, Pulse, Watched};
use crate::server::tls;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::frontend;
use secrecy::ExposeSecret;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// A session that answers.
pub struct Opened {
    /// Its line.
    pub line: Line,
    /// The server's process.
    pub pid: i32,
    /// `server_version_num`, as far as the login tells it: `150018` of `15.18`.
    pub version_num: u32,
}

/// Opens a session, in one of the ways that the mode allows.
pub async fn open(connector: &Connector) -> Result<Opened, Fault> {
    let ways = tries(connector.connection());
    let mut first: Option<Fault> = None;
    for (nth, way) in ways.iter().enumerate() {
        match attempt(connector, *way).await {
            Ok(opened) => return Ok(opened),
            // Only what another way could change is worth a second try.
            Err(fault) if nth + 1 < ways.len() && (fault.code == Code::TlsFailed || fault.sqlstate.as_deref() == Some("28000")) => {
                first = Some(fault);
            }
            // That a server has no TLS is no reason for anything where the mode goes on without.
            Err(fault) => return Err(first.filter(|first| first.code != Code::TlsFailed).unwrap_or(fault)),
        }
    }
    Err(first.unwrap_or_else(|| Fault::internal("every mode has a way to connect")))
}

fn what(connector: &Connector) -> String {
    format!("cannot open a replication session on {}", connector.connection().label())
}

async fn attempt(connector: &Connector, way: Try) -> Result<Opened, Fault> {
    let connection = connector.connection();
    let fail = |error: io::Error| {
        let code = match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Code::ConnectionRefused,
            io::ErrorKind::TimedOut => Code::ConnectTimeout,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Code::HostUnknown,
            io::ErrorKind::PermissionDenied | io::ErrorKind::OutOfMemory => Code::of_io(&error),
            _ if error.to_string().contains("lookup address") => Code::HostUnknown,
            _ => Code::ServerUnavailable,
        };
        connector.place(fault::steps(Fault::new(code, what(connector)).because(&error)), DATABASE)
    };
    let pulse = Arc::<Pulse>::default();
    if connection.is_socket() {
        let stream = UnixStream::connect(connection.address()).await.map_err(fail)?;
        return login(connector, Line::over(Watched::over(Box::new(stream), &pulse), pulse), None).await;
    }
    let stream = TcpStream::connect((connection.host.as_str(), connection.port)).await.map_err(fail)?;
    stream.set_nodelay(true).map_err(fail)?;
    let (stream, binding) = match way {
        Try::Plain => (Box::new(stream) as Box<dyn Duplex>, None),
        Try::Tls | Try::TlsIfOffered => encrypt(connector, stream).await?,
    };
    login(connector, Line::over(Watched::over(stream, &pulse), pulse), binding).await
}

/// Asks for TLS and sets it up.
async fn encrypt(connector: &Connector, mut stream: TcpStream) -> Result<(Box<dyn Duplex>, Option<Vec<u8>>), Fault> {
    let connection = connector.connection();
    let failed = |error: &(dyn std::error::Error + 'static)| {
        connector.place(Fault::new(Code::TlsFailed, what(connector)).caused_by(error), DATABASE)
    };
    let mut request = bytes::BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await.map_err(|error| failed(&error))?;
    let answer = stream.read_u8().await.map_err(|error| failed(&error))?;
    if answer != b'S' {
        return Err(failed(&io::Error::other("server does not support TLS")));
    }
    let name = ServerName::try_from(connection.host.clone()).map_err(|error| failed(&error))?;
    let tls = TlsConnector::from(Arc::new(tls::config(connection)?));
    let stream = tls.connect(name, stream).await.map_err(|error| failed(&error))?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let binding = certificate.and_then(|certificate| tls::end_point(certificate.as_ref()));
    Ok((Box::new(stream), binding))
}

/// Says who we are, and proves it.
async fn login(connector: &Connector, mut line: Line, binding: Option<Vec<u8>>) -> Result<Opened, Fault> {
    let what = what(connector);
    let broken = |error: io::Error| {
        let fault = fault::steps(Fault::new(Code::ServerUnavailable, what.clone()).because(&error));
        connector.place(fault, DATABASE)
    };
    let refused = |why: String| connector.place(Fault::new(Code::AuthFailed, what.clone()).because(why), DATABASE);
    let user = connector.role();
    let parameters = [("user", user), ("replication", "true"), ("application_name", APPLICATION), ("client_encoding", "UTF8")];
    line.send(|out| frontend::startup_message(parameters, out)).await.map_err(broken)?;
    let password = || {
        let password = connector.password().ok_or_else(|| refused("the server asks for a password and none is given".to_owned()))?;
        Ok::<_, Fault>(password.expose_secret().to_owned())
    };
    let mut scram = None;
    let (mut pid, mut version_num) = (0, 0);
    loop {
        match line.next().await.map_err(broken)? {
            Message::Error(fields) => return Err(refusal(&what, &fields, connector)),
            Message::Login(Login::Ok) => {}
            Message::Login(Login::Cleartext) => {
                let password = password()?;
                line.send(|out| frontend::password_message(password.as_bytes(), out)).await.map_err(broken)?;
            }
            Message::Login(Login::Md5(salt)) => {
                let hash = md5_hash(user.as_bytes(), password()?.as_bytes(), salt);
                line.send(|out| frontend::password_message(hash.as_bytes(), out)).await.map_err(broken)?;
            }
            Message::Login(Login::Sasl(mechanisms)) => {
                let offers = |name: &str| mechanisms.iter().any(|mechanism| mechanism == name);
                // A binding that we have and the server does not offer is said to be unrequested, so that nobody in between can have taken the
                // offer away unnoticed (RFC 5802, section 6).
                let (mechanism, bound) = match (&binding, offers(SCRAM_SHA_256_PLUS), offers(SCRAM_SHA_256)) {
                    (Some(hash), true, _) => (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash.clone())),
                    (Some(_), false, true) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
                    (None, _, true) => (SCRAM_SHA_256, ChannelBinding::unsupported()),
                    (_, _, false) => return Err(refused(format!("the server wants one of: {}", mechanisms.join(", ")))),
                };
                let state = ScramSha256::new(password()?.as_bytes(), bound);
                line.send(|out| frontend::sasl_initial_response(mechanism, state.message(), out)).await.map_err(broken)?;
                scram = Some(state);
            }
            Message::Login(Login::SaslContinue(data)) => {
                let state = scram.as_mut().ok_or_else(|| refused("an answer to no question".to_owned()))?;
                state.update(&data).map_err(|error| refused(error.to_string()))?;
                let answer = state.message().to_vec();
                line.send(|out| frontend::sasl_response(&answer, out)).await.map_err(broken)?;
            }
            Message::Login(Login::SaslFinal(data)) => {
                let state = scram.as_mut().ok_or_else(|| refused("an answer to no question".to_owned()))?;
                state.finish(&data).map_err(|error| refused(error.to_string()))?;
            }
            Message::Login(Login::Unknown(name)) => {
                return Err(refused(format!("the server asks for {name}, which replication sessions of this program do not have")));
            }
            Message::Parameter(name, value) if name == "server_version" => version_num = number(&value),
            Message::Process(process) => pid = process,
            Message::Ready => return Ok(Opened { line, pid, version_num }),
            _ => {}
        }
    }
}

/// `150018` of `15.18 (Debian 15.18-1)`; of versions that are not out yet the first number: `190000` of `19devel`.
fn number(text: &str) -> u32 {
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().unwrap_or(0);
    let mut parts = text.split('.');
    let major = parts.next().map_or(0, digits);
    major * 10_000 + parts.next().map_or(0, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(number("15.18 (Debian 15.18-0+deb12u1)"), 150_018);
        assert_eq!(number("19devel"), 190_000);
    }
}
