//! Ceilings that are near. Readings are samples; what a decision rested on is copied here.

use kernel::ScalableId;
use serde::{Deserialize, Serialize};

/// One reading of a scalable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// In use.
    pub current: f64,
    /// What it may shrink to.
    pub minimum: f64,
    /// The ceiling.
    pub maximum: f64,
}

/// About ceilings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityFact {
    /// The current capacity reached the configured part of its maximum.
    CeilingNear {
        /// What is near its ceiling.
        scalable: ScalableId,
        /// The reading.
        reading: Reading,
    },
    /// It is below that part again, or pinned, or no longer configured.
    CeilingCleared {
        /// What.
        scalable: ScalableId,
        /// The reading, where there was one.
        reading: Option<Reading>,
    },
    /// It could not be read, for the first time since it could.
    CapacityUnreadable {
        /// What.
        scalable: ScalableId,
        /// Why, in words.
        detail: String,
    },
}
