//! Signatures, made by `ssh-keygen` and by git.

use serde_json::json;
use wasmtime::component::Resource;

use super::{
    Repository,
    testing::{World, command, told},
};
use crate::host::{
    Context,
    bindings::runner::plugin::git::{HostRepository as _, Verification},
};

type At = Resource<Repository>;

/// A key pair in `home/`, its line for allowed signers, and its fingerprint.
fn key(world: &World, name: &str, kind: &[&str]) -> (String, String) {
    let path = world.path(&format!("home/{name}"));
    let run = |args: &[&str]| {
        let done = command("ssh-keygen", &world.path("home")).args(args).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let path = path.to_str().unwrap();
    run(&[&["-q", "-N", "", "-C", name, "-f", path, "-t"], kind].concat());
    let public = std::fs::read_to_string(format!("{path}.pub")).unwrap();
    let print = run(&["-l", "-f", path]).split(' ').nth(1).unwrap().to_owned();
    (format!("{name}@example.com {public}"), print)
}

/// Signs with the key `name` what `args` makes.
fn sign(world: &World, name: &str, args: &[&str]) {
    let key = format!("user.signingKey={}", world.path(&format!("home/{name}")).display());
    world.git("root", &[&["-c", "gpg.format=ssh", "-c", &key], args].concat());
}

async fn tag(context: &mut Context, at: At, name: &str, allowed: &str) -> String {
    shown(context.verify_tag(at, name.to_owned(), allowed.to_owned()).await.unwrap().map_err(told))
}

async fn commit(context: &mut Context, at: At, allowed: &str) -> String {
    shown(context.verify_commit(at, "HEAD".to_owned(), allowed.to_owned()).await.unwrap().map_err(told))
}

fn shown(verified: Result<Verification, String>) -> String {
    match verified {
        Ok(Verification::Unsigned) => "unsigned".to_owned(),
        Ok(Verification::Good(who)) => format!("good: {who}"),
        Ok(Verification::Untrusted(why)) => format!("untrusted: {why}"),
        Ok(Verification::Bad(why)) => format!("bad: {why}"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn signatures_of_all_usual_keys_are_good_for_whom_is_allowed() {
    let world = World::new();
    let (mut context, at) = world.open(json!(["verify"])).await;
    let kinds: [(&str, &[&str]); 4] = [
        ("ed25519", &["ed25519"]),
        ("p256", &["ecdsa", "-b", "256"]),
        ("p384", &["ecdsa", "-b", "384"]),
        ("rsa", &["rsa", "-b", "2048"]),
    ];
    let (stranger, _) = key(&world, "stranger", &["ed25519"]);
    for (name, kind) in kinds {
        let (line, print) = key(&world, name, kind);
        sign(&world, name, &["tag", "-s", name, "-m", "a release"]);
        sign(&world, name, &["commit", "-q", "-S", "--allow-empty", "-m", name]);
        let allowed = format!("# the team\n{stranger}{line}");
        assert_eq!(tag(&mut context, at(), name, &allowed).await, format!("good: {name}@example.com"));
        assert_eq!(commit(&mut context, at(), &allowed).await, format!("good: {name}@example.com"));
        let nobody = format!("untrusted: nobody of the allowed signers has the key {print}");
        assert_eq!(tag(&mut context, at(), name, &stranger).await, nobody);
        assert_eq!(commit(&mut context, at(), "").await, nobody);
    }
}

#[tokio::test]
async fn what_is_not_signed_is_unsigned() {
    let world = World::new();
    world.git("root", &["tag", "light"]);
    world.git("root", &["tag", "-a", "v1", "-m", "one"]);
    let (mut context, at) = world.open(json!(["verify"])).await;
    assert_eq!(tag(&mut context, at(), "light", "").await, "unsigned");
    assert_eq!(tag(&mut context, at(), "v1", "").await, "unsigned");
    assert_eq!(commit(&mut context, at(), "").await, "unsigned");
    assert_eq!(tag(&mut context, at(), "absent", "").await, "not found: there is no tag `absent`");
}

#[tokio::test]
async fn a_signature_does_not_pass_to_another_text() {
    let world = World::new();
    let (line, print) = key(&world, "ann", &["ed25519"]);
    sign(&world, "ann", &["tag", "-s", "v1", "-m", "a release"]);
    let whole = world.git("root", &["cat-file", "tag", "v1"]);
    let forge = |name: &str, text: &str| {
        world.write("forged", &format!("{text}\n"));
        let path = world.path("forged");
        let object =
            world.git("root", &["hash-object", "-t", "tag", "-w", "--literally", path.to_str().unwrap()]);
        world.git("root", &["update-ref", &format!("refs/tags/{name}"), &object]);
    };
    forge("same", &whole);
    forge("changed", &whole.replace("a release", "b release"));
    forge("damaged", &whole.replace("U1NIU0lH", "U1NIU0lI"));
    let other = world.commit("root", "b.txt");
    let first = world.git("root", &["rev-parse", "HEAD~1"]);
    forge("moved", &whole.replace(&first, &other));
    let (mut context, at) = world.open(json!(["verify"])).await;
    assert_eq!(tag(&mut context, at(), "same", &line).await, "good: ann@example.com");
    let bad = format!("bad: it does not fit what it signs (key {print})");
    assert_eq!(tag(&mut context, at(), "changed", &line).await, bad);
    assert_eq!(tag(&mut context, at(), "moved", &line).await, bad);
    assert!(
        tag(&mut context, at(), "damaged", &line).await.starts_with("bad: the signature cannot be read: ")
    );
}

#[tokio::test]
async fn a_signature_for_another_purpose_is_bad() {
    let world = World::new();
    let (line, _) = key(&world, "ann", &["ed25519"]);
    let head = world.git("root", &["rev-parse", "HEAD"]);
    let text =
        format!("object {head}\ntype commit\ntag v1\ntagger Ann <ann@example.com> 1 +0000\n\na release\n");
    world.write("text", &text);
    let done = command("ssh-keygen", &world.path("home"))
        .args(["-q", "-Y", "sign", "-n", "file", "-f"])
        .args([world.path("home/ann"), world.path("text")])
        .status()
        .unwrap();
    assert!(done.success());
    let signature = std::fs::read_to_string(world.path("text.sig")).unwrap();
    world.write("tag", &format!("{text}{signature}"));
    let path = world.path("tag");
    let object = world.git("root", &["hash-object", "-t", "tag", "-w", path.to_str().unwrap()]);
    world.git("root", &["update-ref", "refs/tags/v1", &object]);
    let (mut context, at) = world.open(json!(["verify"])).await;
    assert_eq!(tag(&mut context, at(), "v1", &line).await, "bad: it was made for `file`, not for `git`");
}

#[tokio::test]
async fn what_cannot_be_verified_here_is_never_good() {
    let world = World::new();
    let head = world.git("root", &["rev-parse", "HEAD"]);
    let (line, _) = key(&world, "p521", &["ecdsa", "-b", "521"]);
    sign(&world, "p521", &["tag", "-s", "p521", "-m", "a release"]);
    for (name, kind) in [("pgp", "PGP SIGNATURE"), ("x509", "SIGNED MESSAGE")] {
        world.write(
            "tag",
            &format!(
                "object {head}\ntype commit\ntag v1\ntagger Ann <ann@example.com> 1 +0000\n\na release\n\
                 -----BEGIN {kind}-----\n\naGVsbG8=\n-----END {kind}-----\n"
            ),
        );
        let path = world.path("tag");
        let object = world.git("root", &["hash-object", "-t", "tag", "-w", path.to_str().unwrap()]);
        world.git("root", &["update-ref", &format!("refs/tags/{name}"), &object]);
    }
    let (mut context, at) = world.open(json!(["verify"])).await;
    let only = "signature; only SSH signatures are verified here";
    assert_eq!(tag(&mut context, at(), "pgp", &line).await, format!("untrusted: an OpenPGP {only}"));
    assert_eq!(tag(&mut context, at(), "x509", &line).await, format!("untrusted: an X.509 {only}"));
    assert!(
        tag(&mut context, at(), "p521", &line)
            .await
            .starts_with("untrusted: an ECDSA key on P-521 cannot be verified here")
    );
    assert_eq!(
        tag(&mut context, at(), "pgp", "ann").await,
        "invalid: line 1 of the allowed signers: expected `principals [options] key-type key`"
    );
}

#[tokio::test]
async fn a_key_counts_at_the_time_it_was_used() {
    let world = World::new();
    let (line, print) = key(&world, "ann", &["ed25519"]);
    sign(&world, "ann", &["tag", "-s", "v1", "-m", "a release"]);
    let (mut context, at) = world.open(json!(["verify"])).await;
    let with = |options: &str| line.replacen(' ', &format!(" {options} "), 1);
    let in_time = with("valid-after=\"20260101\",valid-before=\"20270101\"");
    assert_eq!(tag(&mut context, at(), "v1", &in_time).await, "good: ann@example.com");
    assert_eq!(
        tag(&mut context, at(), "v1", &with("valid-before=\"20260101\"")).await,
        format!("untrusted: the key of ann@example.com was not valid at that time ({print})")
    );
    assert_eq!(
        tag(&mut context, at(), "v1", &with("namespaces=\"file\"")).await,
        format!("untrusted: the key of ann@example.com is not for `git` ({print})")
    );
}
