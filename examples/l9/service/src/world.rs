//! One world, from its making to its end.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use quickstart::{hook::Hook, http};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::git::Repository;
use crate::ports::Ports;
use crate::programs::{self, Server, WorldError, answers};

/// What has to be there already.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The folder `examples/l9`.
    pub example: &'a Path,
    /// The folder with the built plugins.
    pub plugins: &'a Path,
    /// The service, as one static program.
    pub service: &'a Path,
    /// The Caddy program.
    pub caddy: &'a Path,
    /// The program of Docker's registry.
    pub registry: &'a Path,
}

/// A release of the project, good or bad.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    /// E.g. `v1.1.0-l9`.
    pub version: &'a str,
    /// `healthy`, or one of the other words that `release.json` knows.
    pub behaviour: &'a str,
    /// Tests that fail, as `suite::test`.
    pub failing: &'a [&'a str],
}

/// The release that has the traffic at first.
pub const FIRST: Release<'static> = Release { version: "v1.0.0-l9", behaviour: "healthy", failing: &[] };

/// The key of `POST /memory/packet`.
const KEY: &str = "k-5fd1c08e3b9a4472";

/// A label on every image and container that is built or started here.
const LABEL: &str = "l9.world";

/// The server's `.env`.
const ENV: [(&str, &str); 3] = [
    ("L9_EXECUTOR_API_KEY", KEY),
    ("LOG_LEVEL", "info"),
    ("POSTGRES_DSN", "postgresql://l9:pw-9d2@db.internal:5432/l9"),
];

/// A project, its server, and everything around them; gone when it is dropped.
#[derive(Debug)]
pub struct World {
    directory: TempDir,
    name: String,
    ports: Ports,
    servers: Vec<Server>,
}

static WORLDS: AtomicU32 = AtomicU32::new(0);

impl World {
    /// Makes one in which [`v1.0.0-l9`](FIRST) is live as blue, and [`Release`] `v1.1.0-l9` is not committed yet.
    ///
    /// # Errors
    ///
    /// A program is missing or says no. What was made until then is gone again.
    pub fn new(parts: Parts<'_>) -> Result<Self, WorldError> {
        let directory = TempDir::with_prefix("l9-")
            .map_err(|error| WorldError::File { path: std::env::temp_dir(), error })?;
        // Of one length: no name is the beginning of another's.
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let name = format!("l9-{:07x}{number:04x}", std::process::id());
        let mut world = Self { directory, name, ports: Ports::free()?, servers: Vec::new() };
        world.lay_out(parts)?;
        world.start_registry(parts.registry)?;
        world.start_hook()?;
        world.start_blue()?;
        world.start_caddy(parts.caddy)?;
        Ok(world)
    }

    /// The prefix of all names in Docker.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its servers listen.
    #[must_use]
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The developer's checkout; the pipeline lies in it.
    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.directory.path().join("work/l9")
    }

    /// The server's checkout, where the release lives that is live.
    #[must_use]
    pub fn server(&self) -> PathBuf {
        self.project().join("server")
    }

    /// The pipeline's inputs that say where this world is.
    #[must_use]
    pub fn inputs(&self) -> Vec<(&'static str, String)> {
        let Ports { blue, green, proxy, admin, registry, hook } = self.ports;
        let ports = [
            ("blue_port", blue),
            ("green_port", green),
            ("proxy_port", proxy),
            ("admin_port", admin),
            ("registry_port", registry),
            ("hook_port", hook),
        ];
        let ports = ports.into_iter().map(|(name, port)| (name, port.to_string()));
        let names = [("service", self.name.clone()), ("deployed_by", "ada@laptop".to_owned())];
        names.into_iter().chain(ports).collect()
    }

    /// The variables that the pipeline's secrets come from.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let hook = self.ports.hook;
        [
            ("L9_EXECUTOR_API_KEY", KEY.to_owned()),
            ("SLACK_WEBHOOK", format!("http://127.0.0.1:{hook}/services/l9")),
        ]
    }

    /// Commits a release on the branch the developer is on, and returns the commit.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or git says no.
    pub fn commit(&self, release: Release<'_>) -> Result<String, WorldError> {
        write_release(&self.project(), release)?;
        let project = self.repository();
        project.commit(&format!("Feat: release {} (#17)", release.version))?;
        project.head()
    }

    /// Runs git in the developer's checkout.
    ///
    /// # Errors
    ///
    /// Git says no.
    pub fn git(&self, arguments: &[&str]) -> Result<String, WorldError> {
        self.repository().git(arguments)
    }

    /// Runs git in the server's checkout.
    ///
    /// # Errors
    ///
    /// Git says no.
    pub fn git_on_server(&self, arguments: &[&str]) -> Result<String, WorldError> {
        Repository::at(self.directory.path(), self.server()).git(arguments)
    }

    /// Builds the image of what is checked out and puts it into the registry only, labelled as made from `revision`: what
    /// a build server does.
    ///
    /// # Errors
    ///
    /// Docker says no.
    pub fn publish(&self, version: &str, revision: &str) -> Result<(), WorldError> {
        let image = format!("127.0.0.1:{}/{}:{version}", self.ports.registry, self.name);
        self.build(&self.project(), &image, revision)?;
        self.docker(&["push", "--quiet", &image])?;
        self.docker(&["rmi", "--no-prune=false", &image]).map(drop)
    }

    /// What `path` answers to whoever comes through the proxy: status and body.
    ///
    /// # Errors
    ///
    /// Nobody answers.
    pub fn through_proxy(&self, path: &str) -> Result<(u16, String), WorldError> {
        let url = format!("http://127.0.0.1:{}{path}", self.ports.proxy);
        let response = http::get(&url).map_err(|said| WorldError::Silent {
            who: "the proxy".to_owned(),
            url: url.clone(),
            said,
        })?;
        Ok((response.status, String::from_utf8_lossy(&response.body).trim_end().to_owned()))
    }

    /// The version that customers get.
    ///
    /// # Errors
    ///
    /// Nobody answers, or not with a version.
    pub fn live(&self) -> Result<String, WorldError> {
        let (status, body) = self.through_proxy("/version")?;
        let version = serde_json::from_str::<Value>(&body)
            .ok()
            .and_then(|body| Some(body.get("version")?.as_str()?.to_owned()).filter(|_| status == 200));
        version.ok_or_else(|| WorldError::Silent {
            who: "the service".to_owned(),
            url: "/version".to_owned(),
            said: format!("{status} {body}"),
        })
    }

    /// The containers of this world, by what comes after its name, and what each does.
    ///
    /// # Errors
    ///
    /// Docker says no.
    pub fn containers(&self) -> Result<BTreeMap<String, String>, WorldError> {
        let filter = format!("name=^/{}-", self.name);
        let listed =
            self.docker(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}} {{.State}}"])?;
        let pairs = listed.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs
            .map(|(name, state)| {
                let name = name.strip_prefix(&self.name).unwrap_or(name).trim_start_matches('-');
                (name.to_owned(), state.to_owned())
            })
            .collect())
    }

    /// The messages that were sent, one line of JSON each.
    ///
    /// # Errors
    ///
    /// The receiver does not answer.
    pub fn messages(&self) -> Result<Vec<String>, WorldError> {
        let url = format!("http://127.0.0.1:{}/messages", self.ports.hook);
        let response = http::get(&url).map_err(|said| WorldError::Silent {
            who: "the receiver of messages".to_owned(),
            url: url.clone(),
            said,
        })?;
        Ok(String::from_utf8_lossy(&response.body).lines().map(str::to_owned).collect())
    }

    /// Runs the Docker program.
    ///
    /// # Errors
    ///
    /// Docker says no.
    pub fn docker(&self, arguments: &[&str]) -> Result<String, WorldError> {
        programs::run(&mut programs::docker(self.directory.path(), arguments))
    }

    /// Removes everything, and says if something could not be removed.
    ///
    /// # Errors
    ///
    /// [`WorldError::LeftBehind`] names what is still there.
    pub fn close(mut self) -> Result<(), WorldError> {
        match self.remove() {
            left if left.is_empty() => Ok(()),
            left => Err(WorldError::LeftBehind(left)),
        }
    }

    fn repository(&self) -> Repository {
        Repository::at(self.directory.path(), self.project())
    }

    /// The project and its repositories: the developer's, the bare remote, the server's.
    fn lay_out(&self, parts: Parts<'_>) -> Result<(), WorldError> {
        let (root, project) = (self.directory.path(), self.project());
        copy(
            parts.example,
            &project,
            &["service", "README.md", "graph.svg", "server", "reports", ".runner"],
        )?;
        let link = root.join("target/plugins");
        make_directory(&root.join("target"))?;
        std::os::unix::fs::symlink(parts.plugins, &link)
            .map_err(|error| WorldError::File { path: link, error })?;
        let service = project.join("docker/app/l9-api");
        fs::copy(parts.service, &service).map_err(|error| WorldError::File { path: service, error })?;
        // Whatever is built of this Dockerfile can be told from what others build.
        let dockerfile = project.join("docker/Dockerfile");
        let text = read(&dockerfile)?
            .replace("FROM scratch\n", &format!("FROM scratch\nLABEL {LABEL}={}\n", self.name));
        write(&dockerfile, &text)?;

        let (origin, repository) = (root.join("origin.git"), self.repository());
        repository.create(&origin)?;
        write_release(&project, FIRST)?;
        repository.commit("Feat: first release (#1)")?;
        repository.git(&["tag", "--annotate", "--message", "First release", FIRST.version])?;
        repository.git(&["push", "--quiet", "--set-upstream", "origin", "main", FIRST.version])?;

        let server = Repository::at(root, self.server());
        server.clone_of(&origin)?;
        server.git(&["checkout", "--quiet", "--detach", FIRST.version])?;
        let env: String = ENV.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        write(&self.server().join(".env"), &env)
    }

    fn start_registry(&mut self, registry: &Path) -> Result<(), WorldError> {
        let root = self.directory.path();
        let (config, data) = (root.join("registry.yml"), root.join("registry"));
        make_directory(&data)?;
        let port = self.ports.registry;
        // YAML is a superset of JSON.
        let text = json!({
            "version": "0.1",
            "log": { "level": "warn" },
            "storage": { "filesystem": { "rootdirectory": data }, "delete": { "enabled": true } },
            "http": { "addr": format!("127.0.0.1:{port}"), "secret": self.name },
        });
        write(&config, &text.to_string())?;
        let mut command = programs::program(registry, root);
        command.arg("serve").arg(&config);
        let url = format!("http://127.0.0.1:{port}/v2/");
        let registry = Server::start(&mut command, &root.join("registry.log"), &url)?;
        self.servers.push(registry);
        Ok(())
    }

    fn start_caddy(&mut self, caddy: &Path) -> Result<(), WorldError> {
        let root = self.directory.path();
        let config = root.join("caddy.json");
        let Ports { blue, proxy, admin, .. } = self.ports;
        let text = read(&self.project().join("caddy.json"))?;
        let text =
            [("8000", blue), ("8080", proxy), ("2019", admin)].iter().fold(text, |text, (from, to)| {
                text.replace(&format!("127.0.0.1:{from}\""), &format!("127.0.0.1:{to}\""))
            });
        write(&config, &text)?;
        let mut command = programs::program(caddy, root);
        command.arg("run").arg("--config").arg(&config);
        let url = format!("http://127.0.0.1:{proxy}/health");
        let caddy = Server::start(&mut command, &root.join("caddy.log"), &url)?;
        self.servers.push(caddy);
        Ok(())
    }

    /// A receiver of messages, in a thread of this process.
    fn start_hook(&self) -> Result<(), WorldError> {
        let address = (Ipv4Addr::LOCALHOST, self.ports.hook);
        let listener = TcpListener::bind(address).map_err(|error| WorldError::Start {
            program: format!("a receiver of messages on port {}", address.1),
            error,
        })?;
        let hook = Hook::new(|_| ());
        thread::spawn(move || http::serve(&listener, move |request| hook.answer(request)));
        Ok(())
    }

    /// The first release, live.
    fn start_blue(&self) -> Result<(), WorldError> {
        let image = format!("{}:{}", self.name, FIRST.version);
        self.build(&self.server(), &image, &self.repository().head()?)?;
        let container = format!("{}-blue", self.name);
        let publish = format!("127.0.0.1:{}:8000", self.ports.blue);
        let env = self.server().join(".env");
        self.docker(&[
            "run",
            "--detach",
            "--pull=never",
            "--restart=no",
            "--name",
            &container,
            "--publish",
            &publish,
            "--env-file",
            &env.to_string_lossy(),
            &image,
        ])?;
        let url = format!("http://127.0.0.1:{}/health", self.ports.blue);
        if answers(&url, || false) {
            return Ok(());
        }
        let said = self.docker(&["logs", &container])?;
        Err(WorldError::Silent { who: "blue".to_owned(), url, said })
    }

    fn build(&self, checkout: &Path, image: &str, revision: &str) -> Result<(), WorldError> {
        let context = checkout.join("docker");
        let label = format!("org.opencontainers.image.revision={revision}");
        let context = context.to_string_lossy();
        self.docker(&["build", "--quiet", "--force-rm", "--tag", image, "--label", &label, &context])
            .map(drop)
    }

    /// Removes everything of this world, and returns what is still there then.
    fn remove(&mut self) -> Vec<String> {
        self.servers.clear();
        let mut left = self.of_docker();
        // Images go after the containers made of them, and parents after their children: a round for each generation.
        while !left.is_empty() {
            for (kind, id) in &left {
                // What is still needed by another stays for the next round.
                drop(self.docker(&[kind, "rm", "--force", id]));
            }
            let next = self.of_docker();
            if next.len() == left.len() {
                return next.into_iter().map(|(kind, id)| format!("{kind} {id}")).collect();
            }
            left = next;
        }
        Vec::new()
    }

    /// Everything that Docker keeps of this world: its kind and its id or name.
    fn of_docker(&self) -> Vec<(&'static str, String)> {
        let by_name = format!("name={}", self.name);
        let by_label = format!("label={LABEL}={}", self.name);
        let (local, remote) = (
            format!("reference={}*", self.name),
            format!("reference=127.0.0.1:{}/{}*", self.ports.registry, self.name),
        );
        let mut asked = vec![
            ("container", vec!["container", "ls", "--all", "--quiet", "--filter", &by_name]),
            // An image's labels are those of its containers too.
            ("container", vec!["container", "ls", "--all", "--quiet", "--filter", &by_label]),
            ("network", vec!["network", "ls", "--quiet", "--filter", &by_name]),
            ("image", vec!["image", "ls", "--all", "--quiet", "--filter", &by_label]),
            ("image", vec!["image", "ls", "--quiet", "--filter", &local]),
            ("image", vec!["image", "ls", "--quiet", "--filter", &remote]),
        ];
        let runs: Vec<String> =
            self.runs().into_iter().map(|run| format!("label=runner.run={run}")).collect();
        for run in &runs {
            asked.push(("container", vec!["container", "ls", "--all", "--quiet", "--filter", run]));
            asked.push(("network", vec!["network", "ls", "--quiet", "--filter", run]));
        }
        let mut found: Vec<(&'static str, String)> = asked
            .into_iter()
            .flat_map(|(kind, question)| {
                let listed = self.docker(&question).unwrap_or_default();
                listed.lines().map(|id| (kind, id.to_owned())).collect::<Vec<_>>()
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// The runs that were made in the project.
    fn runs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.project().join(".runner/runs"));
        let names = entries.into_iter().flatten().filter_map(Result::ok).map(|entry| entry.file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Whoever wants to know calls `close`.
        drop(self.remove());
    }
}

fn write_release(project: &Path, release: Release<'_>) -> Result<(), WorldError> {
    let Release { version, behaviour, failing } = release;
    let text = json!({ "version": version, "behaviour": behaviour, "failing": failing });
    write(&project.join("docker/app/release.json"), &format!("{text:#}\n"))
}

fn read(path: &Path) -> Result<String, WorldError> {
    fs::read_to_string(path).map_err(|error| WorldError::File { path: path.to_owned(), error })
}

fn write(path: &Path, text: &str) -> Result<(), WorldError> {
    fs::write(path, text).map_err(|error| WorldError::File { path: path.to_owned(), error })
}

fn make_directory(path: &Path) -> Result<(), WorldError> {
    fs::create_dir_all(path).map_err(|error| WorldError::File { path: path.to_owned(), error })
}

/// Copies a directory, but for these entries, and what git ignores in it.
fn copy(from: &Path, to: &Path, without: &[&str]) -> Result<(), WorldError> {
    make_directory(to)?;
    let failed = |error: io::Error| WorldError::File { path: from.to_owned(), error };
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (name, path) = (entry.file_name(), entry.path());
        if without.iter().any(|other| name == *other) {
            continue;
        }
        let target = to.join(&name);
        if path.is_dir() {
            copy(&path, &target, &[])?;
        } else {
            fs::copy(&path, &target).map_err(|error| WorldError::File { path: target, error })?;
        }
    }
    Ok(())
}
