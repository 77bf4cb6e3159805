//! The few messages that replication sessions need, and what a refusal means.

use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::{fault, quote};
use bytes::{Bytes, BytesMut};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend;
use std::io;

/// A message of the server's.
pub enum Message {
    /// A login step.
    Login(Login),
    /// `server_version` and so on.
    Parameter(String, String),
    /// Which process serves us.
    Process(i32),
    /// A row of values in text form.
    Row(Vec<Option<String>>),
    /// One statement of the query is done.
    Complete,
    /// The server sends a copy.
    CopyOut,
    /// The server takes a copy.
    CopyIn,
    /// Bytes of a copy.
    Data(Bytes),
    /// A copy is at its end.
    CopyDone,
    /// Everything is answered.
    Ready,
    /// It failed.
    Error(Fields),
    /// It has to be said.
    Notice(Fields),
    /// Nothing that matters here.
    Other,
}

/// What the server asks for at the login.
pub enum Login {
    /// Nothing more.
    Ok,
    /// The password.
    Cleartext,
    /// Its MD5 with a salt.
    Md5([u8; 4]),
    /// One of these mechanisms.
    Sasl(Vec<String>),
    /// The next step of one.
    SaslContinue(Bytes),
    /// The last.
    SaslFinal(Bytes),
    /// Something that we do not have.
    Unknown(&'static str),
}

/// The fields of an error or notice (documentation, "Error and Notice Message Fields").
#[derive(Debug, Default)]
pub struct Fields {
    /// SQLSTATE.
    pub state: String,
    /// The text.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// What may help.
    pub hint: Option<String>,
}

/// Takes the first whole message off the buffer.
pub fn take(buffer: &mut BytesMut) -> io::Result<Option<Message>> {
    use backend::Message as Wire;
    let Some(message) = backend::Message::parse(buffer)? else { return Ok(None) };
    Ok(Some(match message {
        Wire::AuthenticationOk => Message::Login(Login::Ok),
        Wire::AuthenticationCleartextPassword => Message::Login(Login::Cleartext),
        Wire::AuthenticationMd5Password(body) => Message::Login(Login::Md5(body.salt())),
        Wire::AuthenticationSasl(body) => Message::Login(Login::Sasl(body.mechanisms().map(|name| Ok(name.to_owned())).collect()?)),
        Wire::AuthenticationSaslContinue(body) => Message::Login(Login::SaslContinue(Bytes::copy_from_slice(body.data()))),
        Wire::AuthenticationSaslFinal(body) => Message::Login(Login::SaslFinal(Bytes::copy_from_slice(body.data()))),
        Wire::AuthenticationGss | Wire::AuthenticationGssContinue(_) => Message::Login(Login::Unknown("GSSAPI")),
        Wire::AuthenticationSspi => Message::Login(Login::Unknown("SSPI")),
        Wire::AuthenticationKerberosV5 => Message::Login(Login::Unknown("Kerberos")),
        Wire::AuthenticationScmCredential => Message::Login(Login::Unknown("SCM credentials")),
        Wire::ParameterStatus(body) => Message::Parameter(body.name()?.to_owned(), body.value()?.to_owned()),
        Wire::BackendKeyData(body) => Message::Process(body.process_id()),
        Wire::DataRow(body) => {
            let text =
                |range: Option<std::ops::Range<usize>>| range.map(|range| String::from_utf8_lossy(&body.buffer()[range]).into_owned());
            Message::Row(body.ranges().map(|range| Ok(text(range))).collect()?)
        }
        Wire::CommandComplete(_) | Wire::EmptyQueryResponse => Message::Complete,
        Wire::CopyOutResponse(_) => Message::CopyOut,
        Wire::CopyInResponse(_) => Message::CopyIn,
        Wire::CopyData(body) => Message::Data(body.into_bytes()),
        Wire::CopyDone => Message::CopyDone,
        Wire::ReadyForQuery(_) => Message::Ready,
        Wire::ErrorResponse(body) => Message::Error(fields(body.fields())?),
        Wire::NoticeResponse(body) => Message::Notice(fields(body.fields())?),
        _ => Message::Other,
    }))
}

fn fields(mut all: backend::ErrorFields<'_>) -> io::Result<Fields> {
    let mut fields = Fields::default();
    while let Some(field) = all.next()? {
        let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => fields.state = value,
            b'M' => fields.message = value,
            b'D' => fields.detail = Some(value),
            b'H' => fields.hint = Some(value),
            _ => {}
        }
    }
    Ok(fields)
}

/// A server's refusal as a fault, with the steps that replication needs.
pub fn refusal(what: &str, fields: &Fields, connector: &Connector) -> Fault {
    let code = fault::server(&fields.state, &fields.message, fields.hint.as_deref().unwrap_or_default());
    let mut refused = Fault::new(code, what).because(&fields.message).with_sqlstate(&fields.state);
    for (name, value) in [("Detail", &fields.detail), ("Hint", &fields.hint)] {
        if let Some(value) = value {
            refused = refused.at(name, value);
        }
    }
    let connection = connector.connection();
    let user = &connection.user;
    match code {
        Code::PermissionDenied => {
            let refused = refused
                .step_run("Let the role open replication sessions:", format!("ALTER ROLE {} REPLICATION;", quote::ident(user)))
                .step("Or use a role that has it: --user.");
            fault::located(refused, connection, super::DATABASE)
        }
        Code::AuthFailed if fields.state == "28000" => {
            let refused = refused.step(format!(
                "Base backups need a line of their own in pg_hba.conf, of the form: host replication {user} ADDRESS scram-sha-256. Then: \
                 SELECT pg_reload_conf();"
            ));
            connector.place(refused, super::DATABASE)
        }
        Code::TooManyConnections => {
            let refused = refused
                .step_run(
                    "See who uses the replication sessions:",
                    "SELECT pid, usename, application_name, state FROM pg_stat_replication;",
                )
                .step_run("Or allow more of them, then restart the server:", "ALTER SYSTEM SET max_wal_senders = 20;");
            fault::located(refused, connection, super::DATABASE)
        }
        // Data that are not what they were (ERRCODE_DATA_CORRUPTED): the server's checksums say so.
        _ if fields.state == "XX001" => fault::located(refused, connection, super::DATABASE),
        _ => connector.place(fault::steps(refused), super::DATABASE),
    }
}
