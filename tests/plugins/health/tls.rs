//! `tls-health` as a component: real handshakes, and authorities that are trusted or not.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};

use super::{ended, outcome, parts};
use crate::{harness::Project, server};

/// An authority of our own.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::OrganizationName, name);
        Self { params, key: KeyPair::generate().expect("a key") }
    }

    fn pem(&self) -> String {
        self.params.self_signed(&self.key).expect("a certificate").pem()
    }

    /// A TLS server for `app.test` whose certificate runs out in this year. Returns its port.
    fn server(&self, until: i32) -> u16 {
        let mut leaf = CertificateParams::new(["app.test".to_owned()]).expect("a name");
        leaf.not_before = date_time_ymd(2020, 1, 1);
        leaf.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = leaf.signed_by(&key, &issuer).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a config");
        let config = Arc::new(config);
        server::serve(move |_, stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            server::until_gone(&mut StreamOwned::new(connection, stream));
        })
    }
}

/// Measures the server at `port` from a machine that trusts `trusted`.
fn measured(port: u16, trusted: &Authority, with: &str) -> (i32, Project) {
    let project = Project::with(&format!(
        r#"
version: 1
name: tls
plugins:
  tls-health: {{ source: plugin:tls_health, grants: {{ network: ["tcp://127.0.0.1:{port}"] }} }}
steps:
  tls: {{ uses: tls-health, with: {{ address: "127.0.0.1:{port}", server_name: app.test{with} }} }}
"#
    ));
    project.write("roots.pem", trusted.pem());
    let mut command = project.command(&["exec", "pipeline.yaml"]);
    let output = command.env("SSL_CERT_FILE", project.path("roots.pem")).output().expect("the runner starts");
    (project.finish(output).code, project)
}

/// Requirements 004-17, 002-30.
#[test]
fn a_certificate_of_a_trusted_authority_is_healthy() {
    let authority = Authority::named("Test Trust");

    let (code, project) =
        measured(authority.server(2090), &authority, ", min_version: TLSv1.3, issuer: Test Trust");

    let mut parts = parts(&project, "tls");
    parts.remove(3);
    assert_eq!(
        parts,
        [
            "chain pass the chain is trusted",
            "protocol pass TLSv1.3",
            "name pass the certificate is for this name",
            "issuer pass issued by `O=Test Trust,CN=rcgen self signed cert`",
            "key pass the key is P-256",
        ]
    );
    assert_eq!(outcome(&project, "tls")["outputs"]["not_after"], "2090-01-01T00:00:00Z");
    assert_eq!(code, 0);
}

/// Requirements 004-17, 002-30, the other way round: who signed, and until when, both are seen.
#[test]
fn a_certificate_that_nobody_vouches_for_is_unhealthy() {
    let authority = Authority::named("Test Trust");

    let (good, old) = (authority.server(2090), authority.server(2021));
    let (unknown_code, unknown) = measured(good, &Authority::named("Other Trust"), "");
    let (expired_code, expired) = measured(old, &authority, "");
    let answers = |project: &Project| {
        let parts = parts(project, "tls");
        parts.iter().map(|part| part.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };

    assert_eq!((unknown_code, expired_code), (3, 3));
    assert_eq!(
        ended(&unknown)["tls"],
        format!(
            "fail: unhealthy: start TLS with tcp://127.0.0.1:{good}: connected, but TLS with `app.test` failed: invalid \
             peer certificate: UnknownIssuer"
        )
    );
    assert_eq!(answers(&unknown), ["chain fail", "protocol pass", "name pass", "days pass", "key pass"]);
    assert_eq!(answers(&expired), ["chain fail", "protocol pass", "name pass", "days fail", "key pass"]);
    assert_eq!(parts(&expired, "tls")[3], "days fail the certificate ran out at 2021-01-01T00:00:00Z");
}

#[test]
fn a_certificate_may_be_looked_at_without_being_trusted() {
    let authority = Authority::named("Test Trust");

    let (code, project) =
        measured(authority.server(2090), &Authority::named("Other Trust"), ", verify: false");
    let (name_code, misnamed) = measured(
        authority.server(2090),
        &Authority::named("Other Trust"),
        ", verify: false, names: [evil.test]",
    );

    assert_eq!((code, name_code), (0, 3));
    assert_eq!(
        parts(&project, "tls")[0],
        "chain pass who signed the certificate is not looked at, as `verify: false` says"
    );
    assert_eq!(
        ended(&misnamed)["tls"],
        "fail: unhealthy: the certificate is not for `evil.test`, but for `app.test`"
    );
}

#[test]
fn a_server_without_tls_is_unhealthy() {
    let authority = Authority::named("Test Trust");
    let port = server::saying("220 mail\r\n");

    let (code, project) = measured(port, &authority, "");

    assert_eq!(code, 3);
    assert_eq!(
        ended(&project)["tls"],
        format!(
            "fail: unhealthy: start TLS with tcp://127.0.0.1:{port}: connected, but TLS with `app.test` failed: received \
             corrupt message of type InvalidContentType"
        )
    );
}
