//! One HTTP request: over TLS, through proxies, along redirections, within limits of time and size.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{HeaderMap, Request, Response, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body, Proxy, ProxyProtocol, Timeout};

use super::address::Address;
use super::error::{Failure, RegistryError};
use super::proxy::{is_direct, proxy_for};
use crate::settings::{PAUSE_MAX, Settings, Variables};

/// More redirections than that lead nowhere.
const REDIRECTIONS_MAX: usize = 10;

/// So much of an error's explanation is read, and shown.
const DETAIL_SIZE_BYTES_MAX: u64 = 64 << 10;
const DETAIL_CHARACTERS_MAX: usize = 300;

/// What sends requests.
#[derive(Debug)]
pub(crate) struct Http {
    direct: Agent,
    proxied_https: Option<Agent>,
    proxied_plain: Option<Agent>,
    no_proxy: String,
    pub(crate) settings: Settings,
}

/// What is asked.
#[derive(Debug, Default)]
pub(crate) struct Question<'a> {
    /// `Accept` and the like.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The value of `Authorization`. It goes to the server that is asked and to nobody that it redirects to.
    pub(crate) authorization: Option<String>,
    /// A form to be posted; else nothing is sent.
    pub(crate) form: Option<&'a str>,
    /// Within what time all of the answer must be here.
    pub(crate) timeout: Option<Duration>,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Who answered in the end.
    pub(crate) from: Address,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Body,
}

impl Http {
    /// # Errors
    /// If the certificates or a proxy that the environment names cannot be used.
    pub(crate) fn new(settings: Settings, variables: Variables<'_>) -> Result<Self, RegistryError> {
        let roots = roots(variables)?;
        let agent = |proxy: Option<Proxy>| -> Agent {
            let tls = TlsConfig::builder().root_certs(roots.clone()).build();
            Config::builder()
                .tls_config(tls)
                .proxy(proxy)
                .http_status_as_error(false)
                .max_redirects(0)
                .https_only(!settings.allow_http)
                .user_agent(concat!("benchrun/", env!("CARGO_PKG_VERSION")))
                .accept_encoding("identity")
                .timeout_resolve(Some(settings.connect_timeout))
                .timeout_connect(Some(settings.connect_timeout))
                .timeout_recv_response(Some(settings.stall_timeout))
                .timeout_per_read(Some(settings.stall_timeout))
                .timeout_per_write(Some(settings.stall_timeout))
                .max_idle_connections_per_host(settings.connections)
                .max_idle_connections(settings.connections)
                .build()
                .into()
        };
        let proxied = |scheme| match proxy_for(scheme, variables) {
            None => Ok(None),
            Some((name, text)) => match Proxy::new(&text) {
                // Another kind of proxy, SOCKS for one, would be passed over without a word.
                Ok(proxy)
                    if matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) =>
                {
                    Ok(Some(agent(Some(proxy))))
                }
                _ => Err(RegistryError::Proxy(name)),
            },
        };
        Ok(Self {
            direct: agent(None),
            proxied_https: proxied("https")?,
            proxied_plain: proxied("http")?,
            no_proxy: variables("no_proxy")
                .or_else(|| variables("NO_PROXY"))
                .unwrap_or_default(),
            settings,
        })
    }

    /// Asks, and follows redirections. Any status is an answer.
    ///
    /// # Errors
    /// If nobody answers, or the way leads where it must not.
    pub(crate) fn ask(
        &self,
        address: &Address,
        question: &Question<'_>,
    ) -> Result<Answer, RegistryError> {
        let mut current = address.clone();
        for _ in 0..=REDIRECTIONS_MAX {
            let authorization = question
                .authorization
                .as_deref()
                .filter(|_| current.is_same_server(address));
            let response = self.ask_once(&current, question, authorization)?;
            let (parts, body) = response.into_parts();
            let status = parts.status.as_u16();
            let location = parts.headers.get(header::LOCATION);
            if question.form.is_none()
                && matches!(status, 301 | 302 | 303 | 307 | 308)
                && let Some(location) = location.and_then(|location| location.to_str().ok())
            {
                current = current.join(location)?;
                continue;
            }
            return Ok(Answer {
                from: current,
                status,
                headers: parts.headers,
                body,
            });
        }
        Err(RegistryError::RedirectedTooOften {
            place: address.place(),
        })
    }

    fn ask_once(
        &self,
        address: &Address,
        question: &Question<'_>,
        authorization: Option<&str>,
    ) -> Result<Response<Body>, RegistryError> {
        if !address.is_https() && !self.settings.allow_http {
            return Err(RegistryError::Address {
                place: address.place(),
                reason: "it would send everything in the clear (--allow-http permits that)",
            });
        }
        let agent = self.agent_for(address);
        let mut request = Request::builder().uri(address.uri().clone());
        for (name, value) in &question.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let answered = match question.form {
            Some(form) => request
                .method("POST")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form)
                .map_err(ureq::Error::from)
                .and_then(|request| run(agent, request, question.timeout)),
            None => request
                .body(())
                .map_err(ureq::Error::from)
                .and_then(|request| run(agent, request, question.timeout)),
        };
        answered.map_err(|error| RegistryError::Unreachable {
            place: address.place(),
            reason: reason(&error),
            failure: failure(&error),
        })
    }

    fn agent_for(&self, address: &Address) -> &Agent {
        let proxied = if address.is_https() {
            &self.proxied_https
        } else {
            &self.proxied_plain
        };
        match proxied {
            Some(agent) if !is_direct(address.host(), &self.no_proxy) => agent,
            _ => &self.direct,
        }
    }
}

impl Answer {
    /// A header's value, if it is there and text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a header.
    pub(crate) fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
    }

    /// What it says, as it comes.
    pub(crate) fn reader(&mut self) -> impl Read + '_ {
        self.body.as_reader()
    }

    /// All that it says, up to a limit.
    ///
    /// # Errors
    /// If it is more, or breaks off.
    pub(crate) fn bytes(&mut self, limit_bytes: u64) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        let read = self
            .body
            .as_reader()
            .take(limit_bytes + 1)
            .read_to_end(&mut bytes);
        if let Err(error) = read {
            return Err(self.broken_off(bytes.len() as u64, error));
        }
        if bytes.len() as u64 > limit_bytes {
            return Err(RegistryError::TooLarge {
                place: self.from.place(),
                limit_bytes,
            });
        }
        Ok(bytes)
    }

    /// What it means that reading failed.
    pub(crate) fn broken_off(&self, received_bytes: u64, error: std::io::Error) -> RegistryError {
        RegistryError::BrokenOff {
            place: self.from.place(),
            received_bytes,
            reason: reason(&ureq::Error::from(error)),
        }
    }

    /// The error that this status means.
    pub(crate) fn into_error(mut self) -> RegistryError {
        RegistryError::Status {
            place: self.from.place(),
            status: self.status,
            detail: self.detail(),
            retry_after: self.retry_after(),
        }
    }

    /// What the server says about an error: the specification's JSON, else nothing.
    pub(crate) fn detail(&mut self) -> String {
        #[derive(serde::Deserialize)]
        struct Errors {
            errors: Vec<Detail>,
        }
        #[derive(serde::Deserialize)]
        struct Detail {
            code: Option<String>,
            message: Option<String>,
        }
        let bytes = self.bytes(DETAIL_SIZE_BYTES_MAX).unwrap_or_default();
        let Ok(Errors { errors }) = serde_json::from_slice(&bytes) else {
            return String::new();
        };
        let texts: Vec<String> = errors
            .into_iter()
            .take(3)
            .filter_map(|detail| {
                detail
                    .message
                    .filter(|text| !text.is_empty())
                    .or(detail.code)
            })
            .collect();
        if texts.is_empty() {
            return String::new();
        }
        let shown = texts.join("; ");
        let shown = shown.chars().take(DETAIL_CHARACTERS_MAX);
        let shown = shown.map(|c| if c.is_control() { ' ' } else { c });
        format!(": {}", shown.collect::<String>())
    }

    /// Seconds; a date, which is as good, no registry sends.
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(PAUSE_MAX))
    }
}

fn run(
    agent: &Agent,
    request: Request<impl AsSendBody>,
    timeout: Option<Duration>,
) -> Result<Response<Body>, ureq::Error> {
    let request = agent
        .configure_request(request)
        .timeout_recv_body(timeout)
        .build();
    agent.run(request)
}

/// The authorities that are trusted: those that the environment names, else the host's, else Mozilla's as of this program's making.
fn roots(variables: Variables<'_>) -> Result<RootCerts, RegistryError> {
    let is_named = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .any(|name| variables(name).is_some());
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        if !is_named {
            return Ok(RootCerts::WebPki);
        }
        let reason = found
            .errors
            .first()
            .map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(RegistryError::Certificates(reason));
    }
    let certificates = found
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned());
    Ok(certificates.collect::<Vec<_>>().into())
}

/// Why a request got no answer.
fn failure(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(inner) => failure(inner),
            None if is_about_certificates(&error.to_string()) => Failure::Certificate,
            None => match error.kind() {
                ErrorKind::InvalidData | ErrorKind::ConnectionRefused => Failure::Lasting,
                _ => Failure::Passing,
            },
        },
        ureq::Error::Rustls(error) if is_about_certificates(&error.to_string()) => {
            Failure::Certificate
        }
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => Failure::Passing,
        _ => Failure::Lasting,
    }
}

/// The TLS library's own words, the only ones that it lets through here.
fn is_about_certificates(text: &str) -> bool {
    text.contains("invalid peer certificate")
}

/// What the network says, in our words where it speaks of itself.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(inner) => reason(inner),
            None => tls_remedy(&error.to_string()),
        },
        ureq::Error::Rustls(error) => tls_remedy(&error.to_string()),
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            "no connection within the time set (BENCHRUN_CONNECT_TIMEOUT sets it)".to_owned()
        }
        ureq::Error::Timeout(_) => "nothing came for too long".to_owned(),
        ureq::Error::HostNotFound => "there is no host of that name".to_owned(),
        ureq::Error::LargeResponseHeader(..) => "its headers are too large".to_owned(),
        error => error.to_string(),
    }
}

fn tls_remedy(text: &str) -> String {
    let remedy = if text.contains("UnknownIssuer") {
        "nobody whom this host trusts has signed its certificate; name a file with the one who has in SSL_CERT_FILE"
    } else if text.contains("CaUsedAsEndEntity") {
        "its certificate is one for signing others; make one for a server, with CA:FALSE"
    } else if text.contains("InvalidContentType") {
        "it does not speak TLS; --allow-http permits to do without"
    } else {
        return text.to_owned();
    };
    format!("{text} ({remedy})")
}
