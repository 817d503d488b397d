//! How to deal with the network, from the environment.

use std::time::Duration;

/// The environment: a variable's value, if it is set and text.
pub type Variables<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// More connections at once serve nobody.
const CONNECTIONS_MAX: usize = 64;

/// No pause between two attempts is longer.
pub(crate) const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How to deal with the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether a registry without TLS is acceptable if it has none. Everything can then be read and altered on its way but
    /// what has a digest.
    pub allow_http: bool,
    /// How many blobs are downloaded at once.
    pub connections: usize,
    /// How often something is tried again that failed and may succeed later.
    pub retries: u32,
    /// How long to wait before the first time; each further wait is twice as long.
    pub first_pause: Duration,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long nothing may come, and how long a small document may take.
    pub stall_timeout: Duration,
    /// How long a blob may take.
    pub transfer_timeout: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_http: false,
            connections: 10,
            retries: 5,
            first_pause: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_mins(1),
            transfer_timeout: None,
        }
    }
}

/// A variable that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use ${name}: '{value}' is not a number")]
pub struct SettingsError {
    name: String,
    value: String,
}

impl Settings {
    /// What the environment says: `BENCHRUN_ALLOW_HTTP`, `_MAX_CONNECTIONS`, `_TRANSFER_RETRIES`, `_CONNECT_TIMEOUT` and
    /// `_TRANSFER_TIMEOUT`, or the same names with `ENROOT_`. Times are in seconds, 0 means without a limit.
    ///
    /// # Errors
    /// If a number is none.
    pub fn of_environment(variables: Variables<'_>) -> Result<Self, SettingsError> {
        let mut settings = Self {
            allow_http: text(variables, "ALLOW_HTTP").is_some_and(|(_, value)| is_yes(&value)),
            ..Self::default()
        };
        if let Some(count) = number(variables, "MAX_CONNECTIONS")? {
            settings.connections = match count as usize {
                0 => CONNECTIONS_MAX,
                count => count.min(CONNECTIONS_MAX),
            };
        }
        if let Some(count) = number(variables, "TRANSFER_RETRIES")? {
            settings.retries = count;
        }
        if let Some(seconds) = number(variables, "CONNECT_TIMEOUT")? {
            settings.connect_timeout = match seconds {
                0 => Duration::from_hours(1),
                seconds => Duration::from_secs(seconds.into()),
            };
        }
        if let Some(seconds) = number(variables, "TRANSFER_TIMEOUT")? {
            settings.transfer_timeout = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        }
        Ok(settings)
    }
}

fn text(variables: Variables<'_>, name: &str) -> Option<(String, String)> {
    ["BENCHRUN_", "ENROOT_"].into_iter().find_map(|prefix| {
        let name = format!("{prefix}{name}");
        let value = variables(&name).filter(|value| !value.is_empty())?;
        Some((name, value))
    })
}

fn number(variables: Variables<'_>, name: &str) -> Result<Option<u32>, SettingsError> {
    let Some((name, value)) = text(variables, name) else {
        return Ok(None);
    };
    let number = value.parse().map(Some);
    number.map_err(|_| SettingsError {
        name,
        value: value.escape_default().to_string(),
    })
}

fn is_yes(value: &str) -> bool {
    !matches!(
        value.to_ascii_lowercase().as_str(),
        "0" | "n" | "no" | "false" | "off"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::of_environment(&|name| {
            let found = set.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn our_names_come_before_enroots() {
        assert_eq!(of(&[]), Ok(Settings::default()));
        let settings = of(&[
            ("BENCHRUN_ALLOW_HTTP", "1"),
            ("BENCHRUN_MAX_CONNECTIONS", "3"),
            ("ENROOT_MAX_CONNECTIONS", "4"),
            ("ENROOT_TRANSFER_RETRIES", "0"),
            ("ENROOT_CONNECT_TIMEOUT", "7"),
            ("ENROOT_TRANSFER_TIMEOUT", "0"),
        ]);
        let expected = Settings {
            allow_http: true,
            connections: 3,
            retries: 0,
            connect_timeout: Duration::from_secs(7),
            ..Settings::default()
        };
        assert_eq!(settings, Ok(expected));
        assert_eq!(
            of(&[("ENROOT_MAX_CONNECTIONS", "0")]).unwrap().connections,
            64
        );
        for no in ["no", "0", "n", "FALSE", ""] {
            assert!(
                !of(&[("ENROOT_ALLOW_HTTP", no)]).unwrap().allow_http,
                "{no}"
            );
        }
        let error = of(&[("BENCHRUN_TRANSFER_RETRIES", "many")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot use $BENCHRUN_TRANSFER_RETRIES: 'many' is not a number"
        );
    }
}
