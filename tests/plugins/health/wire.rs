//! `tcp-health`, `redis-health`, `dns-health` and `grpc-health` as components: three runs for all of them.

use std::io::Read;

use super::{ended, outcome, parts};
use crate::{harness::Project, server};

const PIPELINE: &str = r#"
version: 1
name: wire
secrets: { redis_password: { from: env:REDIS_PASSWORD, allow: [redis-health] } }
plugins:
  tcp-health:  { source: plugin:tcp_health,  grants: { network: ["tcp://127.0.0.1:TCP", "tcp://127.0.0.1:NOBODY"] } }
  dns-health:  { source: plugin:dns_health,  grants: { network: ["tcp://127.0.0.1:DNS"] } }
  grpc-health: { source: plugin:grpc_health, grants: { network: ["tcp://127.0.0.1:GRPC"] } }
  redis-health:
    source: plugin:redis_health
    grants: { network: ["tcp://127.0.0.1:REDIS"], secrets: [{ name: redis_password, reveal: true }] }
defaults: { timeout: 60s }
steps:
  tcp:
    uses: tcp-health
    continue_on_error: true
    with: { addresses: ["127.0.0.1:TCP"], banner: { starts_with: "SSH-2.0-" } }
  gone:
    uses: tcp-health
    continue_on_error: true
    with: { addresses: ["127.0.0.1:TCP", "127.0.0.1:NOBODY"], at_least: 1 }
  redis:
    uses: redis-health
    continue_on_error: true
    secrets: [redis_password]
    with:
      address: 127.0.0.1:REDIS
      auth: { password: redis_password }
      role: master
      appendonly: true
      require_password: true
      memory: { unhealthy_bytes: 1000000000 }
  dns:
    uses: dns-health
    continue_on_error: true
    with:
      server: 127.0.0.1:DNS
      queries: [{ name: api.example.com, expect: { exact: ["192.0.2.7"] }, max_ttl_s: 300 }]
  grpc:
    uses: grpc-health
    continue_on_error: true
    with: { address: "127.0.0.1:GRPC", service: l9.Query }
  all: { uses: checkpoint, needs: [tcp, gone, redis, dns, grpc] }
"#;

struct Ports {
    tcp: u16,
    nobody: u16,
    redis: u16,
    dns: u16,
    grpc: u16,
}

impl Ports {
    fn run(&self) -> Project {
        let ports = [
            ("127.0.0.1:TCP", self.tcp),
            ("127.0.0.1:NOBODY", self.nobody),
            ("127.0.0.1:REDIS", self.redis),
            ("127.0.0.1:DNS", self.dns),
            ("127.0.0.1:GRPC", self.grpc),
        ];
        let pipeline = ports
            .iter()
            .fold(PIPELINE.to_owned(), |text, (name, port)| text.replace(name, &format!("127.0.0.1:{port}")));
        let project = Project::with(&pipeline);
        let output = project
            .command(&["exec", "pipeline.yaml"])
            .env("REDIS_PASSWORD", "s3cr3t")
            .output()
            .expect("the runner starts");
        let run = project.finish(output);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(
            !project.read(&format!(".runner/runs/{}/journal.jsonl", project.run_id())).contains("s3cr3t")
        );
        project
    }
}

/// Recorded from Redis 7.0.15. The second connection, of a stranger, is refused.
fn redis(appendonly: &str) -> u16 {
    let info = format!(
        "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nused_memory:966632\r\n\r\n# Persistence\r\nloading:0\r\n\
         aof_enabled:{appendonly}\r\naof_last_write_status:ok\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
    );
    let friend = vec![
        (b"*2\r\n$4\r\nAUTH\r\n$6\r\ns3cr3t\r\n".to_vec(), b"+OK\r\n".to_vec()),
        (b"*1\r\n$4\r\nPING\r\n".to_vec(), b"+PONG\r\n".to_vec()),
        (b"*1\r\n$4\r\nINFO\r\n".to_vec(), format!("${}\r\n{info}\r\n", info.len()).into_bytes()),
    ];
    server::serve(move |number, mut stream| {
        if number == 1 {
            server::write(&mut stream, b"-NOAUTH Authentication required.\r\n");
            return server::until_gone(&mut stream);
        }
        server::play(&mut stream, &friend);
    })
}

/// `api.example.com` is an alias of `edge.example.net`, which has this address. The number of the question is put in front.
fn dns(last: u8) -> u16 {
    let answer = [
        b"\x84\x00\0\x01\0\x02\0\0\0\0\x03api\x07example\x03com\0\0\x01\0\x01".as_slice(),
        b"\xc0\x0c\0\x05\0\x01\0\0\x01\x2c\0\x12\x04edge\x07example\x03net\0",
        b"\xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02",
        &[last],
    ]
    .concat();
    server::serve(move |_, mut stream| {
        let mut head = [0; 4];
        if stream.read_exact(&mut head).is_ok() {
            let length = u16::try_from(answer.len() + 2).expect("a short answer").to_be_bytes();
            server::write(&mut stream, &[&length, &head[2..], &answer].concat());
            server::until_gone(&mut stream);
        }
    })
}

/// Recorded from gRPC for Python: greeting, head of the answer, message, trailers.
fn grpc(status: u8) -> u16 {
    let greeting = b"\0\0\x18\x04\0\0\0\0\0\0\x04\0\x40\0\0\0\x05\0\x40\0\0\0\x06\0\0\x40\0\xfe\x03\0\0\0\x01\0\0\x04\x08\0\0\0\0\0\0\x3f\0\x01";
    let answer = [
        b"\0\0N\x01\x04\0\0\0\x01\x88@\x0ccontent-type\x10application/grpc@\x14grpc-accept-encoding\x17identity, deflate, gzip"
            .as_slice(),
        b"\0\0\x07\0\0\0\0\0\x01\0\0\0\0\x02\x08",
        &[status],
        b"\0\0\x1e\x01\x05\0\0\0\x01@\x0bgrpc-status\x010\0\x0cgrpc-message\0",
    ]
    .concat();
    server::serve(move |_, mut stream| {
        server::write(&mut stream, greeting);
        if grpc_request(&mut stream).is_ok() {
            server::write(&mut stream, &answer);
            server::until_gone(&mut stream);
        }
    })
}

/// Reads to the end of the request: a frame of data that is the last of its stream.
fn grpc_request(stream: &mut impl Read) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 24])?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize])?;
        if head[3] == 0 && head[4] & 1 == 1 {
            return Ok(());
        }
    }
}

/// Requirements 004-37, 000-31, 004-18, 002-13.
#[test]
fn servers_as_they_should_be_are_healthy() {
    let ports = Ports {
        tcp: server::saying("SSH-2.0-OpenSSH_9.2p1\r\n"),
        nobody: server::saying(""),
        redis: redis("1"),
        dns: dns(7),
        grpc: grpc(1),
    };

    let project = ports.run();

    assert_eq!(
        parts(&project, "tcp"),
        [format!("127.0.0.1:{} pass it says `SSH-2.0-OpenSSH_9.2p1`", ports.tcp)]
    );
    assert_eq!(
        parts(&project, "gone"),
        [ports.tcp, ports.nobody].map(|port| format!("127.0.0.1:{port} pass it accepts connections"))
    );
    assert_eq!(
        parts(&project, "redis"),
        [
            "auth pass the login is accepted",
            "ping pass `PING` is answered",
            "role pass it is a master",
            "memory pass it uses 966632 bytes of memory",
            "appendonly pass it writes an append-only file",
            "password pass strangers are refused",
        ]
    );
    assert_eq!(outcome(&project, "dns")["outputs"]["answers"]["api.example.com A"][0], "192.0.2.7");
    assert_eq!(parts(&project, "grpc"), ["serving pass `l9.Query` says SERVING"]);
}

/// Requirements 004-37, 000-31, 004-18, 002-13, the other way round.
#[test]
fn servers_that_are_not_as_they_should_be_are_said_to_be() {
    let ports = Ports {
        tcp: server::saying("220 mail\r\n"),
        nobody: server::nobody(),
        redis: redis("0"),
        dns: dns(8),
        grpc: grpc(2),
    };
    let (tcp, nobody) = (ports.tcp, ports.nobody);

    let ended = ended(&ports.run());

    assert_eq!(
        ended["tcp"],
        format!(
            "fail: unhealthy: 127.0.0.1:{tcp}: it says `220 mail`, not a banner that starts with `SSH-2.0-`"
        )
    );
    assert_eq!(
        ended["gone"],
        format!(
            "warn: degraded: 1 of 2, at least 1 needed; connect tcp://127.0.0.1:{nobody}: no connection to port {nobody}: \
             127.0.0.1: connection refused"
        )
    );
    assert_eq!(ended["redis"], "fail: unhealthy: it writes no append-only file; set `appendonly yes`");
    assert_eq!(ended["dns"], "fail: unhealthy: api.example.com A: it is `192.0.2.8`; expected `192.0.2.7`");
    assert_eq!(ended["grpc"], "fail: unhealthy: `l9.Query` says NOT_SERVING");
}

/// Servers of another kind, and ones that mean harm: never an answer, and never a trap.
#[test]
fn what_speaks_another_language_is_a_failure_to_answer() {
    let lists = "*1\r\n".repeat(200_000);
    let many = [b"\xff\xff\0\0\x84\0\0\x01\xff\xff\xff\xff\xff\xff".as_slice(), &[0; 70_000]].concat();
    let ports = Ports {
        tcp: server::saying("x".repeat(1 << 20)),
        nobody: server::nobody(),
        redis: server::saying(lists),
        dns: server::saying(many),
        grpc: server::saying("HTTP/1.1 400 Bad Request\r\n\r\n"),
    };

    let mut ended = ended(&ports.run());

    assert_eq!(
        ended.remove("redis").unwrap_or_default(),
        format!(
            "invalid-input: the reply of 127.0.0.1:{} is not one of Redis: it begins with `*`",
            ports.redis
        )
    );
    assert_eq!(
        ended.remove("dns").unwrap_or_default(),
        "invalid-input: the answer of the name server cannot be used: it cannot hold 196606 entries in 65535 bytes"
    );
    assert_eq!(
        ended.remove("grpc").unwrap_or_default(),
        "invalid-input: the answer cannot be used: HTTP/2: connection error detected: frame with invalid size"
    );
}
