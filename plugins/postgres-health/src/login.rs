//! Logging in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runner_plugin::{Failure, Host, Request, Secret};
use sha2::{Digest as _, Sha256};

use crate::Config;
use crate::message::{self, Message, nonsense};
use crate::scram::{self, ServerFirst};
use crate::session::{ServerError, Session};

const MECHANISM: &str = "SCRAM-SHA-256";

/// Who logs in, and by what.
pub(crate) struct Login<'l> {
    pub(crate) config: &'l Config,
    pub(crate) request: &'l Request,
    pub(crate) host: &'l Host,
}

impl Login<'_> {
    /// Logs in, and says how; or what the server has against it.
    ///
    /// # Errors
    ///
    /// As of [`Session`]; `invalid-config` when the server wants a password and there is none; `invalid-input` when it
    /// wants one in a way that this plugin does not give it, or cannot prove that it knows it.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Result<String, ServerError>, Failure> {
        let parameters = [
            ("user", self.config.user.as_str()),
            ("database", &self.config.database),
            ("client_encoding", "UTF8"),
        ];
        session.send(&message::startup(&parameters)?)?;
        let how = match session.receive()? {
            Ok(message) => match authentication(&message)? {
                Authentication::Done => "the login is accepted, without a password",
                Authentication::Sasl(mechanisms) => match self.scram(session, &mechanisms)? {
                    Ok(()) => "the login is accepted",
                    Err(error) => return Ok(Err(error)),
                },
                Authentication::Continue(_) | Authentication::Final(_) => {
                    return Err(nonsense("the login goes on before it has begun"));
                }
                Authentication::Other(code) => return Err(not_supported(code)),
            },
            Err(error) => return Ok(Err(error)),
        };
        Ok(session.until_ready()?.map(|()| how.to_owned()))
    }

    fn scram(
        &self,
        session: &mut Session<'_>,
        mechanisms: &[String],
    ) -> Result<Result<(), ServerError>, Failure> {
        if !mechanisms.iter().any(|mechanism| mechanism == MECHANISM) {
            return Err(Failure::invalid_input(format!(
                "the server offers no login with {MECHANISM}, only with: {}",
                runner_probe::said(mechanisms.join(", "))
            )));
        }
        let secret = self.secret()?;
        let nonce = self.nonce();
        session.send(&message::sasl_initial(MECHANISM, &scram::client_first(&nonce))?)?;
        let first = match session.receive()? {
            Ok(message) => match authentication(&message)? {
                Authentication::Continue(text) => ServerFirst::read(&text, &nonce)?,
                other @ (Authentication::Done
                | Authentication::Sasl(_)
                | Authentication::Final(_)
                | Authentication::Other(_)) => return Err(out_of_turn(&other)),
            },
            Err(error) => return Ok(Err(error)),
        };
        if first.rounds > self.config.max_rounds {
            return Err(Failure::invalid_input(format!(
                "the server asks for {} rounds of hashing, {} are the most; raise `max_rounds`, and the step's \
                 `limits.calls` above it",
                first.rounds, self.config.max_rounds
            )));
        }
        let proof = scram::prove(&first, &nonce, |data| secret.hmac_sha256(data));
        session.send(&message::sasl_response(&proof.client_final))?;
        match session.receive()? {
            Ok(message) => match authentication(&message)? {
                Authentication::Final(text) => proof.check(&text)?,
                other @ (Authentication::Done
                | Authentication::Sasl(_)
                | Authentication::Continue(_)
                | Authentication::Other(_)) => return Err(out_of_turn(&other)),
            },
            Err(error) => return Ok(Err(error)),
        }
        match session.receive()? {
            Ok(message) => match authentication(&message)? {
                Authentication::Done => Ok(Ok(())),
                other @ (Authentication::Sasl(_)
                | Authentication::Continue(_)
                | Authentication::Final(_)
                | Authentication::Other(_)) => Err(out_of_turn(&other)),
            },
            Err(error) => Ok(Err(error)),
        }
    }

    fn secret(&self) -> Result<Secret, Failure> {
        match &self.config.password {
            Some(name) => self.host.secret(name),
            None => Err(Failure::invalid_config("the server wants a password; give `password`")),
        }
    }

    /// A text that was never used before. There are no random numbers here: a run's id holds eighty random bits, and
    /// the clocks tell the probes of one run apart.
    pub(crate) fn nonce(&self) -> String {
        let Request { run_id, step_id, attempt } = self.request;
        let (now, monotonic) = (self.host.clock().now(), self.host.clock().monotonic());
        let hash = Sha256::digest(format!("{run_id}/{step_id}/{attempt}/{now:?}/{monotonic:?}"));
        STANDARD.encode(&hash[..18])
    }
}

/// A message of the server in a login.
enum Authentication {
    /// Come in.
    Done,
    /// These mechanisms are offered.
    Sasl(Vec<String>),
    /// The mechanism goes on.
    Continue(String),
    /// The mechanism ends.
    Final(String),
    /// Something else, by its number.
    Other(i32),
}

fn authentication(message: &Message) -> Result<Authentication, Failure> {
    if message.letter != b'R' {
        let letter = char::from(message.letter);
        return Err(nonsense(&format!("a login is answered with a message `{letter}`")));
    }
    let mut fields = message.fields();
    let code = fields.int32()?;
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|_| nonsense("a message of the login is not UTF-8"))
    };
    Ok(match code {
        0 => Authentication::Done,
        10 => {
            let mut mechanisms = Vec::new();
            loop {
                let mechanism = fields.text()?;
                if mechanism.is_empty() {
                    break Authentication::Sasl(mechanisms);
                }
                mechanisms.push(mechanism);
            }
        }
        11 => Authentication::Continue(text(fields.rest())?),
        12 => Authentication::Final(text(fields.rest())?),
        other => Authentication::Other(other),
    })
}

fn out_of_turn(message: &Authentication) -> Failure {
    match message {
        // Whoever lets one in without this proof may not be who one means.
        Authentication::Done => Failure::invalid_input(
            "the server ends the login without having proved that it knows the password",
        ),
        Authentication::Other(code) => not_supported(*code),
        Authentication::Sasl(_) | Authentication::Continue(_) | Authentication::Final(_) => {
            nonsense("the messages of the login come out of turn")
        }
    }
}

fn not_supported(code: i32) -> Failure {
    let how = match code {
        3 => "the password itself",
        5 => "an MD5 sum of the password",
        7..=9 => "Kerberos or SSPI",
        _ => return nonsense(&format!("it asks for a login of kind {code}")),
    };
    Failure::invalid_input(format!(
        "the server wants {how}, which this plugin does not send; set `password_encryption = scram-sha-256`, set the \
         password anew, and use `scram-sha-256` in `pg_hba.conf`"
    ))
}
