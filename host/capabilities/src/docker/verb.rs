//! What may be done: a closed list.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a verb is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Containers.
    Container,
    /// Images.
    Image,
    /// Networks.
    Network,
}

impl Family {
    /// As it stands before the dot.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
        }
    }
}

macro_rules! verbs {
    ($($name:ident $family:ident $text:literal $doc:literal;)*) => {
        /// One thing that can be done by Docker.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Verb {
            $(#[doc = $doc] $name,)*
        }

        impl Verb {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// As it stands in a grant.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What it is done to.
            #[must_use]
            pub const fn family(self) -> Family {
                match self {
                    $(Self::$name => Family::$family,)*
                }
            }
        }
    };
}

verbs! {
    ContainerCreate Container "container.create" "Create one.";
    ContainerInspect Container "container.inspect" "Look at one, and list those that are there.";
    ContainerStart Container "container.start" "Start one.";
    ContainerStop Container "container.stop" "Stop one.";
    ContainerRename Container "container.rename" "Give one another name.";
    ContainerRemove Container "container.remove" "Remove one.";
    ContainerWait Container "container.wait" "Wait until one ends.";
    ContainerLogs Container "container.logs" "Read the log of one.";
    ContainerStats Container "container.stats" "Measure what one uses.";
    ContainerExec Container "container.exec" "Run a command in one.";
    ContainerCopy Container "container.copy" "Copy files out of one.";
    ImageBuild Image "image.build" "Build one.";
    ImagePull Image "image.pull" "Get one from a registry.";
    ImagePush Image "image.push" "Send one to a registry.";
    ImageInspect Image "image.inspect" "Look at one.";
    ImageTag Image "image.tag" "Give one another name.";
    ImageRemove Image "image.remove" "Take a name from one.";
    ImagePrune Image "image.prune" "Remove those that nobody needs.";
    NetworkCreate Network "network.create" "Create one.";
    NetworkRemove Network "network.remove" "Remove one.";
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A verb of a grant, or all verbs on one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum VerbRule {
    /// `container.start`.
    One(Verb),
    /// `container.*`.
    All(Family),
}

impl VerbRule {
    /// Whether `verb` may be done.
    #[must_use]
    pub fn covers(self, verb: Verb) -> bool {
        match self {
            Self::One(one) => one == verb,
            Self::All(family) => family == verb.family(),
        }
    }

    /// What it is about.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::One(verb) => verb.family(),
            Self::All(family) => family,
        }
    }
}

impl fmt::Display for VerbRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(verb) => verb.fmt(f),
            Self::All(family) => write!(f, "{}.*", family.as_str()),
        }
    }
}

impl FromStr for VerbRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        for family in [Family::Container, Family::Image, Family::Network] {
            if text.strip_suffix(".*") == Some(family.as_str()) {
                return Ok(Self::All(family));
            }
        }
        if let Some(verb) = Verb::ALL.iter().find(|verb| verb.as_str() == text) {
            return Ok(Self::One(*verb));
        }
        let near = super::similar(text, Verb::ALL.iter().map(|verb| verb.as_str()));
        Err(format!("there is no verb `{text}`{near}"))
    }
}

impl TryFrom<String> for VerbRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<VerbRule> for String {
    fn from(rule: VerbRule) -> Self {
        rule.to_string()
    }
}
