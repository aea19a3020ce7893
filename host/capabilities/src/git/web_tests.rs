//! Remotes over HTTP: git's own server side behind a socket of this machine.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Stdio,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use wasmtime::component::Resource;

use super::{
    Repository,
    testing::{World, command, opened, told},
};
use crate::host::{
    Context,
    bindings::runner::plugin::{
        git::{HostRepository as _, Login},
        secrets::Host as _,
    },
};

type At = Resource<Repository>;

/// What the server does with a request.
#[derive(Clone)]
enum Answer {
    /// Serves the repositories below this directory to whoever logs in with this, if anything.
    Git { home: PathBuf, root: PathBuf, login: Option<&'static str> },
    /// Says this.
    Always(String),
}

/// Serves until the test is over; gives its port.
fn serve(answer: Answer) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            std::thread::spawn(move || one(&stream.unwrap(), &answer));
        }
    });
    port
}

fn one(mut stream: &TcpStream, answer: &Answer) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let found = lines
            .iter()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let (home, root, login) = match answer {
        Answer::Always(text) => {
            stream.write_all(text.as_bytes()).unwrap();
            return;
        }
        Answer::Git { home, root, login } => (home, root, login),
    };
    let authorized =
        login.is_none_or(|login| header("authorization") == format!("Basic {}", STANDARD.encode(login)));
    if !authorized {
        stream.write_all(b"HTTP/1.1 401 no\r\ncontent-length: 0\r\n\r\n").unwrap();
        return;
    }
    let mut words = lines[0].split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut child = command("git", home)
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "ann")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&body).unwrap();
    let done = child.wait_with_output().unwrap();
    let split = done.stdout.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&done.stdout[..split]).into_owned();
    let (status, head) = match head.strip_prefix("Status: ") {
        Some(rest) => rest.split_once("\r\n").unwrap_or((rest, "x: y")),
        None => ("200 OK", head.as_str()),
    };
    stream.write_all(format!("HTTP/1.1 {status}\r\n{head}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(&done.stdout[split + 4..]).unwrap();
}

/// A repository whose remote `origin` is served at `/origin.git`.
fn world(login: Option<&'static str>) -> (World, u16) {
    let world = World::new();
    world.git(".", &["clone", "-q", "--bare", "root", "served/origin.git"]);
    let port = serve(Answer::Git { home: world.path("home"), root: world.path("served"), login });
    point(&world, &format!("http://127.0.0.1:{port}/origin.git"));
    (world, port)
}

fn point(world: &World, url: &str) {
    world.git("root", &["config", "remote.origin.url", url]);
}

fn rules(remote: &str) -> Value {
    json!([{ "verbs": ["remote", "fetch", "push"], "remotes": [remote], "refs": ["refs/*"] }])
}

async fn push(context: &mut Context, at: At, reference: &str, login: Option<Login>) -> Result<bool, String> {
    context.push(at, "origin".to_owned(), reference.to_owned(), login).await.unwrap().map_err(told)
}

async fn remote_refs(context: &mut Context, at: At) -> Result<usize, String> {
    let refs = context.remote_refs(at, "origin".to_owned(), "*".to_owned(), None).await.unwrap();
    refs.map(|refs| refs.len()).map_err(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_over_http_is_listed_pushed_to_and_fetched_from() {
    let (world, port) = world(None);
    let (mut context, at) = world.open(rules(&format!("http://127.0.0.1:{port}/*"))).await;
    assert_eq!(remote_refs(&mut context, at()).await, Ok(2));
    let commit = world.commit("root", "b.txt");
    world.git("root", &["tag", "-a", "v1", "-m", "one"]);
    assert_eq!(push(&mut context, at(), "refs/heads/main", None).await, Ok(true));
    assert_eq!(push(&mut context, at(), "refs/heads/main", None).await, Ok(false));
    assert_eq!(push(&mut context, at(), "refs/tags/v1", None).await, Ok(true));
    assert_eq!(
        world.git("served/origin.git", &["rev-parse", "main", "v1^{commit}"]),
        format!("{commit}\n{commit}")
    );

    world.git(".", &["clone", "-q", "served/origin.git", "other"]);
    let theirs = world.commit("other", "c.txt");
    world.git("other", &["push", "-q", "origin", "main"]);
    let fetched = context.fetch(at(), "origin".to_owned(), true, None).await.unwrap().map_err(told);
    assert_eq!(fetched, Ok(()));
    assert_eq!(world.git("root", &["rev-parse", "refs/remotes/origin/main"]), theirs);
    world.git("root", &["fsck", "--strict"]);
    let uses = context.ledger().finish().uses;
    assert!(uses.iter().all(|one| one.rule.grant.as_str() == "git" && one.received > 0), "{uses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_comes_from_a_secret() {
    let (world, port) = world(Some("ann:hunter2"));
    world.commit("root", "b.txt");
    let remote = format!("http://127.0.0.1:{port}/origin.git");
    let grants = json!({ "git": rules(&remote), "secrets": ["good", "wrong"] });
    let built = world.builder(grants).secret("good", b"hunter2").secret("wrong", b"hunter3").build();
    let (mut context, at) = opened(built).await;
    assert_eq!(
        push(&mut context, at(), "refs/heads/main", None).await,
        Err(format!("failed: `{remote}` wants a login, and none was given"))
    );
    let login = |context: &mut Context, name: &str| {
        let password = context.get(name.to_owned()).unwrap().unwrap();
        Some(Login { user: "ann".to_owned(), password })
    };
    let wrong = login(&mut context, "wrong");
    assert_eq!(
        push(&mut context, at(), "refs/heads/main", wrong).await,
        Err(format!("failed: `{remote}` refuses the login (401)"))
    );
    let good = login(&mut context, "good");
    assert_eq!(push(&mut context, at(), "refs/heads/main", good).await, Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_cannot_hand_the_guest_its_secret() {
    let world = World::new();
    let packet = |text: &str| format!("{:04x}{text}", text.len() + 4);
    let name = "1234567890123456789012345678901234567890 refs/heads/hunter2\0side-band-64k\n";
    let body = format!("{}0000{}0000", packet("# service=git-upload-pack\n"), packet(name));
    let kind = "application/x-git-upload-pack-advertisement";
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}");
    let url = format!("http://127.0.0.1:{}/x.git", serve(Answer::Always(answer)));
    point(&world, &url);
    let grants = json!({ "git": rules(&url), "secrets": ["token"] });
    let (mut context, at) = opened(world.builder(grants).secret("token", b"hunter2").build()).await;
    assert_eq!(remote_refs(&mut context, at()).await, Ok(1));
    let password = context.get("token".to_owned()).unwrap().unwrap();
    let login = Some(Login { user: "ann".to_owned(), password });
    let refs = context.remote_refs(at(), "origin".to_owned(), "*".to_owned(), login).await.unwrap();
    let told = refs.map(|refs| refs.into_iter().map(|one| one.name).collect::<String>()).map_err(told);
    assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_says_no_is_quoted() {
    let (world, port) = world(None);
    world.script("served/origin.git/hooks/pre-receive", "echo 'no deployments on Friday' >&2; exit 1\n");
    world.commit("root", "b.txt");
    let (mut context, at) = world.open(rules(&format!("http://127.0.0.1:{port}/*"))).await;
    assert_eq!(
        push(&mut context, at(), "refs/heads/main", None).await,
        Err("failed: `origin` refused `refs/heads/main`: pre-receive hook declined (no deployments on Friday)".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_no_remotes_are_said() {
    type Told = fn(&str) -> String;
    let (world, _) = world(None);
    let answers: [(&str, Told); 4] = [
        ("HTTP/1.1 302 x\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", |url| {
            format!("failed: `{url}` leads elsewhere (302); no redirect is followed")
        }),
        ("HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n", |url| {
            format!("not found: there is no repository at `{url}`, or none that this login may see")
        }),
        ("HTTP/1.1 200 x\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi", |url| {
            format!(
                "failed: `{url}` does not speak git: its answer is `text/html`, not \
                 `application/x-git-upload-pack-advertisement`"
            )
        }),
        ("HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n", |url| format!("unavailable: `{url}` answers 503")),
    ];
    for (answer, expected) in answers {
        let url = format!("http://127.0.0.1:{}/x.git", serve(Answer::Always(answer.to_owned())));
        point(&world, &url);
        let (mut context, at) = world.open(rules(&url)).await;
        assert_eq!(remote_refs(&mut context, at()).await, Err(expected(&url)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_behind_a_name_are_judged() {
    let (world, _) = world(None);
    point(&world, "https://git.example.com/acme/app.git");
    let grants = |remote: &str| json!({ "git": rules(remote) });
    let built = world
        .builder(grants("https://git.example.com/acme/*"))
        .name("git.example.com", &["10.0.0.7"])
        .build();
    let (mut context, at) = opened(built).await;
    assert_eq!(remote_refs(&mut context, at()).await, Err("denied".to_owned()));
    let refusals: Vec<(String, String)> = context
        .ledger()
        .finish()
        .refusals
        .into_iter()
        .map(|refusal| (refusal.request, refusal.message))
        .collect();
    assert_eq!(
        refusals,
        [(
            "connect to `git.example.com` port 443".to_owned(),
            "the name leads to 10.0.0.7, which is a private address; write `https://git.example.com/acme/* private` to allow that"
                .to_owned()
        )]
    );
    let built = world
        .builder(grants("https://git.example.com/* private"))
        .name("git.example.com", &["169.254.169.254"])
        .build();
    let (mut context, at) = opened(built).await;
    assert_eq!(remote_refs(&mut context, at()).await, Err("denied".to_owned()));
    let (mut context, at) = world.open(rules("https://git.example.com/other/*")).await;
    assert_eq!(remote_refs(&mut context, at()).await, Err("denied".to_owned()));
}
