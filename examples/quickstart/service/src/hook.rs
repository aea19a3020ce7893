//! A receiver of webhooks: prints what it is sent, and shows it again on `GET /messages`, one line each.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::http::{Request, Response};

/// What was received so far.
#[derive(Debug)]
pub struct Hook {
    messages: Mutex<Vec<Value>>,
    /// For whoever looks on.
    show: fn(&str),
}

impl Hook {
    /// Calls `show` with each message as it comes.
    #[must_use]
    pub fn new(show: fn(&str)) -> Self {
        Self { messages: Mutex::default(), show }
    }

    /// Answers one request.
    pub fn answer(&self, request: Request) -> Response {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/messages") => {
                Response::text(messages.iter().map(|message| format!("{message}\n")).collect())
            }
            ("POST", path) => match serde_json::from_slice::<Value>(&request.body) {
                Ok(message) => {
                    (self.show)(&format!("{path} {message}"));
                    messages.push(message);
                    Response::json(200, &json!({ "received": messages.len() }))
                }
                Err(error) => Response::error(400, &format!("the body is not JSON: {error}")),
            },
            _ => Response::error(405, "POST a message, or GET /messages"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn what_was_received_is_shown_again() {
        let hook = Hook::new(|_| ());
        let ask = |method: &str, path: &str, body: &str| {
            let request = Request {
                method: method.into(),
                path: path.into(),
                headers: Vec::new(),
                body: body.into(),
                peer: Ipv4Addr::LOCALHOST.into(),
            };
            let answer = hook.answer(request);
            (answer.status, String::from_utf8(answer.body).unwrap())
        };

        assert_eq!(ask("POST", "/deploys", r#"{"text":"done"}"#), (200, "{\"received\":1}\n".to_owned()));
        assert_eq!(ask("POST", "/deploys", "done").0, 400);
        assert_eq!(ask("GET", "/messages", ""), (200, "{\"text\":\"done\"}\n".to_owned()));
    }
}
