//! Parts of a date and a time of day in UTC, of seconds since the epoch (proleptic Gregorian calendar).

const DAY_SECS: i64 = 86_400;

/// The function of seconds by its name in PromQL.
pub(crate) fn named(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "minute" => |secs| (whole(secs).rem_euclid(3600) / 60) as f64,
        "hour" => |secs| (whole(secs).rem_euclid(DAY_SECS) / 3600) as f64,
        // The first of January 1970 was a Thursday.
        "day_of_week" => |secs| (day(secs) + 4).rem_euclid(7) as f64,
        "day_of_month" => |secs| date(day(secs)).2 as f64,
        "day_of_year" => |secs| {
            let day = day(secs);
            (day - day_of(date(day).0, 1, 1) + 1) as f64
        },
        "days_in_month" => |secs| {
            let (year, month, _) = date(day(secs));
            let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            (day_of(next_year, next_month, 1) - day_of(year, month, 1)) as f64
        },
        "month" => |secs| date(day(secs)).1 as f64,
        "year" => |secs| date(day(secs)).0 as f64,
        _ => return None,
    })
}

/// Cut off towards zero.
fn whole(secs: f64) -> i64 {
    secs as i64
}

fn day(secs: f64) -> i64 {
    whole(secs).div_euclid(DAY_SECS)
}

/// Year, month and day of a day since the epoch. Years are taken to begin in March, so that leap days are last
/// (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_month)
}

/// The inverse of [`date`].
fn day_of(year: i64, month: i64, of_month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + of_month - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_known_instants() {
        let part = |name: &str, secs: f64| named(name).unwrap()(secs);
        // 2016-02-29T23:59:59Z, a Monday.
        let leap = 1_456_790_399.0;
        let parts = [
            "year",
            "month",
            "day_of_month",
            "day_of_year",
            "days_in_month",
            "day_of_week",
            "hour",
            "minute",
        ];
        assert_eq!(parts.map(|name| part(name, leap)), [2016.0, 2.0, 29.0, 60.0, 29.0, 1.0, 23.0, 59.0]);
        // 1969-12-31T23:59:59Z, a Wednesday.
        assert_eq!(parts.map(|name| part(name, -1.0)), [1969.0, 12.0, 31.0, 365.0, 31.0, 3.0, 23.0, 59.0]);
        for day in (-800_000..800_000).step_by(997) {
            let (year, month, of_month) = date(day);
            assert_eq!(day_of(year, month, of_month), day);
        }
    }
}
