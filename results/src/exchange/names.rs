//! The names of cases, the same from run to run.

use std::fmt::Write;

use crate::record::Case;

/// A case's name, for example `matmul-norm/f64/n=1000/threads=2`, with `/blas=`, `/driver=library` and `/panels=` behind it where
/// they are not what is done by default. It consists of letters, digits and `/=._+%-` only: what else stands in a record is
/// written as `%` and the two hexadecimal digits of each byte, so that different cases never get the same name.
pub fn case_name(case: &Case) -> String {
    let mut name = format!(
        "{}/{}/n={}/threads={}",
        safe(&case.kernel),
        safe(&case.dtype),
        case.n,
        case.threads_requested
    );
    if let Some(blas) = &case.blas {
        let _ = write!(name, "/blas={}", safe(blas));
    }
    if case.driver.as_deref() == Some("library") {
        name += "/driver=library";
    }
    if let Some(rows) = case.panel_rows {
        let _ = write!(name, "/panels={rows}");
    }
    name
}

/// A part of a name, also good for one of a path: never empty, never `.` or `..`.
pub(super) fn safe(part: &str) -> String {
    let is_only_dots = part.chars().all(|letter| letter == '.');
    let mut text = String::new();
    for byte in part.bytes() {
        let is_safe = byte.is_ascii_alphanumeric()
            || b"_+-".contains(&byte)
            || (byte == b'.' && !is_only_dots);
        if is_safe {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    if text.is_empty() {
        // No other part is written like this: `%` is always followed by a byte.
        text.push('%');
    }
    text
}
