//! JSON values that know where they stand.

use runner_plugin::Failure;
use runner_plugin::json::shown;
use runner_plugin::text::shortened;
use serde_json::Value;

/// A part of a report. `null` counts as nothing; what is there has to have the type that is asked for.
///
/// ```
/// use runner_reading::Part;
/// use serde_json::json;
///
/// let report = json!({ "runs": [{ "tool": "lint", "problems": "many" }] });
/// let run = Part::whole("r.json", &report).list("runs")?.remove(0);
///
/// assert_eq!(run.text("tool")?, Some("lint"));
/// assert_eq!(run.count("exit_code")?, None);
/// assert_eq!(
///     run.count("problems").unwrap_err().message,
///     "`r.json` at `/runs/0/problems`: it is \"many\", not a whole number",
/// );
/// # Ok::<(), runner_plugin::Failure>(())
/// ```
#[derive(Debug, Clone)]
pub struct Part<'v> {
    path: &'v str,
    at: String,
    value: &'v Value,
}

impl<'v> Part<'v> {
    /// A whole report, which came from the file `path`.
    #[must_use]
    pub fn whole(path: &'v str, value: &'v Value) -> Self {
        Self { path, at: String::new(), value }
    }

    /// The value itself.
    #[must_use]
    pub fn value(&self) -> &'v Value {
        self.value
    }

    /// What stands under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Self> {
        self.value.get(key).filter(|value| !value.is_null()).map(|value| self.inner(key, value))
    }

    /// What stands at a JSON pointer below this part.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<Self> {
        let value = self.value.pointer(pointer).filter(|value| !value.is_null())?;
        Some(Self { path: self.path, at: format!("{}{pointer}", self.at), value })
    }

    fn inner(&self, key: &str, value: &'v Value) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self { path: self.path, at: format!("{}/{key}", self.at), value }
    }

    /// The object under a key.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](runner_plugin::FailureKind::InvalidInput) with the place, when something else is there; so for
    /// all methods below.
    pub fn object(&self, key: &str) -> Result<Option<Self>, Failure> {
        match self.get(key) {
            Some(part) if !part.value.is_object() => Err(part.is_not("an object")),
            part => Ok(part),
        }
    }

    /// The object that has to be under a key.
    ///
    /// # Errors
    ///
    /// As [`Part::object`], and when nothing is there.
    pub fn required(&self, key: &str) -> Result<Self, Failure> {
        self.object(key)?.ok_or_else(|| self.lacks(key))
    }

    /// The items of this list.
    ///
    /// # Errors
    ///
    /// As [`Part::object`].
    pub fn items(&self) -> Result<Vec<Self>, Failure> {
        let items = self.value.as_array().ok_or_else(|| self.is_not("a list"))?;
        Ok(items.iter().enumerate().map(|(index, item)| self.inner(&index.to_string(), item)).collect())
    }

    /// The objects of the list under a key; none if nothing is there.
    ///
    /// # Errors
    ///
    /// As [`Part::object`].
    pub fn list(&self, key: &str) -> Result<Vec<Self>, Failure> {
        let Some(part) = self.get(key) else { return Ok(Vec::new()) };
        let items = part.items()?;
        match items.iter().find(|item| !item.value.is_object()) {
            Some(other) => Err(other.is_not("an object")),
            None => Ok(items),
        }
    }

    /// The objects of the list that has to be under a key.
    ///
    /// # Errors
    ///
    /// As [`Part::object`], and when nothing is there.
    pub fn required_list(&self, key: &str) -> Result<Vec<Self>, Failure> {
        if self.get(key).is_none() {
            return Err(self.lacks(key));
        }
        self.list(key)
    }

    /// The entries of this object, each with its key.
    ///
    /// # Errors
    ///
    /// As [`Part::object`].
    pub fn entries(&self) -> Result<Vec<(&'v str, Self)>, Failure> {
        let entries = self.value.as_object().ok_or_else(|| self.is_not("an object"))?;
        Ok(entries.iter().map(|(key, value)| (key.as_str(), self.inner(key, value))).collect())
    }

    /// The text under a key.
    ///
    /// # Errors
    ///
    /// As [`Part::object`].
    pub fn text(&self, key: &str) -> Result<Option<&'v str>, Failure> {
        let text = |part: Self| part.value.as_str().ok_or_else(|| part.is_not("a text"));
        self.get(key).map(text).transpose()
    }

    /// The text under a key, with something in it.
    ///
    /// # Errors
    ///
    /// As [`Part::object`], and when nothing is there.
    pub fn required_text(&self, key: &str) -> Result<&'v str, Failure> {
        self.text(key)?.filter(|text| !text.is_empty()).ok_or_else(|| self.lacks(key))
    }

    /// The first line of the text under a key, [`shortened`]; empty if nothing is there.
    ///
    /// # Errors
    ///
    /// As [`Part::object`].
    pub fn line(&self, key: &str) -> Result<String, Failure> {
        let text = self.text(key)?.unwrap_or_default();
        Ok(shortened(text.trim().lines().next().unwrap_or_default()))
    }

    /// The texts of the list under a key; none if nothing is there.
    ///
    /// # Errors
    ///
    /// As [`Part::object`].
    pub fn texts(&self, key: &str) -> Result<Vec<String>, Failure> {
        let Some(part) = self.get(key) else { return Ok(Vec::new()) };
        let text = |item: Self| item.value.as_str().map(str::to_owned).ok_or_else(|| item.is_not("a text"));
        part.items()?.into_iter().map(text).collect()
    }

    /// The whole number under a key, not negative.
    ///
    /// # Errors
    ///
    /// As [`Part::object`].
    pub fn count(&self, key: &str) -> Result<Option<u64>, Failure> {
        let count = |part: Self| part.value.as_u64().ok_or_else(|| part.is_not("a whole number"));
        self.get(key).map(count).transpose()
    }

    /// The number that this is, not negative.
    ///
    /// # Errors
    ///
    /// As [`Part::object`].
    pub fn amount(&self) -> Result<f64, Failure> {
        let number = self.value.as_f64().filter(|number| *number >= 0.0);
        number.ok_or_else(|| self.is_not("a number of 0 or more"))
    }

    /// The number, not negative, that has to be at a JSON pointer below this part.
    ///
    /// # Errors
    ///
    /// As [`Part::object`], and when nothing is there.
    pub fn required_amount(&self, pointer: &str) -> Result<f64, Failure> {
        let Some(part) = self.pointer(pointer) else {
            return Err(self.refuse(&format!("there is no number at `{pointer}`")));
        };
        part.amount()
    }

    fn lacks(&self, key: &str) -> Failure {
        self.refuse(&format!("it has no `{key}`"))
    }

    /// A failure: this part is something else than its format says.
    #[must_use]
    pub fn is_not(&self, expected: &str) -> Failure {
        self.refuse(&format!("it is {}, not {expected}", shown(self.value)))
    }

    /// A failure whose place is this part.
    #[must_use]
    pub fn refuse(&self, problem: &str) -> Failure {
        let place = if self.at.is_empty() { String::new() } else { format!(" at `{}`", shortened(&self.at)) };
        Failure::invalid_input(format!("`{}`{place}: {problem}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_and_null_are_the_same() {
        let report = json!({ "a": null });
        let whole = Part::whole("r.json", &report);

        for key in ["a", "b"] {
            assert!(whole.get(key).is_none());
            assert!(matches!(whole.object(key), Ok(None)));
            assert_eq!(whole.text(key), Ok(None));
            assert_eq!(whole.count(key), Ok(None));
            assert_eq!(whole.texts(key), Ok(Vec::new()));
            assert_eq!(whole.list(key).map(|list| list.len()), Ok(0));
        }
        assert_eq!(whole.required_text("a"), Err(Failure::invalid_input("`r.json`: it has no `a`")));
    }

    #[test]
    fn what_has_another_type_is_refused_with_its_place() {
        let report = json!({ "a/b": { "n": -1, "t": [1], "o": "x" }, "l": [{}, 7] });
        let whole = Part::whole("r.json", &report);
        let part = whole.required("a/b").unwrap();

        assert_eq!(
            [
                part.count("n").unwrap_err(),
                part.get("n").unwrap().amount().unwrap_err(),
                part.texts("t").unwrap_err(),
                part.required("o").unwrap_err(),
                part.required_amount("/o/x").unwrap_err(),
                whole.list("l").unwrap_err(),
                whole.items().unwrap_err(),
            ],
            [
                "`r.json` at `/a~1b/n`: it is -1, not a whole number",
                "`r.json` at `/a~1b/n`: it is -1, not a number of 0 or more",
                "`r.json` at `/a~1b/t/0`: it is 1, not a text",
                "`r.json` at `/a~1b/o`: it is \"x\", not an object",
                "`r.json` at `/a~1b`: there is no number at `/o/x`",
                "`r.json` at `/l/1`: it is 7, not an object",
                "`r.json`: it is {\"a/b\":{\"n\":-1,\"t\":[1],\"o\":\"x\"},\"l\":[{},7]}, not a list",
            ]
            .map(Failure::invalid_input),
        );
    }
}
