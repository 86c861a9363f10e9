//! Ceilings that are near. Readings are samples; what a decision rested on is copied here.

use kernel::ScalableId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One reading of a scalable. A NaN equals a NaN, so that what was recorded equals what is read again.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Reading {
    /// In use.
    #[serde(with = "number")]
    pub current: f64,
    /// What it may shrink to; NaN where the configuration names none.
    #[serde(with = "number")]
    pub minimum: f64,
    /// The ceiling.
    #[serde(with = "number")]
    pub maximum: f64,
}

impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        let same = |one: f64, two: f64| one == two || (one.is_nan() && two.is_nan());
        same(self.current, other.current)
            && same(self.minimum, other.minimum)
            && same(self.maximum, other.maximum)
    }
}

/// JSON has no NaN and no infinities: they are written as the text `NaN`, `+Inf` and `-Inf`, as Prometheus does.
mod number {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Number {
        Finite(f64),
        Named(Name),
    }

    #[derive(Serialize, Deserialize)]
    enum Name {
        NaN,
        #[serde(rename = "+Inf")]
        Infinite,
        #[serde(rename = "-Inf")]
        NegativeInfinite,
    }

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        let number = match *value {
            value if value.is_finite() => Number::Finite(value),
            value if value.is_nan() => Number::Named(Name::NaN),
            value if value > 0.0 => Number::Named(Name::Infinite),
            _ => Number::Named(Name::NegativeInfinite),
        };
        number.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(match Number::deserialize(deserializer)? {
            Number::Finite(value) => value,
            Number::Named(Name::NaN) => f64::NAN,
            Number::Named(Name::Infinite) => f64::INFINITY,
            Number::Named(Name::NegativeInfinite) => f64::NEG_INFINITY,
        })
    }
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
    /// It can be read again, or is no longer configured.
    CapacityReadable {
        /// What.
        scalable: ScalableId,
        /// The reading, where there was one.
        reading: Option<Reading>,
    },
}
