use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which HTTP status codes count as a failed request. Written `5xx,429`: classes and codes; the default is `5xx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedWhen {
    /// One bit for each status from 0 to 1023.
    bits: [u64; 16],
}

impl FailedWhen {
    /// Whether a request with this status failed.
    pub fn is_failed(&self, status: u16) -> bool {
        let word = self.bits.get(usize::from(status >> 6)).copied().unwrap_or(0);
        word >> (status & 63) & 1 == 1
    }

    /// The classes 1xx to 5xx that failed, for sources that count by class only; `None` where the predicate tells
    /// statuses of one class apart.
    pub fn by_class(&self) -> Option<[bool; 5]> {
        let mut classes = [false; 5];
        for (class, failed) in (1..).zip(&mut classes) {
            *failed = self.is_failed(class * 100);
            if (class * 100..class * 100 + 100).any(|status| self.is_failed(status) != *failed) {
                return None;
            }
        }
        Some(classes)
    }

    fn nothing() -> Self {
        Self { bits: [0; 16] }
    }

    fn add(&mut self, statuses: std::ops::Range<u16>) {
        for status in statuses {
            self.bits[usize::from(status >> 6)] |= 1 << (status & 63);
        }
    }
}

impl Default for FailedWhen {
    fn default() -> Self {
        let mut failed = Self::nothing();
        failed.add(500..600);
        failed
    }
}

impl FromStr for FailedWhen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut failed = Self::nothing();
        for part in text.split(',').map(str::trim) {
            match part.as_bytes() {
                [class @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                    let first = u16::from(class - b'0') * 100;
                    failed.add(first..first + 100);
                }
                [class @ b'1'..=b'5', tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit() => {
                    let status =
                        [class, tens, ones].iter().fold(0, |n, digit| n * 10 + u16::from(*digit - b'0'));
                    failed.add(status..status + 1);
                }
                _ => {
                    return Err(format!(
                        "`{}` is not a status code like `429` or a class like `5xx`; write several with commas: `5xx,429`",
                        crate::shortened(part.as_bytes())
                    ));
                }
            }
        }
        Ok(failed)
    }
}

impl fmt::Display for FailedWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for class in 1..=5_u16 {
            let statuses = class * 100..class * 100 + 100;
            if statuses.clone().all(|status| self.is_failed(status)) {
                write!(f, "{comma}{class}xx")?;
                comma = ",";
                continue;
            }
            for status in statuses.filter(|status| self.is_failed(*status)) {
                write!(f, "{comma}{status}")?;
                comma = ",";
            }
        }
        Ok(())
    }
}

impl Serialize for FailedWhen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FailedWhen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_failed_when_its_status_is_5xx_unless_configured() {
        let default = FailedWhen::default();
        assert!(default.is_failed(500) && default.is_failed(599));
        assert!(!default.is_failed(499) && !default.is_failed(600) && !default.is_failed(0));
        assert!(!default.is_failed(u16::MAX));
        let configured: FailedWhen = "5xx, 429".parse().unwrap();
        assert!(configured.is_failed(503) && configured.is_failed(429) && !configured.is_failed(404));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["5xx", "429,5xx", "1xx,200,404,499"] {
            let failed: FailedWhen = text.parse().unwrap();
            assert_eq!(failed.to_string(), text);
        }
        assert_eq!("5XX".parse::<FailedWhen>(), Ok(FailedWhen::default()));
    }

    #[test]
    fn anything_but_codes_and_classes_is_refused_with_an_example() {
        for text in ["", "5xx,", "6xx", "99", "5x", "5xxx", "600", "4 29", "５xx", "+29"] {
            let error = text.parse::<FailedWhen>().unwrap_err();
            assert!(error.contains("`5xx,429`"), "{text}: {error}");
        }
    }

    #[test]
    fn a_source_that_counts_by_class_can_answer_for_classes_only() {
        assert_eq!(FailedWhen::default().by_class(), Some([false, false, false, false, true]));
        assert_eq!(
            "4xx,5xx".parse::<FailedWhen>().unwrap().by_class(),
            Some([false, false, false, true, true])
        );
        assert_eq!("5xx,429".parse::<FailedWhen>().unwrap().by_class(), None);
    }
}
