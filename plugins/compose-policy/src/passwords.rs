//! Passwords: there, not empty, no placeholders, and not in the file.
//!
//! A variable without a default is right: its value comes from outside and is checked where it is (`env-schema`).
//! No value stands in a message.

use std::cell::Cell;
use std::collections::BTreeMap;

use runner_images::fill_in;

use crate::project::{At, Project, Service};
use crate::{Config, Problem, Rule};

/// Images, by the last part of their name, and the variables one of which gives them their password.
const IMAGES: [(&str, &[&str]); 9] = [
    ("postgres", &["POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE"]),
    ("postgis", &["POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE"]),
    ("mysql", &["MYSQL_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD_FILE", "MYSQL_RANDOM_ROOT_PASSWORD"]),
    (
        "mariadb",
        &[
            "MARIADB_ROOT_PASSWORD",
            "MARIADB_ROOT_PASSWORD_FILE",
            "MARIADB_RANDOM_ROOT_PASSWORD",
            "MYSQL_ROOT_PASSWORD",
            "MYSQL_ROOT_PASSWORD_FILE",
        ],
    ),
    ("mongo", &["MONGO_INITDB_ROOT_PASSWORD", "MONGO_INITDB_ROOT_PASSWORD_FILE"]),
    ("grafana", &["GF_SECURITY_ADMIN_PASSWORD", "GF_SECURITY_ADMIN_PASSWORD__FILE"]),
    ("rabbitmq", &["RABBITMQ_DEFAULT_PASS", "RABBITMQ_DEFAULT_PASS_FILE"]),
    ("minio", &["MINIO_ROOT_PASSWORD", "MINIO_ROOT_PASSWORD_FILE"]),
    ("influxdb", &["DOCKER_INFLUXDB_INIT_PASSWORD", "DOCKER_INFLUXDB_INIT_PASSWORD_FILE"]),
];

/// Variables that leave a door open.
const OPEN_DOORS: [&str; 4] = [
    "POSTGRES_HOST_AUTH_METHOD",
    "MYSQL_ALLOW_EMPTY_PASSWORD",
    "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
    "ALLOW_EMPTY_PASSWORD",
];

/// What the names of variables with secrets end with.
const SECRET_NAMES: [&str; 9] =
    ["PASSWORD", "PASSWD", "_PASS", "SECRET", "TOKEN", "API_KEY", "SECRET_KEY", "PRIVATE_KEY", "ACCESS_KEY"];

/// What is left in a file by those who meant to fill it in.
const PLACEHOLDERS: [&str; 14] = [
    "changeme",
    "change_me",
    "change-me",
    "changethis",
    "password",
    "passwd",
    "secret",
    "example",
    "placeholder",
    "todo",
    "xxx",
    "your_",
    "your-",
    "<",
];

pub(crate) fn problems(project: &Project, config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, service) in &project.services {
        let more = config.passwords.get(name);
        for (variable, value) in &service.environment {
            if is_secret(variable) || more.is_some_and(|more| more.contains(variable)) {
                let value = value.value.as_ref().map(|text| value.with(text.as_str()));
                problems.extend(value.and_then(|value| flaw(name, variable, &value, &config.env)));
            }
        }
        for variable in more.into_iter().flatten() {
            if !service.environment.contains_key(variable) {
                problems.push(absent(name, service, &format!("`{variable}`")));
            }
        }
        let image = short_name(service);
        if let Some((_, variables)) = IMAGES.iter().find(|(known, _)| *known == image) {
            let any = variables.iter().any(|variable| gives_password(service, variable));
            if !any && !service.env_file {
                problems.push(absent(name, service, &format!("`{}`", variables[0])));
            }
        }
        for variable in OPEN_DOORS {
            let value = service.environment.get(variable);
            let is_open = |value: &&At<Option<String>>| {
                value
                    .value
                    .as_deref()
                    .is_some_and(|value| value.eq_ignore_ascii_case("trust") || is_true(value))
            };
            if let Some(value) = value.filter(is_open) {
                let message = format!("lets everybody in: `{variable}` says so");
                problems.push(
                    Problem::new(Rule::NoPassword, name, value, message).help("set a password instead"),
                );
            }
        }
        if service.words().any(|word| word.ends_with("redis-server") || word.ends_with("valkey-server"))
            || ["redis", "valkey", "redis-stack-server", "keydb"].contains(&image.as_str())
        {
            problems.extend(redis(name, service, &config.env));
        }
    }
    problems
}

/// Whether a variable gives an image its password: any value does, but one that asks for a random one.
fn gives_password(service: &Service, variable: &str) -> bool {
    match service.environment.get(variable) {
        Some(value) if variable.contains("_RANDOM_") => value.value.as_deref().is_some_and(is_true),
        Some(_) => true,
        None => false,
    }
}

fn is_true(value: &str) -> bool {
    ["1", "yes", "true", "on"].contains(&value.to_ascii_lowercase().as_str())
}

/// `postgres` of `docker.io/library/postgres:16@sha256:…`.
fn short_name(service: &Service) -> String {
    let image = service.image.as_ref().map_or("", |image| image.value.as_str());
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split([':', '@']).next().unwrap_or_default().to_owned()
}

fn is_secret(variable: &str) -> bool {
    let upper = variable.to_ascii_uppercase();
    upper == "PASS" || SECRET_NAMES.iter().any(|end| upper.ends_with(end))
}

fn absent(name: &str, service: &Service, what: &str) -> Problem {
    let help = "set it to a variable (`${NAME}`) or a secret, whose value is not in the file";
    Problem::new(Rule::NoPassword, name, &service.place, format!("has no {what}")).help(help)
}

/// What is wrong with the value of a password.
fn flaw(name: &str, variable: &str, value: &At<&str>, env: &BTreeMap<String, String>) -> Option<Problem> {
    let from_env = Cell::new(false);
    let filled = fill_in(value.value, Some("$$"), &|name| {
        let value = env.get(name).cloned();
        from_env.set(from_env.get() || value.is_some());
        value
    });
    if !filled.missing.is_empty() {
        return None;
    }
    let text = filled.text.to_lowercase();
    if is_true(&text) || ["0", "no", "false", "off"].contains(&text.as_str()) {
        // A switch that is about passwords, as `MYSQL_RANDOM_ROOT_PASSWORD` is.
        return None;
    }
    let problem = |rule, message: String, help| Some(Problem::new(rule, name, value, message).help(help));
    if text.is_empty() {
        problem(Rule::EmptyPassword, format!("has an empty `{variable}`"), "set it to a variable (`${NAME}`)")
    } else if PLACEHOLDERS.iter().any(|word| text.starts_with(word)) {
        let message = format!("has a placeholder as `{variable}`");
        problem(Rule::PlaceholderPassword, message, "set it to a variable (`${NAME}`) without a default")
    } else if from_env.get() {
        None
    } else {
        let message = format!("has its `{variable}` written in the file");
        problem(
            Rule::LiteralPassword,
            message,
            "set it to a variable (`${NAME}`) without a default, and change it",
        )
    }
}

/// A Redis wants a password and `appendonly`, from its command line.
fn redis(name: &str, service: &Service, env: &BTreeMap<String, String>) -> Vec<Problem> {
    let place = service.command.as_ref().map_or_else(|| service.place.clone(), |command| command.with(()));
    let words: Vec<&str> = service.words().collect();
    let option = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        Some(words.get(at + 1).copied().unwrap_or_default())
    };
    let mut problems = Vec::new();
    if words.iter().any(|word| word.ends_with(".conf")) {
        let message = "is set up by a file that is not looked at, so its password cannot be told".to_owned();
        let problem = Problem::new(Rule::NoPassword, name, &place, message);
        return vec![
            problem.help("say it in `command`, or switch the rule off for this service with the reason"),
        ];
    }
    match option("--requirepass") {
        Some(password) => problems.extend(flaw(name, "--requirepass", &place.with(password), env)),
        None if option("--aclfile").is_some() => {}
        None if ["REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "VALKEY_PASSWORD"]
            .iter()
            .any(|variable| service.environment.contains_key(*variable) && is_bitnami(service)) => {}
        None => {
            let message = "has no `--requirepass`".to_owned();
            let problem = Problem::new(Rule::NoPassword, name, &place, message);
            problems.push(problem.help("add `--requirepass ${REDIS_PASSWORD}` to its `command`"));
        }
    }
    if !option("--appendonly").is_some_and(|value| value.eq_ignore_ascii_case("yes")) {
        let message = "has no `--appendonly yes`, so it forgets the last writes when it stops".to_owned();
        let problem = Problem::new(Rule::NotDurable, name, &place, message);
        problems.push(
            problem.help("add `--appendonly yes` to its `command`, or switch the rule off for a cache"),
        );
    }
    problems
}

/// Bitnami's images read the password from a variable; the official ones do not.
fn is_bitnami(service: &Service) -> bool {
    service.image.as_ref().is_some_and(|image| image.value.contains("bitnami"))
}
