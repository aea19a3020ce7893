//! Three ways to say it, for three sorts of readers.

use runner_plugin::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::fact::Facts;

/// For whom a message is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// For those who run it: what happened, at which step, what every step that did not succeed has said, and all
    /// `fields`.
    #[default]
    Technical,
    /// For those who use it: what the news is, in plain words. Needs `fields.version`; `fields.highlights` is shown if it
    /// is there.
    Community,
    /// For the record: version, classification, risk, and the result of every step. Needs `fields.version`,
    /// `fields.classification` and `fields.risk`; other fields are shown too.
    Compliance,
}

impl Style {
    /// The template, and the title above it.
    pub(crate) fn template(self) -> &'static str {
        match self {
            Self::Technical => TECHNICAL,
            Self::Community => COMMUNITY,
            Self::Compliance => COMPLIANCE,
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Technical => "{{ pipeline }}: {{ event }}",
            Self::Community => "{{ pipeline }} {{ fields.version }}",
            Self::Compliance => "Release record: {{ pipeline }} {{ fields.version }}",
        }
    }

    /// Refuses a message that would lack what its readers look for.
    pub(crate) fn check(self, fields: &Facts) -> Result<(), Failure> {
        let (name, needed): (_, &[&str]) = match self {
            Self::Technical => ("technical", &[]),
            Self::Community => ("community", &["version"]),
            Self::Compliance => ("compliance", &["version", "classification", "risk"]),
        };
        let missing: Vec<String> = needed
            .iter()
            .filter(|&&field| fields.get(field).is_none_or(|fact| fact.to_string().trim().is_empty()))
            .map(|field| format!("`{field}`"))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::invalid_config(format!(
            "`message.fields` lacks {}, which the style `{name}` shows; nothing was sent",
            missing.join(" and ")
        )))
    }
}

const TECHNICAL: &str = r#"{{ summary }}

{{ "Run"|bold }}: {{ run|code }}
{{ "Status"|bold }}: {{ status }}, severity {{ severity }}
{% if step %}
{{ "Step"|bold }}: {{ step|code }}
{% endif %}
{% for name, value in fields|items %}
{{ name|bold }}: {{ value }}
{% endfor %}
{% for item in steps if item.result in ["failure", "error", "warn", "aborted"] %}
- {{ item.id|code }} {{ item.result }}{% if item.summary %}: {{ item.summary }}{% endif %}

{% endfor %}
"#;

const COMMUNITY: &str = r#"{% if event == "run.rolled_back" %}
The update to {{ fields.version }} did not work out and was taken back. You can go on as before.
{% elif event == "approval.waiting" %}
{{ fields.version }} is ready and waits for a last look.
{% elif status == "succeeded" %}
{{ fields.version }} is here.
{% elif status == "cancelled" %}
The update to {{ fields.version }} was called off.
{% elif status == "running" %}
{{ fields.version }} is on its way.
{% else %}
The update to {{ fields.version }} did not work out. We are looking into it.
{% endif %}
{% if fields.highlights is defined %}

{{ fields.highlights }}
{% endif %}
"#;

const COMPLIANCE: &str = r#"{{ "Version"|bold }}: {{ fields.version }}
{{ "Classification"|bold }}: {{ fields.classification }}
{{ "Risk level"|bold }}: {{ fields.risk }}
{{ "Result"|bold }}: {{ status }} ({{ event }})
{{ "Run"|bold }}: {{ run|code }}
{% for name, value in fields|items if name not in ["version", "classification", "risk"] %}
{{ name|bold }}: {{ value }}
{% endfor %}

{{ summary }}

{% for item in steps %}
- {{ item.id|code }}: {{ item.result or item.state }}
{% endfor %}
"#;
