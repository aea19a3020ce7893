//! An exposition page: the text format 0.0.4 of Prometheus, and OpenMetrics 1.0.
//!
//! Read here, because what there is on crates.io either skips the lines it cannot read (a page cut in half would be
//! a page with fewer metrics) or has a licence of another kind. Lines become samples; the first line that is not
//! understood ends the reading with its number, and a page that does not end as its format says is refused.
//! Timestamps and exemplars are read over: a threshold is about the value now.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

use runner_plugin::text::shortened;

/// One line of a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Name of the metric, e.g. `http_requests_total`.
    pub(crate) name: String,
    /// Labels, sorted by name.
    pub(crate) labels: Vec<(String, String)>,
    /// May be `NaN` or infinite.
    pub(crate) value: f64,
}

/// Which of the two formats it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `text/plain; version=0.0.4`.
    Text,
    /// `application/openmetrics-text`.
    OpenMetrics,
}

impl Sample {
    /// As in PromQL: `up{job="api"}`.
    pub(crate) fn series(&self) -> String {
        let labels: Vec<String> =
            self.labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
        if labels.is_empty() { self.name.clone() } else { format!("{}{{{}}}", self.name, labels.join(", ")) }
    }
}

/// Understands a page, or says which line it does not understand and why.
pub(crate) fn parse(dialect: Dialect, page: &str) -> Result<Vec<Sample>, String> {
    let (mut samples, mut seen, mut ended) = (Vec::new(), BTreeSet::new(), false);
    for (index, line) in page.lines().enumerate() {
        let at = |why: String| format!("line {}: {why}", index + 1);
        if ended {
            return Err(at("there is more after `# EOF`".to_owned()));
        }
        if line.starts_with('#') {
            ended = dialect == Dialect::OpenMetrics && line == "# EOF";
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        let sample = Line { rest: line.chars().peekable() }.sample().map_err(at)?;
        if !seen.insert(sample.series()) {
            return Err(at(format!("`{}` stands on the page twice", shortened(&sample.series()))));
        }
        samples.push(sample);
    }
    let whole = match dialect {
        Dialect::Text => page.is_empty() || page.ends_with('\n'),
        Dialect::OpenMetrics => ended,
    };
    if whole { Ok(samples) } else { Err(cut_off(dialect, page)) }
}

fn cut_off(dialect: Dialect, page: &str) -> String {
    let line = page.lines().count().max(1);
    match dialect {
        Dialect::Text => format!("line {line}: it has no end, so the page is cut off"),
        Dialect::OpenMetrics => format!("line {line}: `# EOF` is missing, so the page is cut off"),
    }
}

/// One line, read from left to right.
struct Line<'p> {
    rest: Peekable<Chars<'p>>,
}

impl Line<'_> {
    fn sample(mut self) -> Result<Sample, String> {
        self.spaces();
        let mut name = self.word();
        let mut labels = Vec::new();
        if self.rest.next_if_eq(&'{').is_some() {
            labels = self.labels(&mut name)?;
        }
        if name.is_empty() {
            return Err("there is no name".to_owned());
        }
        self.spaces();
        let value = self.until_space();
        if value.is_empty() {
            return Err(format!("`{}` has no value", shortened(&name)));
        }
        let value = value.parse().map_err(|_| {
            format!("`{}` has the value `{}`, which is no number", shortened(&name), shortened(&value))
        })?;
        self.end(&name)?;
        labels.sort();
        Ok(Sample { name, labels, value })
    }

    /// What may stand after a value: a timestamp, and an exemplar.
    fn end(&mut self, name: &str) -> Result<(), String> {
        self.spaces();
        if self.rest.peek().is_some_and(|&sign| sign != '#') {
            let time = self.until_space();
            if time.parse::<f64>().is_err() {
                return Err(format!(
                    "`{}` has the timestamp `{}`, which is no number",
                    shortened(name),
                    shortened(&time)
                ));
            }
            self.spaces();
        }
        match self.rest.peek() {
            None | Some('#') => Ok(()),
            Some(_) => Err(format!("there is more after the timestamp of `{}`", shortened(name))),
        }
    }

    /// What stands between `{` and `}`. A text without `=` is the name of the metric.
    fn labels(&mut self, name: &mut String) -> Result<Vec<(String, String)>, String> {
        let mut labels: Vec<(String, String)> = Vec::new();
        loop {
            self.spaces();
            if self.rest.next_if_eq(&'}').is_some() {
                return Ok(labels);
            }
            let quoted = self.rest.peek() == Some(&'"');
            let label = if quoted { self.quoted()? } else { self.word() };
            self.spaces();
            if self.rest.next_if_eq(&'=').is_some() {
                self.spaces();
                let value = self.quoted()?;
                if labels.iter().any(|(other, _)| *other == label) {
                    return Err(format!("the label `{}` stands there twice", shortened(&label)));
                }
                labels.push((label, value));
            } else if quoted && name.is_empty() {
                *name = label;
            } else {
                return Err("after the name of a label comes `=`".to_owned());
            }
            self.spaces();
            match self.rest.next() {
                Some(',') => {}
                Some('}') => return Ok(labels),
                Some(_) => return Err("between two labels there is no `,`".to_owned()),
                None => return Err("the labels have no end".to_owned()),
            }
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        if self.rest.next_if_eq(&'"').is_none() {
            return Err("the value of a label begins with `\"`".to_owned());
        }
        let mut text = String::new();
        loop {
            match self.rest.next() {
                Some('"') => return Ok(text),
                Some('\\') => match self.rest.next() {
                    Some('n') => text.push('\n'),
                    Some(sign @ ('"' | '\\')) => text.push(sign),
                    // Nothing else has a meaning, so both signs stand for themselves.
                    Some(sign) => text.extend(['\\', sign]),
                    None => return Err("a text has no end".to_owned()),
                },
                Some(sign) => text.push(sign),
                None => return Err("a text has no end".to_owned()),
            }
        }
    }

    fn word(&mut self) -> String {
        self.take_while(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | ':' | '.'))
    }

    fn until_space(&mut self) -> String {
        self.take_while(|sign| !matches!(sign, ' ' | '\t'))
    }

    fn spaces(&mut self) {
        self.take_while(|sign| matches!(sign, ' ' | '\t'));
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        std::iter::from_fn(|| self.rest.next_if(|&sign| wanted(sign))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
        let labels = labels.iter().map(|&(label, value)| (label.to_owned(), value.to_owned())).collect();
        Sample { name: name.to_owned(), labels, value }
    }

    #[test]
    fn a_page_of_the_text_format_is_understood() {
        let page = "# HELP a Some text\n# TYPE a counter\na{b=\"x\\n\\\"\\\\\", a = \"1\",} 1.5 1395066363000\n\n\
                    \tplain\t+Inf \nrpc:rate5m -1\nempty{} 1e3\n";

        assert_eq!(
            parse(Dialect::Text, page),
            Ok(vec![
                sample("a", &[("a", "1"), ("b", "x\n\"\\")], 1.5),
                sample("plain", &[], f64::INFINITY),
                sample("rpc:rate5m", &[], -1.0),
                sample("empty", &[], 1000.0),
            ])
        );
    }

    #[test]
    fn a_page_of_openmetrics_is_understood() {
        let page = "# TYPE a counter\n# UNIT a seconds\na_total 17.0 1520879607.789 # {trace_id=\"x y\"} 0.67\n\
                    {\"my.metric\", env=\"prod\"} 2\n# EOF\n";

        assert_eq!(
            parse(Dialect::OpenMetrics, page),
            Ok(vec![sample("a_total", &[], 17.0), sample("my.metric", &[("env", "prod")], 2.0)])
        );
        assert_eq!(sample("a", &[("b", "\"")], 1.0).series(), r#"a{b="\""}"#);
    }

    #[test]
    fn half_a_page_is_refused() {
        assert_eq!(
            parse(Dialect::Text, "a 1\nb 2"),
            Err("line 2: it has no end, so the page is cut off".to_owned())
        );
        assert_eq!(
            parse(Dialect::OpenMetrics, "a 1\n"),
            Err("line 1: `# EOF` is missing, so the page is cut off".to_owned())
        );
        assert_eq!(
            parse(Dialect::OpenMetrics, "# EOF\na 1\n"),
            Err("line 2: there is more after `# EOF`".to_owned())
        );
        assert_eq!(parse(Dialect::Text, "a{b=\"c"), Err("line 1: a text has no end".to_owned()));
    }

    #[test]
    fn what_is_no_sample_is_refused_with_its_line() {
        let refused = |line: &str| parse(Dialect::Text, &format!("ok 1\n{line}\n")).unwrap_err();

        assert_eq!(
            [
                "<html>",
                "a",
                "a fast",
                "a 1 soon",
                "a 1 2 3",
                "a{b=c} 1",
                "a{b\"c\"} 1",
                "a{b=\"c\" d=\"e\"} 1",
                "a{b=\"c\",b=\"d\"} 1",
                "ok 2",
                "a 1,5",
            ]
            .map(refused),
            [
                "line 2: there is no name",
                "line 2: `a` has no value",
                "line 2: `a` has the value `fast`, which is no number",
                "line 2: `a` has the timestamp `soon`, which is no number",
                "line 2: there is more after the timestamp of `a`",
                "line 2: the value of a label begins with `\"`",
                "line 2: after the name of a label comes `=`",
                "line 2: between two labels there is no `,`",
                "line 2: the label `b` stands there twice",
                "line 2: `ok` stands on the page twice",
                "line 2: `a` has the value `1,5`, which is no number",
            ],
        );
    }
}
