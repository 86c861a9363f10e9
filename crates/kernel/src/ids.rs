//! Two kinds of id. What a team names in its configuration is known by that name; what Swan creates is
//! numbered, and shows its kind in a prefix (`inc_7`).

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An id's text was not of the form that its type has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdError {
    text: String,
    expected: &'static str,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}", self.text, self.expected)
    }
}

impl std::error::Error for IdError {}

/// Reads an id from borrowed text: a replay reads millions of them.
struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err = IdError>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! numbered_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(|digits| digits.parse().ok())
                    .map($name)
                    .ok_or_else(|| IdError {
                        text: text.chars().take(60).collect(),
                        expected: concat!("an id like `", $prefix, "_12`"),
                    })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(TextVisitor(PhantomData))
            }
        }
    };
}

macro_rules! named_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the name as it stands; `swan check` is what judges a name's form.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }
    };
}

numbered_id!(
    /// A group of alerts that is notified together.
    GroupId, "grp"
);
numbered_id!(
    /// One walk of an escalation policy.
    PageId, "page"
);
numbered_id!(
    /// One message to one person over one contact.
    NotificationId, "ntf"
);
numbered_id!(
    /// A declared disruption.
    IncidentId, "inc"
);
numbered_id!(
    /// An operations issue.
    TicketId, "tic"
);
numbered_id!(
    /// A human's reason not to notify.
    SilenceId, "sil"
);
numbered_id!(
    /// An exception to a rotation.
    OverrideId, "ovr"
);
numbered_id!(
    /// The review of an incident.
    PostMortemId, "pm"
);
numbered_id!(
    /// A node of a five-whys tree.
    WhyId, "why"
);
numbered_id!(
    /// Something to do after an incident.
    ActionId, "act"
);
numbered_id!(
    /// A run of down slices of one service.
    OutageId, "out"
);

named_id!(
    /// A service, by its key in the configuration.
    ServiceId
);
named_id!(
    /// A component of a service.
    ComponentId
);
named_id!(
    /// A person, by their key in the configuration. Contacts live in the directory, never beside this id.
    PersonId
);
named_id!(
    /// A team, by its key in the configuration.
    TeamId
);
named_id!(
    /// A rotation, by its key in the configuration.
    RotationId
);
named_id!(
    /// An escalation policy, by its key in the configuration.
    PolicyId
);
named_id!(
    /// A way to reach somebody, `PERSON/CHANNEL/N` or `list/NAME` or `webhook/NAME`; the address is in the directory.
    ContactId
);
named_id!(
    /// A check from outside, by its key in the configuration.
    CheckId
);
named_id!(
    /// A heartbeat, by its key in the configuration.
    HeartbeatId
);
named_id!(
    /// Something whose capacity is watched, by its key in the configuration.
    ScalableId
);
named_id!(
    /// A status page, by its key in the configuration.
    StatusPageId
);
named_id!(
    /// An objective of a service, by its name.
    ObjectiveId
);
