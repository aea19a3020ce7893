//! A registry of images on loopback.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    thread,
};

/// A registry, gone after the test.
pub(crate) struct Registry {
    program: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = directory.path().join("config.yml");
        let root = directory.path().display();
        let text = format!(
            "version: 0.1\nlog: {{ level: info, accesslog: {{ disabled: true }} }}\nstorage: {{ filesystem: {{ rootdirectory: \
             '{root}' }} }}\nhttp: {{ addr: '127.0.0.1:0' }}\n"
        );
        std::fs::write(&config, text).expect("a config");
        let mut program = Command::new("docker-registry")
            .arg("serve")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("docker-registry: {error} (`--skip real_docker` does without)"));
        let mut log = BufReader::new(program.stderr.take().expect("it is piped"));
        let (mut line, mut port) = (String::new(), None);
        while port.is_none() && log.read_line(&mut line).is_ok_and(|read| read > 0) {
            let address = line.split_once("listening on 127.0.0.1:").map(|(_, rest)| rest);
            port =
                address.and_then(|rest| rest.split(|sign: char| !sign.is_ascii_digit()).next()?.parse().ok());
            if port.is_none() {
                line.clear();
            }
        }
        // It stops when nobody reads what it says.
        thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Self { program, port: port.expect("a registry says where it listens"), _directory: directory }
    }

    /// As it stands before the name of an image.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}
