//! A mail server on loopback that does as it is told, and remembers what it heard.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// Who it is on TLS.
pub(super) struct Identity {
    /// PEM, for whoever is to trust it.
    pub(super) certificate: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A certificate for `name` that is its own authority.
    pub(super) fn of(name: &str) -> Self {
        let issued = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
        let der: CertificateDer<'static> = issued.cert.der().clone();
        let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![der], key)
            .expect("a config");
        Self { certificate: issued.cert.pem(), config: Arc::new(config) }
    }
}

/// A server for one conversation.
pub(super) struct Server {
    pub(super) port: u16,
    conversation: JoinHandle<String>,
}

impl Server {
    /// Waits for one client. Its recipients are good unless they begin with `no`; `identity` is for STARTTLS.
    pub(super) fn start(identity: Option<&Identity>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let config = identity.map(|identity| Arc::clone(&identity.config));
        let conversation = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            serve(stream, config)
        });
        Self { port, conversation }
    }

    /// All that the client has said, once it is gone.
    pub(super) fn heard(self) -> String {
        self.conversation.join().expect("the server did not panic")
    }
}

fn serve(mut stream: TcpStream, config: Option<Arc<ServerConfig>>) -> String {
    let mut heard = String::new();
    say(&mut stream, "220 mail.test ESMTP\r\n");
    let Some(config) = config else {
        talk(&mut stream, "250 mail.test\r\n", &mut heard);
        return heard;
    };
    if talk(&mut stream, "250-mail.test\r\n250 STARTTLS\r\n", &mut heard) == Ended::ForTls {
        let connection = ServerConnection::new(config).expect("a connection");
        let mut safe = StreamOwned::new(connection, stream);
        talk(&mut safe, "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n", &mut heard);
    }
    heard
}

#[derive(PartialEq, Eq)]
enum Ended {
    Gone,
    ForTls,
}

/// Answers line by line, until the client leaves or wants TLS.
fn talk(stream: &mut (impl Read + Write), hello: &str, heard: &mut String) -> Ended {
    let mut in_mail = false;
    while let Some(line) = line(stream) {
        heard.push_str(&line);
        let answer = match line.trim_end() {
            "." if in_mail => {
                in_mail = false;
                "250 2.0.0 queued\r\n"
            }
            _ if in_mail => continue,
            "STARTTLS" => {
                say(stream, "220 go on\r\n");
                return Ended::ForTls;
            }
            "DATA" => {
                in_mail = true;
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            command if command.starts_with("EHLO") => hello,
            command if command.starts_with("AUTH") => "235 2.7.0 welcome\r\n",
            command if command.starts_with("RCPT TO:<no") => "550 5.1.1 no such user\r\n",
            _ => "250 2.1.0 ok\r\n",
        };
        say(stream, answer);
    }
    Ended::Gone
}

fn say(stream: &mut impl Write, line: &str) {
    // A client that went away is its own business.
    let _gone = stream.write_all(line.as_bytes()).and_then(|()| stream.flush());
}

/// One line with its end; `None` when the client is gone.
fn line(stream: &mut impl Read) -> Option<String> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => line.push(byte[0]),
            Ok(_) | Err(_) => return None,
        }
    }
    Some(String::from_utf8(line).expect("text"))
}
