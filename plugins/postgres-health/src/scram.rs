//! SCRAM-SHA-256 (RFC 5802, RFC 7677), without ever having the password.
//!
//! All that is made of the password is an HMAC with it as the key, again and again; so whoever can make that HMAC can
//! log in. Passwords are taken as they are (RFC 4013 would change some that are not ASCII).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use runner_plugin::Failure;
use sha2::{Digest as _, Sha256};

use crate::message::nonsense;

/// `n,,`: no binding to the TLS channel. Then the message proper, with an empty name: the server knows it already.
const HEADER: &str = "n,,";

pub(crate) fn client_first(nonce: &str) -> String {
    format!("{HEADER}{}", client_first_bare(nonce))
}

fn client_first_bare(nonce: &str) -> String {
    format!("n=,r={nonce}")
}

/// What the server says first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServerFirst {
    text: String,
    nonce: String,
    salt: Vec<u8>,
    pub(crate) rounds: u32,
}

impl ServerFirst {
    pub(crate) fn read(text: &str, client_nonce: &str) -> Result<Self, Failure> {
        let mut parts = text.split(',');
        let mut part = |name: &str| {
            let part = parts.next().and_then(|part| part.strip_prefix(name));
            part.ok_or_else(|| nonsense(&format!("the login has no `{name}` where it belongs")))
        };
        let (nonce, salt, rounds) = (part("r=")?, part("s=")?, part("i=")?);
        if !nonce.starts_with(client_nonce) || nonce.len() == client_nonce.len() {
            return Err(nonsense("it answers another login than this one"));
        }
        let salt = STANDARD.decode(salt).map_err(|_| nonsense("the salt of the login is not base64"))?;
        let rounds = match rounds.parse() {
            Ok(0) | Err(_) => return Err(nonsense("the login has no number of rounds")),
            Ok(rounds) => rounds,
        };
        Ok(Self { text: text.to_owned(), nonce: nonce.to_owned(), salt, rounds })
    }
}

/// What proves to the server that the client knows the password, and the other way round.
pub(crate) struct Proof {
    pub(crate) client_final: String,
    pub(crate) server_signature: [u8; 32],
}

/// Makes the proof; `keyed` is HMAC-SHA-256 with the password as the key.
pub(crate) fn prove(first: &ServerFirst, client_nonce: &str, keyed: impl Fn(&[u8]) -> Vec<u8>) -> Proof {
    let salted = salted_password(first, keyed);
    let without_proof = format!("c={},r={}", STANDARD.encode(HEADER), first.nonce);
    let all = format!("{},{},{without_proof}", client_first_bare(client_nonce), first.text);
    let client_key = hmac(&salted, b"Client Key");
    let signature = hmac(&Sha256::digest(client_key), all.as_bytes());
    let mut proof = client_key;
    proof.iter_mut().zip(signature).for_each(|(key, signature)| *key ^= signature);
    let server_key = hmac(&salted, b"Server Key");
    Proof {
        client_final: format!("{without_proof},p={}", STANDARD.encode(proof)),
        server_signature: hmac(&server_key, all.as_bytes()),
    }
}

/// PBKDF2 of one block.
fn salted_password(first: &ServerFirst, keyed: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut block = first.salt.clone();
    block.extend(1_u32.to_be_bytes());
    let mut last = keyed(&block);
    let mut sum = last.clone();
    for _ in 1..first.rounds {
        last = keyed(&last);
        sum.iter_mut().zip(&last).for_each(|(sum, last)| *sum ^= last);
    }
    sum
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(data);
    mac.finalize().into_bytes().into()
}

impl Proof {
    /// Whether the server knows the password too.
    pub(crate) fn check(&self, server_final: &str) -> Result<(), Failure> {
        let signature = server_final.split(',').next().and_then(|part| part.strip_prefix("v="));
        match signature.map(|signature| STANDARD.decode(signature)) {
            Some(Ok(signature)) if signature == self.server_signature => Ok(()),
            _ => Err(Failure::invalid_input(
                "the server cannot prove that it knows the password: it may be another one than you mean",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nonce of the example in RFC 7677. The example has a name in it, which PostgreSQL leaves empty, so its proof
    /// cannot be compared; what is made of the password can.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn the_salted_password_is_pbkdf2() {
        let first = ServerFirst::read(FIRST, NONCE).unwrap();
        let salted = salted_password(&first, |data| hmac(b"pencil", data).to_vec());
        let all =
            format!("n=user,r={NONCE},{FIRST},c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
        let server_key = hmac(&salted, b"Server Key");

        assert_eq!(
            STANDARD.encode(hmac(&server_key, all.as_bytes())),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
    }

    /// Recorded from PostgreSQL 15.18, which took the proof.
    #[test]
    fn a_server_and_this_side_convince_each_other() {
        let nonce = "Y+7qsFjF5Tl/5fRIAlkFqxn9";
        let first = format!("r={nonce}0B5Z3V+DNgqig1CN9kStY8/w,s=3oJvwXNQ4E9FzcmmSRJXJA==,i=4096");
        let first = ServerFirst::read(&first, nonce).unwrap();

        let proof = prove(&first, nonce, |data| hmac(b"s3cr3t", data).to_vec());

        assert_eq!(
            proof.client_final,
            format!(
                "c=biws,r={nonce}0B5Z3V+DNgqig1CN9kStY8/w,p=zVuSevIVwusMeYy+oSrHdN0zlnT8gaiWcOyEqWuQWh8="
            )
        );
        assert_eq!(proof.check("v=X8R4jLyKd8ENVIozyLLSAzCe5N6fgPxPqZQ0DD+Gu98="), Ok(()));
        assert!(proof.check("v=AAR4jLyKd8ENVIozyLLSAzCe5N6fgPxPqZQ0DD+Gu98=").is_err());
        assert!(proof.check("e=other-error").is_err());
    }

    #[test]
    fn what_answers_another_login_is_refused() {
        let refused = |text: &str| ServerFirst::read(text, NONCE).unwrap_err();

        assert_eq!(refused("r=other,s=AAAA,i=1"), nonsense("it answers another login than this one"));
        assert_eq!(
            refused(&format!("r={NONCE},s=AAAA,i=1")),
            nonsense("it answers another login than this one")
        );
        assert_eq!(refused(&format!("r={NONCE}x,s=?,i=1")), nonsense("the salt of the login is not base64"));
        assert_eq!(refused(&format!("r={NONCE}x,s=AAAA,i=0")), nonsense("the login has no number of rounds"));
        assert_eq!(refused("e=no"), nonsense("the login has no `r=` where it belongs"));
    }
}
