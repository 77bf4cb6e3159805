//! How a password is proven, for each of the server's ways: what is sent and what is never sent. Sends nothing itself.

use super::Error;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::auth::plugins::client_ed25519::ClientEd25519;
use mysql_common::auth::plugins::mysql_native_password::scramble_native;
use mysql_common::auth::plugins::{ChallengeResponsePlugin, Context};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

/// Who can listen to what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// Whoever is on the way.
    Open,
    /// Nobody on this host's own socket.
    Local,
    /// Nobody but the server, or whoever says to be it.
    Hidden,
    /// Nobody but the server, whose certificate was verified.
    Proven,
}

/// The ways that this program has. `mysql_clear_password` stands for what LDAP and PAM need.
const NATIVE: &str = "mysql_native_password";
const CACHING: &str = "caching_sha2_password";
const SHA256: &str = "sha256_password";
const ED25519: &str = "client_ed25519";
const CLEAR: &str = "mysql_clear_password";

/// A password on its way to be proven.
pub struct Proof<'a> {
    password: &'a [u8],
    secrecy: Secrecy,
    plugin: String,
    nonce: Vec<u8>,
}

impl<'a> Proof<'a> {
    /// By a way that the server names, or, where this program has no such way, by one that every server answers with another.
    pub fn offered(password: &'a [u8], secrecy: Secrecy, plugin: &str, nonce: &[u8]) -> Self {
        let plugin = if matches!(plugin, NATIVE | CACHING) { plugin } else { NATIVE };
        Self { password, secrecy, plugin: plugin.to_owned(), nonce: nonce.to_vec() }
    }

    /// By a way that the server insists on.
    pub fn demanded(password: &'a [u8], secrecy: Secrecy, plugin: &str, nonce: &[u8]) -> Self {
        Self { password, secrecy, plugin: plugin.to_owned(), nonce: nonce.to_vec() }
    }

    /// Its name in the protocol.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// What is sent first.
    pub fn first(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let odd = || Error::protocol("a login is bound to too few bytes");
        Ok(Zeroizing::new(match self.plugin.as_str() {
            NATIVE => scramble_native(&self.nonce, self.password).map(Vec::from).unwrap_or_default(),
            CACHING => {
                let nonce = self.nonce.as_slice().try_into().map_err(|_| odd())?;
                scramble_sha256(nonce, self.password).map(Vec::from).unwrap_or_default()
            }
            ED25519 => {
                let answer = ClientEd25519::default().run(Plain(self.password), &self.nonce).map_err(|_| odd())?;
                answer.data().unwrap_or_default().to_vec()
            }
            SHA256 if self.password.is_empty() => vec![0],
            // This one's server takes a socket for a line that others listen on.
            SHA256 if matches!(self.secrecy, Secrecy::Open | Secrecy::Local) => vec![1],
            SHA256 => return Ok(self.clear()),
            CLEAR if matches!(self.secrecy, Secrecy::Local | Secrecy::Proven) => return Ok(self.clear()),
            CLEAR => {
                return Err(Error::Refused(
                    "the server asks for the password itself (mysql_clear_password), which is only given to one whose certificate is verified: \
                     ssl mode verify-ca or verify-full"
                        .to_owned(),
                ));
            }
            other => return Err(Error::Refused(format!("the server asks for a proof by {other:?}, which this program does not have"))),
        }))
    }

    /// What is sent on what the server says next; nothing where it only says that all is well.
    pub fn next(&self, said: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match (self.plugin.as_str(), said) {
            // The server knows the password by heart.
            (CACHING, [3]) => Ok(None),
            // It does not, and asks for it. Where others listen, it goes under the server's key, which is asked for.
            (CACHING, [4]) if self.secrecy != Secrecy::Open => Ok(Some(self.clear())),
            (CACHING, [4]) => Ok(Some(Zeroizing::new(vec![2]))),
            (CACHING | SHA256, pem) if matches!(self.secrecy, Secrecy::Open | Secrecy::Local) => self.under(pem).map(Some),
            _ => Err(Error::Protocol(format!("it says something unknown in a login by {}", self.plugin))),
        }
    }

    fn clear(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.password.len() + 1));
        bytes.extend_from_slice(self.password);
        bytes.push(0);
        bytes
    }

    /// The password under the server's key.
    fn under(&self, pem: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let odd = |_| Error::protocol("its key for passwords is none");
        if self.nonce.is_empty() {
            return Err(Error::protocol("a login is bound to no bytes"));
        }
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| Error::protocol("its key for passwords is none"))?;
        let key = PublicEncryptingKey::from_der(&key).map_err(|_| Error::protocol("its key for passwords is none"))?;
        let key = OaepPublicEncryptingKey::new(key).map_err(odd)?;
        let mut mixed = self.clear();
        for (byte, nonce) in mixed.iter_mut().zip(self.nonce.iter().cycle()) {
            *byte ^= nonce;
        }
        let mut room = vec![0; key.ciphertext_size()];
        let hidden = key.encrypt(&OAEP_SHA1_MGF1SHA1, &mixed, &mut room, None);
        let hidden = hidden.map_err(|_| Error::Refused("the password is too long for the server's key".to_owned()))?;
        Ok(Zeroizing::new(hidden.to_vec()))
    }
}

/// What the signature needs: the password alone.
struct Plain<'a>(&'a [u8]);

impl Context for Plain<'_> {
    fn pass(&self) -> &[u8] {
        self.0
    }

    fn is_ipc_transport(&self) -> bool {
        false
    }

    fn is_tls_transport(&self) -> bool {
        false
    }

    fn scramble(&self) -> &[u8] {
        &[]
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_itself_goes_only_where_nobody_listens() {
        let nonce = [7; 20];
        for (plugin, secrecy) in [(CACHING, Secrecy::Open), (SHA256, Secrecy::Open), (NATIVE, Secrecy::Proven), (CACHING, Secrecy::Proven)]
        {
            let sent = Proof::demanded(b"secret", secrecy, plugin, &nonce).first().expect("a proof");
            assert!(!sent.windows(6).any(|part| part == b"secret"), "{plugin}");
        }
        let proof = Proof::demanded(b"secret", Secrecy::Open, CACHING, &nonce);
        assert_eq!(proof.next(&[4]).expect("a request").expect("bytes").as_slice(), [2]);
        assert!(proof.next(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").is_err());
        assert_eq!(
            Proof::demanded(b"secret", Secrecy::Hidden, CACHING, &nonce).next(&[4]).expect("bytes").expect("some").as_slice(),
            b"secret\0"
        );
        assert!(matches!(Proof::demanded(b"secret", Secrecy::Hidden, CLEAR, &nonce).first(), Err(Error::Refused(_))));
        assert!(matches!(Proof::demanded(b"secret", Secrecy::Proven, "dialog", &nonce).first(), Err(Error::Refused(_))));
        assert!(Proof::demanded(b"secret", Secrecy::Open, CACHING, &[1, 2]).first().is_err());
    }
}
