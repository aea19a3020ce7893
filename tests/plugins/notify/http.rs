//! A receiver on loopback that remembers what it was sent.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpStream,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::server::{self, serve};

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    /// With its query.
    pub(super) path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// What is answered to one.
pub(super) struct Answer {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: &'static str,
}

impl Answer {
    pub(super) fn status(status: u16) -> Self {
        Self::text(status, "")
    }

    pub(super) fn text(status: u16, body: &'static str) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    pub(super) fn json(status: u16, body: &'static str) -> Self {
        Self::text(status, body).header("content-type", "application/json")
    }

    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A server that answers until the test ends.
pub(super) struct Receiver {
    pub(super) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    pub(super) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let port = serve(move |_, stream| {
            // A client that breaks off has sent nothing.
            let Some(request) = read(&stream) else { return };
            let answer = answer(&request);
            seen.lock().expect("nobody panicked").push(request);
            write(stream, &answer);
        });
        Self { port, requests }
    }

    /// The one request with this path.
    pub(super) fn only(&self, path: &str) -> Request {
        let requests = self.requests.lock().expect("nobody panicked");
        let found: Vec<&Request> = requests.iter().filter(|request| request.path == path).collect();
        assert_eq!(found.len(), 1, "{path}: {:?}", requests.iter().map(|one| &one.path).collect::<Vec<_>>());
        found[0].clone()
    }

    /// The body of the one request with this path.
    pub(super) fn body(&self, path: &str) -> Value {
        serde_json::from_slice(&self.only(path).body).expect("JSON")
    }

    /// How many requests had this path.
    pub(super) fn count(&self, path: &str) -> usize {
        let requests = self.requests.lock().expect("nobody panicked");
        requests.iter().filter(|request| request.path == path).count()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().expect("a length"))];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

fn write(mut stream: TcpStream, answer: &Answer) {
    let mut head = format!("HTTP/1.1 {} -\r\nconnection: close\r\n", answer.status);
    // These have no body, and so no length.
    if answer.status != 204 {
        head += &format!("content-length: {}\r\n", answer.body.len());
    }
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    server::write(&mut stream, format!("{head}\r\n{}", answer.body).as_bytes());
}
