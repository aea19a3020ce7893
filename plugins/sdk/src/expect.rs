//! What a response should be: the parts of a config that checks over HTTP have in common.
//!
//! Each function compares one part and returns one message per mismatch, none if all is as expected. Bodies
//! stand in no message, but for the JSON values that differ, shortened.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::host::Response;
use crate::json;
use crate::text::shortened;

/// One status code, or several that are all right.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Statuses {
    /// Only this one.
    One(#[schemars(range(min = 100, max = 599))] u16),
    /// Any of these.
    AnyOf(#[schemars(length(min = 1), inner(range(min = 100, max = 599)))] Vec<u16>),
}

impl Statuses {
    /// Whether a status is all right.
    #[must_use]
    pub fn accept(&self, status: u16) -> bool {
        match self {
            Self::One(one) => *one == status,
            Self::AnyOf(several) => several.contains(&status),
        }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => write!(f, "{one}"),
            Self::AnyOf(several) => {
                let several: Vec<String> = several.iter().map(u16::to_string).collect();
                f.write_str(&several.join(" or "))
            }
        }
    }
}

/// What the body should be, read as JSON.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub enum ExpectedJson {
    /// Any JSON.
    #[serde(rename = "valid")]
    Valid,
    /// An object that has at least these keys with these values; nested objects likewise.
    #[serde(untagged)]
    Subset(Map<String, Value>),
}

/// Compares the status.
#[must_use]
pub fn status(expected: &Statuses, response: &Response) -> Option<String> {
    let status = response.status;
    (!expected.accept(status)).then(|| format!("status is {status}, not {expected}"))
}

/// Compares the body as JSON.
#[must_use]
pub fn json(expected: &ExpectedJson, response: &Response) -> Vec<String> {
    let Ok(actual) = serde_json::from_slice::<Value>(&response.body) else {
        return vec!["the body is not JSON".to_owned()];
    };
    match expected {
        ExpectedJson::Valid => Vec::new(),
        ExpectedJson::Subset(expected) => json::differences(&Value::Object(expected.clone()), &actual)
            .iter()
            .map(|difference| format!("body: {difference}"))
            .collect(),
    }
}

/// Compares headers (and trailers): each must be there with exactly this value.
#[must_use]
pub fn headers(expected: &BTreeMap<String, String>, response: &Response) -> Vec<String> {
    let mismatch = |(name, expected): (&String, &String)| match response.header(name) {
        Some(actual) if actual == expected => None,
        Some(actual) => Some(format!("header `{name}` is `{}`, not `{expected}`", shortened(actual))),
        None => Some(format!("header `{name}` is missing, expected `{expected}`")),
    };
    expected.iter().filter_map(mismatch).collect()
}

/// Looks for a text in the body.
#[must_use]
pub fn contains(expected: &str, response: &Response) -> Option<String> {
    let found = String::from_utf8_lossy(&response.body).contains(expected);
    (!found).then(|| format!("the body does not contain `{}`", shortened(expected)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, FakeHost};
    use serde_json::json as value;

    fn received(answer: Answer) -> Response {
        FakeHost::new().answer("GET http://api/", answer).host().http().get("http://api/").send().unwrap()
    }

    #[test]
    fn a_status_is_one_or_any_of_several() {
        let one: Statuses = serde_json::from_value(value!(200)).unwrap();
        let several: Statuses = serde_json::from_value(value!([200, 204])).unwrap();
        let response = received(Answer::status(204));

        assert_eq!(status(&one, &response), Some("status is 204, not 200".to_owned()));
        assert_eq!(status(&several, &response), None);
        assert_eq!(
            status(&several, &received(Answer::status(500))),
            Some("status is 500, not 200 or 204".to_owned())
        );
    }

    #[test]
    fn json_is_valid_or_has_a_subset() {
        let valid: ExpectedJson = serde_json::from_value(value!("valid")).unwrap();
        let healthy: ExpectedJson = serde_json::from_value(value!({ "status": "healthy" })).unwrap();

        assert_eq!(json(&valid, &received(Answer::json(200, value!([])))), [""; 0]);
        assert_eq!(json(&valid, &received(Answer::text(200, "<html>"))), ["the body is not JSON"]);
        assert_eq!(
            json(&healthy, &received(Answer::json(200, value!({ "status": "healthy", "n": 1 })))),
            [""; 0]
        );
        assert_eq!(
            json(&healthy, &received(Answer::json(200, value!({ "status": "down" })))),
            [r#"body: `$.status` is "down", not "healthy""#],
        );
    }

    #[test]
    fn only_valid_or_an_object_can_be_expected() {
        assert!(serde_json::from_value::<ExpectedJson>(value!("invalid")).is_err());
        assert!(serde_json::from_value::<ExpectedJson>(value!([1])).is_err());
    }

    #[test]
    fn headers_are_compared_by_value() {
        let expected = BTreeMap::from([
            ("content-type".to_owned(), "text/plain".to_owned()),
            ("x-version".to_owned(), "3".to_owned()),
        ]);

        assert_eq!(
            headers(&expected, &received(Answer::status(200).header("Content-Type", "text/html"))),
            [
                "header `content-type` is `text/html`, not `text/plain`",
                "header `x-version` is missing, expected `3`"
            ],
        );
    }

    #[test]
    fn a_text_is_found_or_named() {
        assert_eq!(contains("ok", &received(Answer::text(200, "all ok"))), None);
        assert_eq!(
            contains("ok", &received(Answer::text(200, "no"))),
            Some("the body does not contain `ok`".to_owned())
        );
    }
}
