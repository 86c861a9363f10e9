use kernel::Timestamp;
use kernel::civil::{days_from_civil, days_in_month};

/// Remembers the last date and zone that was read: consecutive lines nearly always share them.
#[derive(Debug, Clone, Default)]
pub struct DateCache {
    date: [u8; 11],
    zone: [u8; 5],
    /// Midnight of that date in that zone, in seconds since the epoch.
    midnight: i64,
}

impl DateCache {
    /// Reads `17/May/2015:10:05:03 +0000`; `None` where it is not one. A leap second is the second after it.
    pub(super) fn read(&mut self, text: &[u8]) -> Option<Timestamp> {
        let text: &[u8; 26] = text.try_into().ok()?;
        let [.., b':', h1, h2, b':', m1, m2, b':', s1, s2, b' ', _, _, _, _, _] = text else { return None };
        let hour = number(&[*h1, *h2])?;
        let minute = number(&[*m1, *m2])?;
        let second = number(&[*s1, *s2])?;
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        if text[..11] != self.date || text[21..] != self.zone {
            self.learn(text)?;
        }
        Some(Timestamp::from_secs(self.midnight + hour * 3600 + minute * 60 + second))
    }

    #[cold]
    fn learn(&mut self, text: &[u8; 26]) -> Option<()> {
        let date = text.first_chunk::<11>()?;
        let zone = text.last_chunk::<5>()?;
        let [d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4] = *date else { return None };
        let day = number(&[d1, d2])?;
        let month = month(&[m1, m2, m3])?;
        let year = number(&[y1, y2, y3, y4])?;
        if day < 1 || day > days_in_month(year, month) {
            return None;
        }
        let [sign, h1, h2, z1, z2] = *zone;
        let (hours, minutes) = (number(&[h1, h2])?, number(&[z1, z2])?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        let offset = match sign {
            b'+' => hours * 3600 + minutes * 60,
            b'-' => -(hours * 3600 + minutes * 60),
            _ => return None,
        };
        self.midnight = days_from_civil(year, month, day) * 86_400 - offset;
        self.date = *date;
        self.zone = *zone;
        Some(())
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + i64::from(digit))
    })
}

fn month(name: &[u8; 3]) -> Option<i64> {
    const NAMES: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    NAMES.iter().zip(1..).find(|(known, _)| **known == name).map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        DateCache::default().read(text.as_bytes()).map(|at| at.to_string())
    }

    #[test]
    fn times_read_in_their_zone() {
        for (text, instant) in [
            ("17/May/2015:10:05:03 +0000", "2015-05-17T10:05:03Z"),
            ("01/Jan/1970:01:00:00 +0100", "1970-01-01T00:00:00Z"),
            ("29/Feb/2024:23:59:59 -0530", "2024-03-01T05:29:59Z"),
            ("31/Dec/2016:23:59:60 +0000", "2017-01-01T00:00:00Z"),
            ("01/Mar/1900:00:00:00 +1400", "1900-02-28T10:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(instant), "{text}");
        }
    }

    #[test]
    fn days_that_no_calendar_has_are_not_times() {
        for text in [
            "29/Feb/2015:10:05:03 +0000",
            "31/Apr/2015:10:05:03 +0000",
            "00/May/2015:10:05:03 +0000",
            "17/may/2015:10:05:03 +0000",
            "17/May/2015:24:05:03 +0000",
            "17/May/2015:10:60:03 +0000",
            "17/May/2015:10:05:61 +0000",
            "17/May/2015:10:05:03 +0060",
            "17/May/2015:10:05:03 *0000",
            "17/May/2015 10:05:03 +0000",
            "1x/May/2015:10:05:03 +0000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_cached_date_gives_the_time_that_a_fresh_one_gives() {
        let mut cache = DateCache::default();
        for text in [
            "17/May/2015:10:05:03 +0000",
            "17/May/2015:11:05:03 +0000",
            "17/May/2015:11:05:03 +0200",
            "18/May/2015:11:05:03 +0200",
            "99/May/2015:11:05:03 +0200",
            "18/May/2015:11:05:04 +0200",
        ] {
            assert_eq!(cache.read(text.as_bytes()).map(|at| at.to_string()), read(text), "{text}");
        }
    }
}
