//! When a record's run began, as others write it.

use time::OffsetDateTime;
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

/// The time of a record; `None` when it is not one.
pub(super) fn parse(rfc3339: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(rfc3339, &Rfc3339).ok()?;
    Some(time.to_offset(UtcOffset::UTC))
}

/// `2021-10-01T17:03:58`, in UTC without saying so, with this between date and time.
pub(super) fn to_seconds(time: OffsetDateTime, between: char) -> String {
    format!(
        "{:04}-{:02}-{:02}{between}{:02}:{:02}:{:02}",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
