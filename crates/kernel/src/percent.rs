use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A part of a whole in parts per million, so that a target compares exactly. Written `99.9%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio {
    /// Parts per million.
    pub ppm: u32,
}

impl Ratio {
    /// So many percent.
    pub const fn percent(percent: u32) -> Self {
        Self { ppm: percent * 10_000 }
    }

    /// Whether `part` of `whole` is strictly more than this ratio. Nothing is more than a ratio of zero.
    pub fn is_exceeded_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1_000_000 > u128::from(whole) * u128::from(self.ppm)
    }

    /// As a number between 0 and 1 for the ratios that people write.
    pub fn as_f64(self) -> f64 {
        f64::from(self.ppm) / 1e6
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.ppm) / 10_000.0)
    }
}

impl FromStr for Ratio {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not a percentage like `99.9%`");
        let number = text.trim().strip_suffix('%').ok_or_else(error)?.trim();
        let percent: f64 = number.parse().map_err(|_| error())?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(format!("`{text}` is not between 0% and 100%"));
        }
        Ok(Self { ppm: (percent * 10_000.0).round() as u32 })
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_in_a_hundred_is_not_more_than_five_percent() {
        let limit: Ratio = "5%".parse().unwrap();
        assert!(!limit.is_exceeded_by(5, 100));
        assert!(limit.is_exceeded_by(6, 100));
        assert!(!limit.is_exceeded_by(0, 0));
        assert_eq!("99.95%".parse::<Ratio>().unwrap().to_string(), "99.95%");
    }
}
