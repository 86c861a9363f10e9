use std::fmt;

use kernel::Refuse;
use kernel::limits::BODY_BYTES_MAX;

use crate::Malformed;

/// Why a whole request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It says that it is larger than [`BODY_BYTES_MAX`] when decoded.
    TooLarge {
        /// How large it says it is.
        bytes: u64,
    },
    /// It has more of something than one request may have.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most that is read.
        limit: usize,
    },
    /// It is not in the format.
    Malformed(Malformed),
}

impl From<Malformed> for Refusal {
    fn from(error: Malformed) -> Self {
        Refusal::Malformed(error)
    }
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::TooLarge { .. } => "body_too_large",
            Refusal::TooMany { .. } => "too_many_in_one_request",
            Refusal::Malformed(error) => error.code(),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Refusal::TooLarge { bytes } => {
                format!("the body is {bytes} bytes when decoded, more than {BODY_BYTES_MAX}")
            }
            Refusal::TooMany { what, limit } => format!("one request has more than {limit} {what}"),
            Refusal::Malformed(error) => error.sentence(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Refusal::TooLarge { .. } | Refusal::TooMany { .. } => {
                Some("lower `max_samples_per_send` in the sender's `queue_config`".to_owned())
            }
            Refusal::Malformed(error) => Refuse::hint(error),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())?;
        match Refuse::hint(self) {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}
