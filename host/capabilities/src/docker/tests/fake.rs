//! An engine that is made up: it writes down what it is asked, and answers as it is told.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

use crate::{
    DockerHost,
    docker::{Engine, Places},
    host::{
        Context,
        bindings::runner::plugin::docker::{BuildSpec, ContainerSpec, Restart},
        testing::Builder,
    },
};

/// What was asked, without the questions by which an engine is got to know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// `POST /v1.41/containers/create?name=web`.
    pub(super) line: String,
    /// The body, if it is JSON.
    pub(super) body: Value,
    /// How long it was.
    pub(super) length: usize,
    /// The login in it.
    pub(super) login: Option<String>,
}

/// What comes back.
pub(super) enum Reply {
    Json(u16, Value),
    /// Bytes, and then the end of the connection.
    Bytes(Vec<u8>),
    /// The same piece so many times.
    Repeated(Vec<u8>, usize),
    /// The connection ends without an answer.
    Close,
    /// The answer begins and never ends.
    Stall,
    /// Nothing at all, ever.
    Silence,
}

/// Bodies, byte for byte.
pub(super) type Bodies = Arc<Mutex<Vec<Vec<u8>>>>;

type Answer = dyn Fn(&str) -> Reply + Send + Sync;

/// An engine on a socket in a directory of its own.
pub(super) struct Fake {
    pub(super) directory: TempDir,
    asked: Arc<Mutex<VecDeque<Asked>>>,
    /// Bodies that came in pieces, as they came.
    pieces: Bodies,
    /// Connections that have been opened, and those that have ended.
    connections: Arc<Mutex<(usize, usize)>>,
}

pub(super) fn version(api: &str) -> Value {
    json!({ "Version": "20.10.24", "ApiVersion": api, "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64" })
}

impl Fake {
    /// Answers what `answer` says to each `METHOD /path?query`, without version.
    pub(super) fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::speaking("1.41", answer)
    }

    pub(super) fn speaking(api: &str, answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let fake = Self {
            directory: tempfile::tempdir().unwrap(),
            asked: Arc::default(),
            pieces: Arc::default(),
            connections: Arc::default(),
        };
        let listener = UnixListener::bind(fake.socket()).unwrap();
        let (asked, connections) = (Arc::clone(&fake.asked), Arc::clone(&fake.connections));
        let pieces = Arc::clone(&fake.pieces);
        let (api, answer): (String, Arc<Answer>) = (api.to_owned(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.lock().unwrap().0 += 1;
                let (asked, connections) = (Arc::clone(&asked), Arc::clone(&connections));
                let (api, answer, pieces) = (api.clone(), Arc::clone(&answer), Arc::clone(&pieces));
                tokio::spawn(async move {
                    drop(serve(stream, &api, &asked, &pieces, &*answer).await);
                    connections.lock().unwrap().1 += 1;
                });
            }
        });
        fake
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    /// What it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().cloned().collect()
    }

    /// The first lines of what it was asked.
    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// Bodies that came in pieces.
    pub(super) fn recorded(&self) -> Bodies {
        Arc::clone(&self.pieces)
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        let (opened, ended) = *self.connections.lock().unwrap();
        opened - ended
    }

    pub(super) fn engine(&self) -> Engine {
        let host = DockerHost::Unix(self.socket().to_str().unwrap().to_owned());
        let state = Some(self.directory.path().join("place/.runner"));
        Engine::new(host, Places { directory: self.place(), workdir: None, state })
    }

    /// The pipeline's directory.
    pub(super) fn place(&self) -> PathBuf {
        let place = self.directory.path().join("place");
        std::fs::create_dir_all(&place).unwrap();
        place
    }

    /// A step with this grant.
    pub(super) fn step(&self, docker: &Value) -> Builder {
        let grants = json!({ "docker": docker, "filesystem": { "read": ["./"], "write": ["out/"] } });
        Builder::new(grants).directory(&self.place()).docker(self.engine())
    }

    pub(super) fn context(&self, docker: &Value) -> Context {
        self.step(docker).build()
    }
}

async fn serve(
    mut stream: UnixStream,
    api: &str,
    asked: &Mutex<VecDeque<Asked>>,
    pieces: &Bodies,
    answer: &Answer,
) -> std::io::Result<()> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let header = |name: &str| {
        lines.clone().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let mut body = read[end..].to_vec();
    let length = match header("content-length") {
        Some(length) => length.parse().unwrap(),
        None if header("transfer-encoding").is_some() => usize::MAX,
        None => 0,
    };
    while body.len() < length && !(length == usize::MAX && body.ends_with(b"0\r\n\r\n")) {
        if stream.read_buf(&mut body).await? == 0 {
            break;
        }
    }
    if line == "GET /version" {
        return say(&mut stream, 200, version(api).to_string().as_bytes()).await;
    }
    if length == usize::MAX {
        pieces.lock().unwrap().push(body.clone());
    }
    let parsed = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let login = header("x-registry-auth");
    asked.lock().unwrap().push_back(Asked { line: line.clone(), body: parsed, length: body.len(), login });
    let bare = line.replacen(&format!(" /v{api}/"), " /", 1);
    match answer(&bare) {
        Reply::Json(status, value) => say(&mut stream, status, value.to_string().as_bytes()).await,
        Reply::Bytes(bytes) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
            stream.write_all(&bytes).await
        }
        Reply::Repeated(piece, times) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
            for _ in 0..times {
                stream.write_all(&piece).await?;
            }
            Ok(())
        }
        Reply::Close => Ok(()),
        Reply::Stall => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{").await?;
            until_closed(&mut stream).await
        }
        Reply::Silence => until_closed(&mut stream).await,
    }
}

async fn until_closed(stream: &mut UnixStream) -> std::io::Result<()> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map(drop)
}

async fn say(stream: &mut UnixStream, status: u16, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        if status == 204 { 0 } else { body.len() }
    );
    stream.write_all(head.as_bytes()).await?;
    if status == 204 { Ok(()) } else { stream.write_all(body).await }
}

/// An id of 64 digits.
pub(super) fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

/// What an engine says of a container.
pub(super) fn container(name: &str, labels: &Value) -> Value {
    json!({
        "Id": id('a'),
        "Name": format!("/{name}"),
        "State": { "Status": "running", "Running": true, "ExitCode": 0 },
        "Config": { "Labels": labels, "Env": ["PASSWORD=hunter2"], "Tty": false },
    })
}

pub(super) fn spec(name: &str, image: &str) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        image: image.to_owned(),
        command: Vec::new(),
        entrypoint: None,
        env: Vec::new(),
        secret_env: Vec::new(),
        env_files: Vec::new(),
        labels: Vec::new(),
        mounts: Vec::new(),
        tmpfs: Vec::new(),
        ports: Vec::new(),
        network: None,
        aliases: Vec::new(),
        restart: Restart::No,
        stop_signal: None,
        stop_grace: None,
        health: None,
        memory: None,
        cpu_millis: None,
        pids: None,
        user: None,
        directory: None,
        read_only: false,
        init: false,
        privileges: Vec::new(),
    }
}

pub(super) fn build_spec(tag: &str) -> BuildSpec {
    BuildSpec {
        context: "context".to_owned(),
        dockerfile: "Dockerfile".to_owned(),
        tags: vec![tag.to_owned()],
        args: Vec::new(),
        labels: Vec::new(),
        target: None,
        no_cache: false,
        pull: false,
        max_context_bytes: None,
    }
}
