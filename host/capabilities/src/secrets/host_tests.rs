//! Handles: what a guest can do with a secret, and what it cannot.

use serde_json::json;

use crate::{
    Capability, Refusal,
    host::{
        Context,
        bindings::runner::plugin::{
            reveal::Host as _,
            secrets::{Host as _, HostSecret as _},
            types::HostError,
        },
        testing::Builder,
    },
};

fn context(grants: serde_json::Value) -> Context {
    Builder::new(json!({ "secrets": grants })).secret("key", b"Jefe").secret("other", b"other").build()
}

#[test]
fn a_secret_signs_without_being_seen() {
    let mut context = context(json!(["key"]));
    let secret = context.get("key".to_owned()).unwrap().unwrap();
    // RFC 4231, test case 2.
    let signature = context.hmac_sha256(secret, b"what do ya want for nothing?".to_vec()).unwrap();
    let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

#[test]
fn only_granted_secrets_are_handed_out() {
    let mut context = context(json!(["key", "absent"]));
    assert_eq!(context.get("other".to_owned()).unwrap().map(|_| ()), Err(HostError::Denied));
    assert_eq!(
        context.get("absent".to_owned()).unwrap().map(|_| ()),
        Err(HostError::Unavailable(
            "`absent` is granted, but it is not among the step's `secrets`".to_owned()
        ))
    );
    let refusal = Refusal {
        capability: Capability::Secrets,
        request: "use the secret `other`".to_owned(),
        message: "its `secrets` grant does not name this".to_owned(),
        grant: Some("secrets: [other]".to_owned()),
    };
    assert_eq!(context.ledger().finish().refusals, [refusal]);
}

#[test]
fn the_bytes_need_a_grant_of_their_own() {
    let mut handle = context(json!(["key"]));
    let secret = handle.get("key".to_owned()).unwrap().unwrap();
    assert_eq!(handle.reveal(secret).unwrap(), Err(HostError::Denied));
    let refusal = Refusal {
        capability: Capability::Reveal,
        request: "see the bytes of `key`".to_owned(),
        message: "its `secrets` grant does not name this".to_owned(),
        grant: Some("secrets: [{ name: key, reveal: true }]".to_owned()),
    };
    assert_eq!(handle.ledger().finish().refusals, [refusal]);

    let mut open = context(json!([{ "name": "key", "reveal": true }]));
    let secret = open.get("key".to_owned()).unwrap().unwrap();
    assert_eq!(open.reveal(secret).unwrap(), Ok("Jefe".to_owned()));
}

#[test]
fn printing_a_handle_shows_its_name_only() {
    let mut context = context(json!(["key"]));
    let secret = context.get("key".to_owned()).unwrap().unwrap();
    assert_eq!(format!("{:?}", context.table.get(&secret).unwrap()), "Secret(key)");
    assert_eq!(format!("{:?}", context.secrets), "{\"key\", \"other\"}");
}
