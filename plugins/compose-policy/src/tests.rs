//! The gate as a pipeline sees it. Requirements: 003-18, 000-28, 000-29, 000-31, 000-32, 000-54, 002-17, 002-32.

use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{Decision, FailureKind};
use serde_json::{Value, json};

use super::*;

const GOOD: &str = "
x-logging: &logging { driver: json-file }
services:
  api:
    build: ./api
    depends_on: { db: { condition: service_healthy }, cache: { condition: service_started } }
    environment: [ 'API_KEY_SECRET=${API_KEY_SECRET}', JWT_SECRET ]
    networks: [ front, back ]
    logging: *logging
  proxy:
    image: nginx:1.27.3
    volumes: [ './ssl:/etc/nginx/ssl:ro', 'logs:/var/log/nginx' ]
    networks: [ front ]
  db:
    image: postgres:16.4
    environment: { POSTGRES_PASSWORD: '${DB_PASSWORD:?not set}', POSTGRES_USER: app }
    healthcheck: { test: [CMD, pg_isready] }
    networks: [ back ]
  cache:
    image: redis:7.4-alpine
    command: redis-server --appendonly yes --requirepass ${REDIS_PASSWORD}
    networks: [ back ]
networks: { front: {}, back: {} }
volumes: { logs: {} }
";

fn of(text: &str, config: Value) -> Evaluation {
    evaluate::<ComposePolicy>(&FakeHost::new().file("compose.yaml", text), config).unwrap()
}

/// `line rule message` of every finding.
fn found(text: &str, config: Value) -> Vec<String> {
    let findings = of(text, config).findings.into_iter();
    findings
        .map(|finding| format!("{} {}: {}", finding.line.unwrap_or(0), finding.rule, finding.message))
        .collect()
}

/// One service with these lines.
fn service(lines: &str) -> Vec<String> {
    found(&format!("services:\n  app:\n    image: app:1.0\n    {lines}\n"), json!({}))
}

#[test]
fn a_project_fit_for_production_passes() {
    let config = json!({ "separate": [["proxy", "db"]], "mounts": [{ "service": "proxy", "target": "/etc/nginx/ssl" }] });

    assert_eq!(
        of(GOOD, config),
        Evaluation::pass("4 services as wanted")
            .output("services", json!(["api", "cache", "db", "proxy"]))
            .output("images", json!(["nginx:1.27.3", "postgres:16.4", "redis:7.4-alpine"])),
    );
}

/// 003-18, in the short and in the long form.
#[test]
fn sources_are_not_mounted() {
    let own = "it is the project itself";

    assert_eq!(
        service("volumes: ['.:/app']"),
        [format!("4 source-mount: `app` mounts `.` at `/app`: {own}")]
    );
    assert_eq!(
        service("volumes: [{ type: bind, source: ./, target: /app, read_only: true }]"),
        [format!("4 source-mount: `app` mounts `./` at `/app`: {own}")]
    );
    assert_eq!(
        service("volumes: ['../other:/app:ro']"),
        ["4 source-mount: `app` mounts `../other` at `/app`: it is above the project"]
    );
    assert_eq!(
        service("build: ./app\n    volumes: ['./app/src:/app/src:ro']"),
        ["5 source-mount: `app` mounts `./app/src` at `/app/src`: `app` is built from it"]
    );
    assert_eq!(
        service("volumes: ['${HERE:-.}:/app']"),
        [format!("4 source-mount: `app` mounts `.` at `/app`: {own}")]
    );
    assert_eq!(
        service("volumes: ['${HERE:?where}:/app']"),
        ["4 unresolved-mount: `app` mounts `${HERE}`, and what that is cannot be told from the files"]
    );
}

/// 000-32: what the project brings along is read-only.
#[test]
fn paths_of_the_project_are_mounted_read_only() {
    assert_eq!(
        service(
            "volumes: ['./prometheus.yml:/etc/prometheus.yml', './ssl:/ssl:ro,z', 'data:/data', '/srv/x:/x']"
        ),
        ["4 writable-mount: `app` can write to `./prometheus.yml`, which belongs to the project"]
    );
    assert_eq!(
        service("volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']"),
        [
            "4 docker-socket: `app` mounts `/var/run/docker.sock`, through which it can do anything on the host"
        ]
    );
}

/// 000-54: the configuration of the monitoring is there and mounted. 000-32: and read-only.
#[test]
fn mounts_that_are_wanted_are_there() {
    let text = "services: { prometheus: { image: 'prom/prometheus:v2.54.1', volumes: ['/etc/prom:/etc/prometheus'] } }";
    let wanted = |mount: Value| json!({ "mounts": [mount] });
    let target = "/etc/prometheus";

    assert_eq!(found(text, wanted(json!({ "target": target, "read_only": false }))), [""; 0]);
    assert_eq!(
        found(text, wanted(json!({ "service": "prometheus", "target": target, "source": "/etc/prom" }))),
        [
            "1 writable-mount: `prometheus` can write to the mount at `/etc/prometheus`, which has to be read-only"
        ]
    );
    assert_eq!(
        found(text, wanted(json!({ "target": "/rules", "source": "./rules" }))),
        ["1 missing-mount: `any service` has no mount at `/rules` from `./rules`"]
    );
    let source = json!({ "target": target, "source": "./prom.yml", "exists": true, "read_only": false });
    assert_eq!(
        found(&text.replace("/etc/prom:", "./prom.yml:"), wanted(source)),
        [
            "1 writable-mount: `prometheus` can write to `./prom.yml`, which belongs to the project",
            "0 missing-mount: `prom.yml`, which is to be mounted, does not exist",
        ]
    );
}

/// 000-28 and 002-17.
#[test]
fn images_name_their_version() {
    let image = |image: &str| found(&format!("services: {{ app: {{ image: '{image}' }} }}"), json!({}));
    let floating = |image: &str| [format!("1 floating-image: `app` has a floating image: `{image}`")];

    assert_eq!(image("chromadb/chroma:latest"), floating("chromadb/chroma:latest"));
    assert_eq!(image("registry:5000/kafka"), floating("registry:5000/kafka"));
    assert_eq!(image("app:${TAG:-latest}"), floating("app:latest"));
    assert_eq!(
        image("app:stable"),
        ["1 floating-image: `app` has an image whose tag is no version: `app:stable`"]
    );
    assert_eq!(
        image("app:$TAG"),
        ["1 unresolved-image: `app` has an image that cannot be told from the files: `app:$TAG`"]
    );
    assert_eq!(
        image("app@sha256:12"),
        ["1 invalid-digest: `app` has an image with a digest that is none: `app@sha256:12`"]
    );
    let text = "services: { app: { image: 'app:$TAG' }, none: { restart: always } }";
    assert_eq!(
        found(text, json!({ "env": { "TAG": "1.2" }, "require_digest": true })),
        [
            "1 unpinned-image: `app` has an image without a digest: `app:1.2`",
            "1 unresolved-image: `none` has neither `image` nor `build`",
        ]
    );
}

/// 000-29.
#[test]
fn what_has_a_health_check_is_waited_for() {
    let with = |depends: &str| {
        found(
            &GOOD.replace(
                "{ db: { condition: service_healthy }, cache: { condition: service_started } }",
                depends,
            ),
            json!({}),
        )
    };
    let not = "6 no-condition: `api` does not wait until `db` is healthy, although that has a health check";

    assert_eq!(with("[db, cache]"), [not]);
    assert_eq!(with("{ db: { condition: service_started } }"), [not]);
    assert_eq!(with("[gone]"), ["6 no-condition: `api` waits for `gone`, which is in no file"]);
    assert_eq!(
        found(&GOOD.replace("test: [CMD, pg_isready]", "disable: true"), json!({})),
        ["6 no-condition: `api` waits until `db` is healthy, whose health check is switched off"]
    );
}

/// 000-31: a password and `appendonly`.
#[test]
fn redis_has_a_password_and_keeps_what_it_is_told() {
    let redis =
        |lines: &str| found(&format!("services:\n  r:\n    image: redis:7\n    {lines}\n"), json!({}));
    let no_password = "no-password: `r` has no `--requirepass`";
    let forgets = "not-durable: `r` has no `--appendonly yes`, so it forgets the last writes when it stops";

    assert_eq!(redis("restart: always"), [format!("2 {no_password}"), format!("2 {forgets}")]);
    assert_eq!(
        redis("command: redis-server --appendonly no"),
        [format!("4 {no_password}"), format!("4 {forgets}")]
    );
    assert_eq!(redis("command: [redis-server, --appendonly, 'yes', --requirepass, $PASS]"), [""; 0]);
    assert_eq!(redis("command: sh -c 'redis-server --appendonly yes --requirepass \"$${PASS}\"'").len(), 1);
    assert_eq!(
        redis("command: [redis-server, --appendonly, 'yes', --requirepass, '']"),
        ["4 empty-password: `r` has an empty `--requirepass`"]
    );
    assert_eq!(
        redis("command: redis-server --appendonly yes --requirepass hunter2hunter2"),
        ["4 literal-password: `r` has its `--requirepass` written in the file"]
    );
    assert_eq!(
        redis("command: redis-server /etc/redis.conf"),
        ["4 no-password: `r` is set up by a file that is not looked at, so its password cannot be told"]
    );
}

#[test]
fn passwords_are_set_and_not_in_the_file() {
    let db = |environment: &str| {
        found(
            &format!("services:\n  db:\n    image: postgres:16\n    environment: {environment}\n"),
            json!({}),
        )
    };

    assert_eq!(db("{ POSTGRES_USER: app }"), ["2 no-password: `db` has no `POSTGRES_PASSWORD`"]);
    assert_eq!(db("['POSTGRES_PASSWORD=']"), ["4 empty-password: `db` has an empty `POSTGRES_PASSWORD`"]);
    assert_eq!(
        db("{ POSTGRES_PASSWORD: '${PW:-changeme}' }"),
        ["4 placeholder-password: `db` has a placeholder as `POSTGRES_PASSWORD`"]
    );
    assert_eq!(
        db("{ POSTGRES_PASSWORD: 8s7df6g8s7df6g }"),
        ["4 literal-password: `db` has its `POSTGRES_PASSWORD` written in the file"]
    );
    assert_eq!(db("{ POSTGRES_PASSWORD_FILE: /run/secrets/db }"), [""; 0]);
    assert_eq!(db("{ POSTGRES_PASSWORD: }"), [""; 0]);
    assert_eq!(
        db("{ POSTGRES_PASSWORD: $PW, POSTGRES_HOST_AUTH_METHOD: trust }"),
        ["4 no-password: `db` lets everybody in: `POSTGRES_HOST_AUTH_METHOD` says so"]
    );
    assert_eq!(
        found("services: { a: { image: 'a:1' } }", json!({ "passwords": { "a": ["OWN"] } })),
        ["1 no-password: `a` has no `OWN`"]
    );
    let config = json!({ "env": { "PW": "changeme" } });
    let text = "services: { db: { image: 'postgres:16', environment: { POSTGRES_PASSWORD: $PW } } }";
    assert_eq!(
        found(text, config),
        ["1 placeholder-password: `db` has a placeholder as `POSTGRES_PASSWORD`"]
    );
}

#[test]
fn no_password_is_ever_shown() {
    let text = "services:\n  db:\n    image: postgres:16\n    environment: { POSTGRES_PASSWORD: t0pS3cret, X_TOKEN: [t0pS3cret] }\n";
    let host = FakeHost::new().file("compose.yaml", text);
    let failure = evaluate::<ComposePolicy>(&host, json!({})).unwrap_err();
    assert_eq!(
        failure,
        Failure::invalid_input(
            "`compose.yaml` line 4: `/services/db/environment/X_TOKEN` is a list, not a single value"
        )
    );

    let shown = format!("{:?}", of(&text.replace("[t0pS3cret]", "t0pS3cret"), json!({})));
    assert!(!shown.contains("t0pS3cret"), "{shown}");
}

/// 002-32.
#[test]
fn services_that_have_to_be_apart_share_no_network() {
    let apart = |text: &str| found(text, json!({ "separate": [["a", "b"]] }));
    let shares = |line: u32, network: &str, also: u32| {
        [format!(
            "{line} shared-network: `a` shares the network `{network}` with `b` (line {also}), from which it has to be apart"
        )]
    };
    let services =
        |a: &str, b: &str| format!("services:\n  a: {{ image: 'a:1', {a} }}\n  b: {{ image: 'b:1', {b} }}\n");

    assert_eq!(apart(&services("networks: [x]", "networks: { y: {} }")), [""; 0]);
    assert_eq!(apart(&services("networks: [x, z]", "networks: { z: {} }")), shares(2, "z", 3));
    assert_eq!(apart(&services("", "")), shares(2, "default", 3));
    assert_eq!(apart(&services("networks: [x]", "network_mode: 'service:a'")), shares(2, "x", 3));
    assert_eq!(apart(&services("network_mode: none", "networks: [x]")), [""; 0]);
    let same = format!(
        "{}networks: {{ x: {{ name: real }}, y: {{ name: real }} }}\n",
        services("networks: [x]", "networks: [y]")
    );
    assert_eq!(apart(&same), shares(2, "real", 3));
    assert_eq!(
        found(GOOD, json!({ "separate": [["proxy", "database"]] })),
        ["0 unknown-service: `separate` names the service `database`, which is in no file"]
    );
}

#[test]
fn nothing_has_the_rights_of_the_host() {
    assert_eq!(
        service(
            "privileged: true\n    pid: host\n    cap_add: [NET_ADMIN, CAP_SYS_ADMIN]\n    network_mode: host"
        ),
        [
            "7 host-network: `app` uses the network of the host: its ports are fixed, and a second copy cannot start beside it",
            "4 privileged: `app` is privileged, so it has all rights of the host",
            "5 privileged: `app` sees the processes of the host",
            "6 privileged: `app` has the capability `CAP_SYS_ADMIN`, as good as all of them",
        ]
    );
}

#[test]
fn a_later_file_wins_and_findings_name_their_file() {
    let over = "services:\n  cache: { image: 'redis:latest', command: [] }\n  proxy: { volumes: ['./ssl:/etc/nginx/ssl'] }\n";
    let host = FakeHost::new().file("d/compose.yaml", GOOD).file("d/over.yaml", over);
    let evaluation =
        evaluate::<ComposePolicy>(&host, json!({ "files": ["d/compose.yaml", "d/over.yaml"] })).unwrap();
    let places: Vec<String> = evaluation
        .findings
        .iter()
        .map(|finding| {
            format!("{} {} {}", finding.file.as_ref().unwrap(), finding.line.unwrap(), finding.rule)
        })
        .collect();

    assert_eq!(
        places,
        [
            "d/over.yaml 2 floating-image",
            "d/over.yaml 3 writable-mount",
            "d/over.yaml 2 no-password",
            "d/over.yaml 2 not-durable",
        ]
    );
}

#[test]
fn anchors_merge_keys_and_extends_are_followed() {
    let merged = "x-base: &base\n  image: redis:latest\n  privileged: true\nservices:\n  a: { <<: *base, image: 'a:1' }\n";
    assert_eq!(
        found(merged, json!({})),
        ["3 privileged: `a` is privileged, so it has all rights of the host"]
    );

    let extended = "services:\n  base: { image: 'a:1', privileged: true }\n  mid: { extends: base, privileged: false }\n  \
                    top: { extends: { service: mid }, pid: host }\n";
    assert_eq!(
        found(extended, json!({})),
        [
            "2 privileged: `base` is privileged, so it has all rights of the host",
            "4 privileged: `top` sees the processes of the host",
        ]
    );
    assert_eq!(
        found(
            "include: [other.yaml]\nservices:\n  a: { image: 'a:1', extends: { file: b.yaml, service: b } }\n",
            json!({})
        ),
        [
            "1 not-judged: `include` names files that are not told to the gate",
            "3 not-judged: `a` extends `b`, which is not told by these files",
        ]
    );
    let circle = "services:\n  a: { image: 'a:1', extends: b }\n  b: { image: 'b:1', extends: a }\n";
    assert_eq!(of(circle, json!({})).decision, Decision::Fail);
}

#[test]
fn a_rule_is_switched_off_for_one_service_with_a_reason() {
    let text = "services: { a: { image: 'a:1', privileged: true }, b: { image: 'b:1', privileged: true } }";
    let config = json!({ "off": [{ "rule": "privileged", "in": "a", "reason": "drives the fan" }] });
    let severities: Vec<_> =
        of(text, config).findings.into_iter().map(|finding| (finding.severity, finding.message)).collect();

    assert_eq!(
        severities,
        [
            (
                Severity::Note,
                "`a` is privileged, so it has all rights of the host; switched off: drives the fan"
                    .to_owned()
            ),
            (Severity::Error, "`b` is privileged, so it has all rights of the host".to_owned()),
        ]
    );
}

#[test]
fn what_is_no_compose_file_is_a_failure() {
    let failure = |text: &[u8]| {
        let host = FakeHost::new().file("compose.yaml", text);
        evaluate::<ComposePolicy>(&host, json!({})).unwrap_err().message
    };

    assert_eq!(
        [
            "",
            "- a\n",
            "services:\n",
            "services: [a]\n",
            "services: { a: 1 }\n",
            "version: '3'\n",
            "services: { a: { volumes: x } }",
            "services: { a: { ports: [ }",
            "a: 1\na: 2\n",
            "services: { a: { cpus: .nan } }",
        ]
        .map(|text| failure(text.as_bytes())),
        [
            "`compose.yaml` line 1: the file is nothing, not a map",
            "`compose.yaml` line 1: the file is a list, not a map",
            "no compose file has a service; nothing was checked",
            "`compose.yaml` line 1: `/services` is a list, not a map",
            "`compose.yaml` line 1: `/services/a` is a single value, not a map with `image`",
            "`compose.yaml` line 1: there is no `services`; is it a compose file?",
            "`compose.yaml` line 1: `/services/a/volumes` is a single value, not a list",
            "read `compose.yaml` as YAML: line 1, column 27: this is not YAML: while parsing a node, did not find expected node content",
            "read `compose.yaml` as YAML: line 2, column 1: `a` stands twice in this map, first at line 1",
            "read `compose.yaml` as YAML: line 1, column 24: `.nan` is no number that JSON can hold; put it in quotes if it is text",
        ]
    );
    assert_eq!(
        failure(b"a: caf\xe9\n"),
        "read `compose.yaml`: line 1 is not UTF-8 at byte 7, it looks like Latin-1 (ISO 8859-1); save it as UTF-8"
    );
    let kind = |config| evaluate::<ComposePolicy>(&FakeHost::new(), config).unwrap_err().kind;
    assert_eq!(
        [json!({}), json!({ "files": [] })].map(kind),
        [FailureKind::Unavailable, FailureKind::InvalidConfig]
    );
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_do_no_harm() {
    assert_eq!(found(&format!("\u{feff}{}", GOOD.replace('\n', "\r\n")), json!({})), [""; 0]);
}
