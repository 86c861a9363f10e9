use std::collections::BTreeMap;

use facts::capacity::Reading;
use kernel::{Ratio, ScalableId, Timestamp, Wake};
use serde::{Deserialize, Serialize};

use crate::WakeReason;

/// What is configured, near its ceiling, or unreadable.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// The part of the ceiling at which people are told of each configured scalable.
    pub(crate) alert_at: BTreeMap<ScalableId, Ratio>,
    pub(crate) near: BTreeMap<ScalableId, Near>,
    pub(crate) unreadable: BTreeMap<ScalableId, Unreadable>,
    /// What is near or unreadable and no longer configured, since when.
    pub(crate) retired: BTreeMap<ScalableId, Timestamp>,
}

/// A scalable that is near its ceiling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Near {
    /// Since when.
    pub since: Timestamp,
    /// What was read then.
    pub reading: Reading,
}

/// A scalable that cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Since when.
    pub since: Timestamp,
    /// Why, in words.
    pub detail: String,
}

impl State {
    /// Whether a scalable is near its ceiling.
    pub fn near(&self, scalable: &ScalableId) -> Option<&Near> {
        self.near.get(scalable)
    }

    /// Everything that is near its ceiling, by name.
    pub fn all_near(&self) -> impl Iterator<Item = (&ScalableId, &Near)> {
        self.near.iter()
    }

    /// Whether a scalable cannot be read.
    pub fn unreadable(&self, scalable: &ScalableId) -> Option<&Unreadable> {
        self.unreadable.get(scalable)
    }
}

/// The first scalable that is to be cleared because it left the configuration.
pub fn next_wake(state: &State) -> Option<Wake<WakeReason>> {
    wakes(state).min()
}

/// All that are to be cleared, in no order.
pub fn wakes(state: &State) -> impl Iterator<Item = Wake<WakeReason>> {
    let retired = state.retired.iter();
    retired.map(|(scalable, at)| Wake { at: *at, why: WakeReason::NoLongerConfigured(scalable.clone()) })
}
