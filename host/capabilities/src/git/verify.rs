//! Signatures of tags and commits.
//!
//! SSH signatures are verified here, against lines that the plugin gives: the format is read by `ssh-key`, the mathematics is
//! that of `ring`, which TLS uses too. What is signed with OpenPGP or X.509 is never good: there is no keyring here that
//! could say so.

use git2::{ErrorCode, ObjectType, Oid, Repository};
use ring::signature::{
    self as algorithms, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use ssh_key::{
    Algorithm, EcdsaCurve, HashAlg, SshSig,
    public::{EcdsaPublicKey, KeyData},
};

use super::{
    call::Fault,
    read,
    signers::{self, NAMESPACE, Standing},
};
use crate::host::bindings::runner::plugin::git::Verification;

/// Longest tag or commit that is verified.
const MAX_SIGNED: usize = 1 << 20;

pub(super) fn tag(repository: &Repository, name: &str, allowed: &str) -> Result<Verification, Fault> {
    let signers = signers::parse(allowed)?;
    let full = read::is_tag_name(name)?;
    let Some(reference) = read::reference(repository, &full)? else {
        return Err(Fault::NotFound(format!("there is no tag `{name}`")));
    };
    let Some(id) = reference.resolve()?.target() else {
        return Err(Fault::Failed(format!("the tag `{name}` leads to nothing")));
    };
    let text = object(repository, id, ObjectType::Tag)?;
    let Some(text) = text else { return Ok(Verification::Unsigned) };
    // The signature stands after the message, and signs all that is before it. A header that looks like one is none.
    let head = text.windows(2).position(|pair| pair == b"\n\n").map_or(text.len(), |end| end + 2);
    let Some(start) = read::signature_start(&text[head..]).map(|start| head + start) else {
        return Ok(Verification::Unsigned);
    };
    let at = repository.find_tag(id)?.tagger().map_or(0, |tagger| tagger.when().seconds());
    Ok(verified(&text[start..], &text[..start], &signers, at))
}

pub(super) fn commit(repository: &Repository, revision: &str, allowed: &str) -> Result<Verification, Fault> {
    let signers = signers::parse(allowed)?;
    let id = read::resolved(repository, revision)?;
    if object(repository, id, ObjectType::Commit)?.is_none() {
        return Err(Fault::Failed(format!("`{revision}` is no commit")));
    }
    let (signature, text) = match repository.extract_signature(&id, None) {
        Ok(parts) => parts,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(Verification::Unsigned),
        Err(error) => {
            return Err(Fault::Failed(format!(
                "the signature of `{revision}` cannot be read: {}",
                error.message()
            )));
        }
    };
    let at = repository.find_commit(id)?.committer().when().seconds();
    Ok(verified(&signature, &text, &signers, at))
}

/// The bytes of an object of this type.
fn object(repository: &Repository, id: Oid, wanted: ObjectType) -> Result<Option<Vec<u8>>, Fault> {
    let odb = repository.odb()?;
    let damaged = |error: git2::Error| {
        Fault::Failed(format!("the object {id} is missing or damaged: {}", error.message()))
    };
    let (size, kind) = odb.read_header(id).map_err(damaged)?;
    if kind != wanted {
        return Ok(None);
    }
    if size > MAX_SIGNED {
        return Err(Fault::Failed(format!(
            "the object {id} is longer than {MAX_SIGNED} bytes; it is not verified"
        )));
    }
    Ok(Some(odb.read(id).map_err(damaged)?.data().to_vec()))
}

/// What is to be said of `signature` over `text`, made at `at` (seconds since 1970, by the signer's own word).
fn verified(signature: &[u8], text: &[u8], signers: &[signers::Signer], at: i64) -> Verification {
    let untrusted = |why: String| Verification::Untrusted(why);
    if !signature.starts_with(b"-----BEGIN SSH SIGNATURE-----") {
        let kind = if signature.starts_with(b"-----BEGIN PGP") { "an OpenPGP" } else { "an X.509" };
        return untrusted(format!("{kind} signature; only SSH signatures are verified here"));
    }
    // Servers end lines as they like; what follows the last line is not part of it.
    let signature = match SshSig::from_pem(signature) {
        Ok(signature) => signature,
        Err(error) => return Verification::Bad(format!("the signature cannot be read: {error}")),
    };
    if signature.namespace() != NAMESPACE {
        let namespace: String = signature.namespace().chars().take(100).collect();
        return Verification::Bad(format!("it was made for `{namespace}`, not for `{NAMESPACE}`"));
    }
    let key = signature.public_key();
    let print = key.fingerprint(HashAlg::Sha256);
    let Ok(signed) = SshSig::signed_data(NAMESPACE, signature.hash_alg(), text) else {
        return Verification::Bad("what it signs cannot be put together".to_owned());
    };
    match fits(key, &signature, &signed) {
        Fit::Yes => {}
        Fit::No => return Verification::Bad(format!("it does not fit what it signs (key {print})")),
        Fit::Unknown(what) => return untrusted(format!("{what} cannot be verified here (key {print})")),
    }
    match signers::standing(signers, key, at) {
        (Standing::Good, Some(who)) => Verification::Good(who.to_owned()),
        (Standing::OutOfTime, Some(who)) => {
            untrusted(format!("the key of {who} was not valid at that time ({print})"))
        }
        (Standing::OtherPurpose, Some(who)) => {
            untrusted(format!("the key of {who} is not for `{NAMESPACE}` ({print})"))
        }
        (Standing::Unknown | Standing::Good | Standing::OutOfTime | Standing::OtherPurpose, _) => {
            untrusted(format!("nobody of the allowed signers has the key {print}"))
        }
    }
}

enum Fit {
    Yes,
    No,
    Unknown(String),
}

/// Whether the key made the signature.
#[expect(clippy::wildcard_enum_match_arm, reason = "the list of kinds of keys is `ssh-key`'s and open")]
fn fits(key: &KeyData, signature: &SshSig, signed: &[u8]) -> Fit {
    let bytes = signature.signature_bytes();
    let algorithm = signature.signature().algorithm();
    let decided = |fit: bool| if fit { Fit::Yes } else { Fit::No };
    let by = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8], bytes: &[u8]| {
        decided(UnparsedPublicKey::new(algorithm, key).verify(signed, bytes).is_ok())
    };
    match key {
        KeyData::Ed25519(key) if algorithm == Algorithm::Ed25519 => by(&algorithms::ED25519, &key.0, bytes),
        KeyData::Ecdsa(key) if algorithm == (Algorithm::Ecdsa { curve: key.curve() }) => {
            let (algorithm, size): (&'static dyn VerificationAlgorithm, usize) = match key.curve() {
                EcdsaCurve::NistP256 => (&algorithms::ECDSA_P256_SHA256_FIXED, 32),
                EcdsaCurve::NistP384 => (&algorithms::ECDSA_P384_SHA384_FIXED, 48),
                EcdsaCurve::NistP521 => return Fit::Unknown("an ECDSA key on P-521".to_owned()),
            };
            fixed(bytes, size)
                .map_or(Fit::No, |bytes| by(algorithm, EcdsaPublicKey::as_sec1_bytes(key), &bytes))
        }
        KeyData::Rsa(key) => {
            let parameters = if algorithm == (Algorithm::Rsa { hash: Some(HashAlg::Sha512) }) {
                &RSA_PKCS1_2048_8192_SHA512
            } else if algorithm == (Algorithm::Rsa { hash: Some(HashAlg::Sha256) }) {
                &RSA_PKCS1_2048_8192_SHA256
            } else {
                return Fit::Unknown(format!("an RSA signature of the kind `{algorithm}`"));
            };
            match (key.n.as_positive_bytes(), key.e.as_positive_bytes()) {
                (Some(n), Some(_)) if n.len() < 256 => {
                    Fit::Unknown("an RSA key of less than 2048 bits".to_owned())
                }
                (Some(n), Some(e)) => {
                    decided(RsaPublicKeyComponents { n, e }.verify(parameters, signed, bytes).is_ok())
                }
                (_, _) => Fit::No,
            }
        }
        KeyData::Ed25519(_) | KeyData::Ecdsa(_) => Fit::No,
        other => Fit::Unknown(format!("a key of the kind `{}`", other.algorithm())),
    }
}

/// The two numbers of an ECDSA signature, each a length and as many bytes, as two numbers of `size` bytes.
fn fixed(bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let number = |bytes: &[u8]| -> Option<(Vec<u8>, usize)> {
        let length = usize::try_from(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
        let end = length.checked_add(4)?;
        let number = bytes.get(4..end)?;
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        let mut fixed = vec![0; size.checked_sub(number.len())?];
        fixed.extend_from_slice(number);
        Some((fixed, end))
    };
    let (mut both, end) = number(bytes)?;
    let (second, rest) = number(bytes.get(end..)?)?;
    both.extend(second);
    (bytes.len() == end + rest).then_some(both)
}
