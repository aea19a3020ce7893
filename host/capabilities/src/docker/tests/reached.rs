//! Engines that cannot be reached, or go away.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::{Value, json};

use super::fake::{Fake, Reply, id};
use crate::{
    DockerHost, TlsFiles,
    docker::{Engine, Places},
    host::{
        bindings::runner::plugin::{
            docker::{DockerError, EngineFacts, Host as _},
            types::HostError,
        },
        testing::Builder,
    },
};

fn grant() -> Value {
    json!({ "verbs": ["container.inspect"], "containers": ["web"] })
}

async fn asked(engine: Engine) -> Result<EngineFacts, DockerError> {
    let mut context = Builder::new(json!({ "docker": grant() })).docker(engine).build();
    context.engine().await.unwrap()
}

async fn unreachable(engine: Engine) -> String {
    match asked(engine).await {
        Err(DockerError::Host(HostError::Unavailable(text))) => text,
        other => panic!("{other:?}"),
    }
}

fn unix(path: &Path) -> Engine {
    Engine::new(DockerHost::Unix(path.to_str().unwrap().to_owned()), Places::default())
}

#[tokio::test]
async fn an_engine_says_what_it_is_once() {
    let fake = Fake::start(|line| match line {
        "GET /containers/web/json" => Reply::Json(404, json!({ "message": "none" })),
        other => panic!("the engine was asked `{other}`"),
    });
    let mut context = fake.context(&grant());
    let facts = context.engine().await.unwrap().unwrap();
    assert_eq!(
        (facts.version.as_str(), facts.api.as_str(), facts.platform.as_str()),
        ("20.10.24", "1.41", "linux/amd64")
    );
    assert!(context.find_container("web".to_owned()).await.unwrap().unwrap().is_none());
    assert_eq!(fake.lines(), ["GET /v1.41/containers/web/json"]);
}

#[tokio::test]
async fn no_engine_and_no_permission_are_told_apart() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("none.sock");
    assert_eq!(
        unreachable(unix(&socket)).await,
        format!(
            "unix://{}: no Docker Engine listens there; start it (`systemctl start docker`), or say in `DOCKER_HOST` where it is (asked \
             to say its version; nothing was sent)",
            socket.display()
        )
    );
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(unreachable(unix(&socket)).await.contains("no Docker Engine listens there"));
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_not_talked_to() {
    let fake = Fake::speaking("1.24", |line| panic!("the engine was asked `{line}`"));
    let text = format!(
        "unix://{}: the Docker Engine is too old: version 20.10.24 speaks API 1.24, and 1.40 (Docker 19.03) is needed; update it; nothing \
         was done",
        fake.socket().display()
    );
    assert_eq!(unreachable(fake.engine()).await, text);
}

#[tokio::test]
async fn an_engine_that_goes_away_leaves_what_it_did_in_doubt() {
    let fake = Fake::start(|_| Reply::Close);
    let mut context = fake.context(&grant());
    let gone = context.find_container("web".to_owned()).await.unwrap().unwrap_err();
    let DockerError::Host(HostError::Unavailable(text)) = gone else { panic!("{gone:?}") };
    let begin = format!(
        "unix://{}: the connection broke off while the engine was asked to look at container `web` (",
        fake.socket().display()
    );
    let end = "); whether it was done is not known: look with `docker ps -a`";
    assert!(text.starts_with(&begin) && text.ends_with(end), "{text}");
}

#[tokio::test]
async fn an_engine_that_stalls_is_waited_for_until_the_deadline() {
    for silence in [false, true] {
        let fake = Fake::start(move |_| if silence { Reply::Silence } else { Reply::Stall });
        let mut context = fake.step(&grant()).deadline(std::time::Duration::from_millis(300)).build();
        let late = context.find_container("web".to_owned()).await.unwrap().unwrap_err();
        assert_eq!(late, DockerError::Host(HostError::TimedOut));
    }
}

/// An `ssh` that does what a real one does here: it connects its streams with the engine's socket.
fn ssh(place: &Path, script: &str) -> std::path::PathBuf {
    let program = place.join("ssh");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn through(program: &Path) -> Engine {
    Engine::with_ssh(DockerHost::Ssh("admin@l9".to_owned()), Places::default(), program)
}

#[tokio::test]
async fn ssh_carries_the_bytes_and_its_words_are_shown() {
    let place = tempfile::tempdir().unwrap();
    let arguments = place.path().join("arguments");
    let answer = super::fake::version("1.41").to_string();
    let head = format!("HTTP/1.1 200 OK\\r\\nContent-Length: {}\\r\\n\\r\\n", answer.len());
    let script = format!(
        "echo \"$@\" > {}\nread line\nprintf '{head}%s' '{answer}'\ncat > /dev/null",
        arguments.display()
    );
    let facts = asked(through(&ssh(place.path(), &script))).await.unwrap();
    assert_eq!(facts.platform, "linux/amd64");
    assert_eq!(
        fs::read_to_string(&arguments).unwrap(),
        "-T -o BatchMode=yes -o ConnectTimeout=10 -- admin@l9 docker system dial-stdio\n"
    );
    let text = unreachable(through(&ssh(
        place.path(),
        "echo 'ssh: connect to host l9 port 22: Connection refused' >&2\nexit 255",
    )))
    .await;
    assert_eq!(
        text,
        "ssh://admin@l9: `ssh` did not reach a Docker Engine: ssh: connect to host l9 port 22: Connection refused; try `ssh -o BatchMode=yes \
         HOST docker version` by hand (asked to say its version; nothing was sent)"
    );
    let none = unreachable(through(&place.path().join("no-ssh"))).await;
    assert!(none.contains("`ssh` cannot be started"), "{none}");
}

#[tokio::test]
async fn an_ssh_that_hangs_ends_with_its_call() {
    let place = tempfile::tempdir().unwrap();
    let pid = place.path().join("pid");
    let program = ssh(place.path(), &format!("echo $$ > {}\nexec sleep 600", pid.display()));
    let mut context = Builder::new(json!({ "docker": grant() }))
        .docker(through(&program))
        .deadline(std::time::Duration::from_millis(800))
        .build();
    let late = context.engine().await.unwrap().unwrap_err();
    assert_eq!(late, DockerError::Host(HostError::TimedOut));
    let pid = fs::read_to_string(&pid).unwrap();
    let process = Path::new("/proc").join(pid.trim());
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while process.exists() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!process.exists());
}

/// An engine with a certificate, and one that wants one.
#[tokio::test]
async fn tcp_wants_a_certificate_on_both_sides() {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let place = tempfile::tempdir().unwrap();
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let signed = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (certificate, key)
    };
    let (server, server_key) = signed("127.0.0.1");
    let (client, client_key) = signed("client");
    let write = |name: &str, text: String| fs::write(place.path().join(name), text).unwrap();
    write("ca.pem", authority_certificate.pem());
    write("cert.pem", client.pem());
    write("key.pem", client_key.serialize_pem());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority_certificate.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![server.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut read = [0; 1024];
            if stream.read(&mut read).await.unwrap_or(0) == 0 {
                continue;
            }
            let body = super::fake::version("1.41").to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            drop(stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await);
        }
    });
    let engine = |tls: Option<TlsFiles>| {
        let host = DockerHost::Tcp { host: "127.0.0.1".to_owned(), port, tls };
        Engine::new(host, Places { directory: place.path().to_owned(), ..Places::default() })
    };
    let files =
        |cert: &str| TlsFiles { ca: "ca.pem".to_owned(), cert: cert.to_owned(), key: "key.pem".to_owned() };
    assert_eq!(asked(engine(Some(files("cert.pem")))).await.unwrap().api, "1.41");
    let none = unreachable(engine(Some(files("none.pem")))).await;
    assert!(none.starts_with(&format!("tcp://127.0.0.1:{port}: `none.pem` cannot be read: ")), "{none}");
    // Without TLS it is not understood, and nothing is made of that.
    let plain = unreachable(engine(None)).await;
    assert!(
        plain.contains("the connection broke off while the engine was asked to say its version"),
        "{plain}"
    );
}

#[tokio::test]
async fn an_id_that_is_none_is_not_put_into_a_path() {
    let fake = Fake::start(|line| match line {
        line if line.starts_with("POST /containers/create") => {
            Reply::Json(201, json!({ "Id": "../../x", "Warnings": [] }))
        }
        other => panic!("the engine was asked `{other}`"),
    });
    let mut context =
        fake.context(&json!({ "verbs": ["container.create"], "containers": ["web"], "images": ["app:*"] }));
    let error = context.create_container(super::fake::spec("web", "app:v1")).await.unwrap().unwrap_err();
    let text = "the engine gave a container an id that is none".to_owned();
    assert_eq!(error, DockerError::Host(HostError::Unavailable(text)));
    assert_eq!(id('a').len(), 64);
}
