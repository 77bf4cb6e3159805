//! TLS with libpq's meaning of `sslmode`: what is trusted, and which certificate is shown. Opens no socket, and knows no session and no product.

use crate::domain::connection::SslMode;
use crate::domain::{Code, Connection, Fault};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

/// How far a server's certificate is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Whoever answers.
    Anyone,
    /// Whoever a trusted authority has signed.
    Signed,
    /// The same, and it is the host that we asked for.
    Named,
}

/// libpq's table of modes (documentation, "SSL Support", "Protection Provided in Different Modes"): `require` verifies like `verify-ca`
/// when a root certificate file is given, and does not verify without one.
fn trust(connection: &Connection) -> Trust {
    match connection.ssl_mode {
        SslMode::VerifyFull => Trust::Named,
        SslMode::VerifyCa => Trust::Signed,
        SslMode::Require => match &connection.ssl_root_cert {
            Some(path) if path.as_os_str() == "system" => Trust::Named,
            Some(_) => Trust::Signed,
            None => Trust::Anyone,
        },
        SslMode::Disable | SslMode::Allow | SslMode::Prefer => Trust::Anyone,
    }
}

/// Whether whoever answers has to prove who it is.
pub fn is_proven(connection: &Connection) -> bool {
    trust(connection) != Trust::Anyone
}

/// What TLS is set up with for a connection.
pub fn config(connection: &Connection) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::new(Code::TlsFailed, "cannot set up TLS").caused_by(&error))?;
    let signed = match trust(connection) {
        Trust::Anyone => None,
        trust => {
            let (store, roots) = roots(connection.ssl_root_cert.as_deref())?;
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
                .build()
                .map_err(|error| Fault::new(Code::TlsFailed, "cannot use the root certificates").caused_by(&error))?;
            Some(Signed { inner, trust, roots })
        }
    };
    let verifier = Arc::new(Verifier { provider, signed });
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let config = match (&connection.ssl_cert, &connection.ssl_key) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert)?;
            private(key)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("client key", key, &error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| Fault::new(Code::TlsFailed, "the client certificate and its key do not fit").caused_by(&error))?
        }
        (Some(_), None) => return Err(half("sslcert", "sslkey")),
        (None, Some(_)) => return Err(half("sslkey", "sslcert")),
        (None, None) => builder.with_no_client_auth(),
    };
    Ok(config)
}

/// The hash of a server's certificate to which a login is bound (`tls-server-end-point`, RFC 5929, section 4.1); none where the certificate's
/// signature knows no hash.
pub fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    use sha2::{Digest, Sha256, Sha384, Sha512};
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER, … }, … } (RFC 5280, section 4.1)
    let (certificate_body, _) = element(certificate)?;
    let (_, after) = element(certificate_body)?;
    let (algorithm, _) = element(after)?;
    let (identifier, _) = element(algorithm)?;
    const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: [u8; 6] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
    // MD5 and SHA-1 are taken for SHA-256.
    let bits = match (identifier.strip_prefix(&RSA), identifier.strip_prefix(&ECDSA)) {
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => 256,
        (Some([12]), _) | (_, Some([3, 3])) => 384,
        (Some([13]), _) | (_, Some([3, 4])) => 512,
        _ => return None,
    };
    Some(match bits {
        256 => Sha256::digest(certificate).to_vec(),
        384 => Sha384::digest(certificate).to_vec(),
        _ => Sha512::digest(certificate).to_vec(),
    })
}

/// The content of the first DER element, and what follows it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = (*der.get(1)?, der.get(2..)?);
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn half(given: &str, missing: &str) -> Fault {
    Fault::new(Code::Config, format!("{given} is set without {missing}")).step(format!("Set {missing} too, or remove {given}."))
}

fn unreadable(what: &str, path: &Path, error: &(dyn std::error::Error + 'static)) -> Fault {
    Fault::new(Code::TlsFailed, format!("cannot read the {what} {}", path.display()))
        .caused_by(error)
        .step_run("Look at the file:", format!("openssl x509 -in {} -noout -subject -dates", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let found = read().map_err(|error| unreadable("certificate", path, &error))?;
    if found.is_empty() {
        return Err(Fault::new(Code::TlsFailed, format!("{} holds no certificate", path.display())));
    }
    Ok(found)
}

/// The trusted authorities, and their certificates as they are in the file.
fn roots(file: Option<&Path>) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), Fault> {
    let mut store = RootCertStore::empty();
    let (certificates, origin) = match file {
        Some(path) if path.as_os_str() != "system" => (certificates(path)?, path.display().to_string()),
        _ => (rustls_native_certs::load_native_certs().certs, "the system's certificate store".to_owned()),
    };
    let (added, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err(Fault::new(Code::TlsFailed, format!("no root certificate in {origin}"))
            .step("Name the file of the authority that signed the server's certificate (sslrootcert).")
            .step_run("Or install the system's certificates:", "apt-get install ca-certificates"));
    }
    Ok((store, certificates))
}

/// Whether nobody else can read a client's key, by libpq's rule (documentation, "Client Certificates"): 0600 or less, or 0640 or less where it
/// belongs to root. What is no plain file libpq refuses too.
fn private(key: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::metadata(key).map_err(|error| unreadable("client key", key, &error))?;
    let shown = key.display();
    if !about.is_file() {
        return Err(Fault::new(Code::FilePermission, format!("the client key {shown} is not a plain file")).step("Name a file (sslkey)."));
    }
    let others = if about.uid() == 0 { 0o037 } else { 0o077 };
    if about.mode() & others == 0 {
        return Ok(());
    }
    Err(Fault::new(Code::FilePermission, format!("the client key {shown} is open to others"))
        .because(format!("its mode is {:04o}: at most 0600 is allowed, or 0640 where it belongs to root", about.mode() & 0o7777))
        .step_run("Close it:", format!("chmod 600 {}", shell_words::quote(&key.to_string_lossy()))))
}

/// Checks the server's certificate as far as it is to be believed: without `signed` any certificate is, which is encryption without proof of
/// who answers. Signatures of the handshake are always checked.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    signed: Option<Signed>,
}

/// Believes a certificate that a trusted authority signed, and the name in it where that is asked for.
///
/// Beyond what rustls believes by itself, a self-signed certificate that is in the root file word for word is believed, as OpenSSL does:
/// that is how most private servers are set up.
#[derive(Debug)]
struct Signed {
    inner: Arc<WebPkiServerVerifier>,
    trust: Trust,
    roots: Vec<CertificateDer<'static>>,
}

impl Signed {
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The chain is checked before the name, so that a complaint about the name means a good chain.
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp, now) {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }))
                if self.trust == Trust::Signed =>
            {
                Ok(ServerCertVerified::assertion())
            }
            // Expiry is checked before this one.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if other.to_string().contains("CaUsedAsEndEntity") && self.roots.iter().any(|root| root == end_entity) =>
            {
                if self.trust == Trust::Named {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.signed {
            Some(signed) => signed.check(end_entity, intermediates, server_name, ocsp, now),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256, Sha384};

    /// A certificate as far as it matters: an empty body, the algorithm, an empty signature.
    fn certificate(identifier: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
        let algorithm = [&[0x06, length(identifier)], identifier].concat();
        let body = [&[0x30, 0x00, 0x30, length(&algorithm)], &algorithm[..], &[0x03, 0x01, 0x00]].concat();
        [&[0x30, 0x81, length(&body)], &body[..]].concat()
    }

    #[test]
    fn a_login_is_bound_to_the_hash_that_the_certificates_signature_uses() {
        let rsa = certificate(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 11]);
        assert_eq!(end_point(&rsa), Some(Sha256::digest(&rsa).to_vec()));
        let sha1 = certificate(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 5]);
        assert_eq!(end_point(&sha1), Some(Sha256::digest(&sha1).to_vec()));
        let curve = certificate(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 3, 3]);
        assert_eq!(end_point(&curve), Some(Sha384::digest(&curve).to_vec()));
        // Ed25519 knows no hash; what is cut off is no certificate.
        assert_eq!(end_point(&certificate(&[0x2b, 0x65, 0x70])), None);
        assert_eq!(end_point(&rsa[..12]), None);
    }
}
