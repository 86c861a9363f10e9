use kernel::{CheckId, ComponentId, ObjectiveId, PolicyId, Ratio, ServiceId, Span, TeamId};
use serde::{Deserialize, Serialize};

/// Something customers use.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// The team that answers for it.
    pub owner: Option<TeamId>,
    /// Its first day, as `2026-09-01`.
    pub launched: Option<String>,
    /// The policy that its critical alerts walk; without one, the policy named `default`.
    pub escalation: Option<PolicyId>,
    /// The list that its high-priority alerts are mailed to; without one, the list named `default`.
    pub list: Option<String>,
    /// Its parts, as the status page shows them.
    pub components: Vec<ComponentId>,
    /// What it is judged by. The first one judges the ledger's minutes.
    pub objectives: Vec<Objective>,
    /// What it needs.
    pub depends_on: Vec<ServiceId>,
}

/// A target for an SLI over a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Its name, unique in the service.
    pub name: ObjectiveId,
    /// What is measured.
    pub sli: Sli,
    /// Which part of the window's judged time has to be up.
    pub target: Ratio,
    /// Over how long.
    pub window: Window,
}

/// Where an objective's requests are counted, and when a slice of them is down. Exactly one of `requests`, `check`
/// and the pair `total` with `bad` or `good` is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sli {
    /// Request events, access logs and zones that were counted under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<String>,
    /// Probes of this check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckId>,
    /// PromQL: all requests in the slice that ends at the time of evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// PromQL: the failed ones among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<String>,
    /// PromQL: the successful ones among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<String>,
    /// When a slice is down.
    #[serde(default)]
    pub down_when: DownWhen,
    /// Length of a slice.
    #[serde(default = "one_minute")]
    pub slice: Span,
    /// A slice with fewer requests is unknown.
    #[serde(default = "one")]
    pub min_requests: u64,
}

fn one_minute() -> Span {
    Span::from_mins(1)
}

fn one() -> u64 {
    1
}

/// A condition on a slice, written `error_ratio > 5%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownWhen {
    /// More than this part of the requests failed.
    pub error_ratio_above: Ratio,
}

impl Default for DownWhen {
    fn default() -> Self {
        Self { error_ratio_above: Ratio::percent(5) }
    }
}

impl std::fmt::Display for DownWhen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "error_ratio > {}", self.error_ratio_above)
    }
}

impl std::str::FromStr for DownWhen {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.trim().strip_prefix("error_ratio").map(str::trim_start);
        let ratio = rest.and_then(|rest| rest.strip_prefix('>')).map(str::trim);
        match ratio {
            Some(ratio) => Ok(Self { error_ratio_above: ratio.parse()? }),
            None => Err(format!(
                "`{text}` is not a condition like `error_ratio > 5%`, the only form supported yet"
            )),
        }
    }
}

impl Serialize for DownWhen {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DownWhen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The period over which a target is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The calendar month in UTC.
    CalendarMonth,
    /// The calendar quarter in UTC.
    CalendarQuarter,
    /// The last so much time.
    Rolling(Span),
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Window::CalendarMonth => f.write_str("calendar-month"),
            Window::CalendarQuarter => f.write_str("calendar-quarter"),
            Window::Rolling(span) => write!(f, "{span}"),
        }
    }
}

impl std::str::FromStr for Window {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "calendar-month" => Ok(Window::CalendarMonth),
            "calendar-quarter" => Ok(Window::CalendarQuarter),
            _ => match text.parse::<Span>() {
                Ok(span) if span > Span::ZERO => Ok(Window::Rolling(span)),
                _ => Err(format!(
                    "`{text}` is not a window like `28d`, `calendar-month` or `calendar-quarter`"
                )),
            },
        }
    }
}

impl Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where customers look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatusPage {
    /// What stands at its top.
    pub title: Option<String>,
    /// The host name under which it is served; without one, every host.
    pub host: Option<String>,
    /// What it shows: `shop/*` or `shop/checkout`.
    pub components: Vec<String>,
}

/// Something with a current, minimum and maximum capacity, each a PromQL expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scalable {
    /// The service whose people are told.
    #[serde(default)]
    pub service: Option<ServiceId>,
    /// What is in use.
    pub current: String,
    /// What it may shrink to; without it nothing is ever pinned.
    #[serde(default)]
    pub minimum: Option<String>,
    /// The ceiling.
    pub maximum: String,
    /// The part of the ceiling at which people are told.
    #[serde(default = "four_fifths")]
    pub alert_at: Ratio,
    /// How often it is read.
    #[serde(default = "one_minute")]
    pub every: Span,
}

fn four_fifths() -> Ratio {
    Ratio::percent(80)
}
