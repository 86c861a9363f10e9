//! Who tests rules over stored history, what they are asked, and what they report.

use alerting::Silence;
use engine::World;
use facts::Configuration;
use facts::alerting::Priority;
use facts::configuration::RuleGroup;
use incidents::Header;
use kernel::{IncidentId, Labels, ServiceId, Span, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rules, and the time over which they are tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestAsked {
    /// The groups of a Prometheus rule file.
    #[schema(value_type = Vec<Object>)]
    pub groups: Vec<RuleGroup>,
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// How long before or after an incident's beginning a rule may begin to fire and still catch it; 15 minutes
    /// where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "15m")]
    pub window: Option<Span>,
    /// The time zone of nights and weekends; that of the rotations where they agree, else UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Dublin")]
    pub zone: Option<String>,
    /// Times at which nobody evaluated rules: alerts stay there as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<Stretch>,
}

/// From one instant up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// The first instant.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// The first instant after it.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
}

/// What a back-test found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestReport {
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// When evaluation began: so much earlier than `from` that what already held then is known.
    #[schema(value_type = String, format = DateTime)]
    pub evaluated_from: Timestamp,
    /// How far from an incident's beginning a rule may begin to fire and still catch it.
    #[schema(value_type = String)]
    pub window: Span,
    /// The time zone of hours, nights and weekends.
    pub zone: String,
    /// What the tested rules would have done.
    pub proposed: RulesReport,
    /// What the rules in force would have done over the same time.
    pub in_force: RulesReport,
    /// The tested rules' figures less those of the rules in force.
    pub difference: Difference,
    /// Incidents that began in this time.
    pub incidents: Vec<IncidentReport>,
}

/// What a set of rules would have done.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct RulesReport {
    /// Pages that would have been opened.
    pub pages: u64,
    /// High-priority groups that would have been told of by mail, with a ticket.
    pub mails: u64,
    /// Low-priority alerts that would have been counted.
    pub low: u64,
    /// Alerts that a silence would have muted.
    pub silenced: u64,
    /// Pages by local hour, from 0 to 23.
    pub pages_by_hour: Vec<u64>,
    /// The part of the pages between 22:00 and 07:00; absent where there is no page.
    pub night_share: Option<f64>,
    /// The part of the pages on Saturdays and Sundays; absent where there is no page.
    pub weekend_share: Option<f64>,
    /// How often an alert began to fire.
    pub firings: u64,
    /// The sum of all alerts' firing time.
    #[schema(value_type = String)]
    pub firing_time: Span,
    /// Incidents that were caught.
    pub caught: u64,
    /// Incidents that were missed.
    pub missed: u64,
    /// Each alerting rule, in the order of its file.
    pub rules: Vec<RuleReport>,
    /// Recording rules that were evaluated first.
    pub recorded: u64,
}

/// What one alerting rule would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleReport {
    /// Its group.
    pub group: String,
    /// Its place in the group, from 0.
    pub place: usize,
    /// Its alert's name.
    pub alert: String,
    /// Instants at which it was evaluated.
    pub evaluations: u64,
    /// Instants at which it could not be evaluated; its alerts stayed as they were.
    pub failures: u64,
    /// Why, for the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
    /// How often it was pending and the condition cleared before it fired.
    pub cleared_in_time: u64,
    /// How often an alert of it began to fire.
    pub fired: u64,
    /// The sum of its alerts' firing time.
    #[schema(value_type = String)]
    pub firing_time: Span,
    /// Pages that told of an alert of it.
    pub pages: u64,
    /// Its firings, the earliest first; at most as many as the limit says, `fired` counts all.
    pub firings: Vec<Firing>,
}

/// One alert while it fires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Firing {
    /// Its labels.
    #[schema(value_type = Object)]
    pub labels: Labels,
    /// Which path it takes.
    #[schema(value_type = String)]
    pub priority: Priority,
    /// Since when the condition held.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it fired.
    #[schema(value_type = String, format = DateTime)]
    pub fired_at: Timestamp,
    /// When it was over; absent where it still fired at the end.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// For how long it fired in the tested time.
    #[schema(value_type = String)]
    pub fired_for: Span,
}

/// The tested rules' figures less those of the rules in force.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// Pages.
    pub pages: i64,
    /// Mails of high priority.
    pub mails: i64,
    /// Firings.
    pub firings: i64,
    /// Firing time.
    pub firing_time_seconds: i64,
    /// Incidents caught.
    pub caught: i64,
    /// Pages at night.
    pub night_pages: i64,
    /// Pages at weekends.
    pub weekend_pages: i64,
}

/// A past incident, and who would have caught it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentReport {
    /// Which.
    #[schema(value_type = String)]
    pub incident: IncidentId,
    /// Its service.
    #[schema(value_type = String)]
    pub service: ServiceId,
    /// What it was about.
    pub title: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// When it was resolved.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Timestamp>,
    /// The tested rule that caught it; absent where none did.
    pub proposed: Option<Catch>,
    /// The rule in force that caught it; absent where none did.
    pub in_force: Option<Catch>,
}

/// A rule that caught an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Catch {
    /// Its group.
    pub group: String,
    /// Its alert's name.
    pub alert: String,
    /// Which path its alert takes.
    #[schema(value_type = String)]
    pub priority: Priority,
    /// When it fired.
    #[schema(value_type = String, format = DateTime)]
    pub fired_at: Timestamp,
    /// Seconds after the incident's beginning; negative where it was early.
    pub seconds_late: f64,
}

/// What a back-test takes from the World.
#[derive(Debug, Clone, Default)]
pub struct BacktestSetting {
    /// The configuration in force.
    pub configuration: Configuration,
    /// Every incident that is known.
    pub incidents: Vec<Header>,
    /// The silences that are in force, and the last ones that were.
    pub silences: Vec<Silence>,
}

impl BacktestSetting {
    /// As the World stands.
    pub fn of(world: &World) -> Self {
        let open = world.incidents.open().map(incidents::Incident::header);
        Self {
            configuration: world.configuration().cloned().unwrap_or_default(),
            incidents: world.incidents.resolved().cloned().chain(open).collect(),
            silences: world.alerting.silences().cloned().collect(),
        }
    }
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacktestRefusal {
    /// Stable, in snake case: `busy` where another test runs, `cancelled` where nobody waits any more.
    pub code: &'static str,
    /// One sentence.
    pub sentence: String,
    /// What to do instead.
    pub hint: Option<String>,
}

/// Tests rules over stored history.
pub trait Backtests: Send + Sync {
    /// Takes its time: call it on a blocking thread. `is_cancelled` is asked again and again.
    ///
    /// # Errors
    /// What stands against it; nothing is ever changed by a test.
    fn run(
        &self,
        asked: &BacktestAsked,
        setting: &BacktestSetting,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> std::result::Result<BacktestReport, BacktestRefusal>;
}
