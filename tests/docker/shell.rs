//! Containers that do what a line of shell says.
//!
//! An image `FROM scratch` with the shell of this machine, a few of its programs and the libraries that they need: nothing is
//! pulled, and a test says in one line what its container is like. Names begin with one that no other test has; what carries
//! it is removed at the end, also of a test that fails.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// What a container has to do its work with.
const PROGRAMS: [&str; 5] = ["/bin/sh", "/bin/sleep", "/usr/bin/yes", "/usr/bin/head", "/usr/bin/getent"];

/// How long a container may take to be as it should.
const PATIENCE: Duration = Duration::from_secs(300);

/// An image, and containers of it.
pub(crate) struct Shell {
    name: String,
}

impl Shell {
    /// Builds the image, with these lines at the end of its Dockerfile.
    pub(crate) fn new(dockerfile: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let shell = Self { name: format!("dg-{}-{number}", std::process::id()) };
        let context = tempfile::tempdir().expect("a temporary directory");
        for file in PROGRAMS.iter().map(|&program| program.to_owned()).chain(libraries()) {
            let inside = context.path().join("root").join(file.trim_start_matches('/'));
            fs::create_dir_all(inside.parent().expect("a folder")).expect("a folder");
            fs::copy(&file, inside).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        fs::create_dir_all(context.path().join("root/tmp")).expect("a folder");
        // A label of its own: no layer is taken from the cache of a test that is just removing it.
        let name = &shell.name;
        let text = format!(
            "FROM scratch\nLABEL test={name}\nCOPY root/ /\nENTRYPOINT [\"/bin/sh\", \"-c\"]\n{dockerfile}\n"
        );
        fs::write(context.path().join("Dockerfile"), text).expect("a Dockerfile");
        let path = context.path().to_str().expect("a path of text");
        shell.docker(&["build", "--quiet", "--tag", &shell.image(), path]);
        shell
    }

    /// What all names of this test begin with.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The image.
    pub(crate) fn image(&self) -> String {
        format!("{}:v1", self.name)
    }

    /// Starts a container `NAME-short` that runs a line of shell.
    pub(crate) fn start(&self, short: &str, options: &[&str], line: &str) {
        let name = format!("{}-{short}", self.name);
        let image = self.image();
        let mut arguments = vec!["run", "--detach", "--pull=never", "--network=none", "--name", &name];
        arguments.extend_from_slice(options);
        arguments.extend([image.as_str(), line]);
        self.docker(&arguments);
    }

    /// Waits until a container is like this: a Go template that gives `true`.
    pub(crate) fn until(&self, short: &str, template: &str) {
        let name = format!("{}-{short}", self.name);
        let begun = Instant::now();
        loop {
            let said = self.docker(&["container", "inspect", "--format", template, &name]);
            if said == "true" {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "`{name}`: {template} is `{said}` after {PATIENCE:?}");
            // Docker tells of none of these by an event that has all of it.
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What `docker ARGUMENTS` writes.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker").args(arguments).env("DOCKER_BUILDKIT", "0").output();
        let output =
            output.unwrap_or_else(|error| panic!("docker: {error} (`--skip real_docker` does without)"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "docker {arguments:?}: {stderr} (`--skip real_docker` does without)"
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let begins = format!("name=^{}-", self.name);
        let [whole, more, elsewhere] = ["", "-*", "-*"].map(|rest| format!("reference={}{rest}", self.name));
        let elsewhere = elsewhere.replace("reference=", "reference=*/");
        let name = "{{.Repository}}:{{.Tag}}";
        let what: [(&[&str], &[&str]); 3] = [
            (&["ps", "--all", "--quiet", "--filter", &begins], &["rm", "--force", "--volumes"]),
            (&["network", "ls", "--quiet", "--filter", &begins], &["network", "rm"]),
            (
                &[
                    "image", "ls", "--format", name, "--filter", &whole, "--filter", &more, "--filter",
                    &elsewhere,
                ],
                &["image", "rm", "--force"],
            ),
        ];
        for (list, remove) in what {
            // What cannot be removed is not worth hiding why a test has failed.
            let listed =
                Command::new("docker").args(list).output().map(|output| output.stdout).unwrap_or_default();
            for thing in String::from_utf8_lossy(&listed).split_whitespace() {
                drop(Command::new("docker").args(remove).arg(thing).output());
            }
        }
    }
}

/// The libraries that the programs need, and what loads them.
fn libraries() -> BTreeSet<String> {
    let output = Command::new("ldd").args(PROGRAMS).output().expect("ldd");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let files = said.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
    files.filter(|file| Path::new(file).is_file()).map(str::to_owned).collect()
}
