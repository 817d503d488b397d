//! A token server, as docker-registry wants one: who knows the password gets a signed statement of what is allowed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use ct_codecs::{Base64, Base64UrlSafeNoPadding, Encoder};
use serde_json::json;

/// Whom the tokens are for.
pub const SERVICE: &str = "the-registry";
/// Who gives them.
pub const ISSUER: &str = "the-token-server";

/// Starts a server, which lasts as long as this process, and gives its URL. It signs with the key in this directory.
///
/// # Panics
///
/// When there is no port.
pub(super) fn serve(directory: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let directory = directory.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let directory = directory.clone();
            thread::spawn(move || answer(&stream, &directory));
        }
    });
    format!("http://{address}/token")
}

fn answer(mut stream: &TcpStream, directory: &Path) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if !reader.read_line(&mut line).is_ok_and(|count| count > 2) {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let Some(first) = lines.first() else { return };
    let encoded = encode::<Base64>(format!("{}:{}", super::USER, super::PASSWORD).as_bytes());
    let is_known = lines.iter().any(|line| {
        let header = line.split_once(": ");
        header.is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("authorization") && value == format!("Basic {encoded}")
        })
    });
    let (status, body) = if is_known {
        let scopes = scopes(first);
        (200, json!({"token": token(&scopes, directory)}).to_string())
    } else {
        (
            401,
            json!({"errors": [{"message": "wrong password"}]}).to_string(),
        )
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

/// What is asked for: `repository:NAME:ACTIONS`, in the query of the request's first line.
fn scopes(line: &str) -> Vec<(String, Vec<String>)> {
    let query = line.split(' ').nth(1).unwrap_or_default();
    let query = query.split_once('?').map_or("", |(_, query)| query);
    let scopes = query
        .split('&')
        .filter_map(|part| part.strip_prefix("scope="));
    let scope = |text: &str| {
        let text = text
            .replace("%3A", ":")
            .replace("%2F", "/")
            .replace("%2C", ",");
        let mut parts = text.split(':');
        let (_, name, actions) = (parts.next()?, parts.next()?, parts.next()?);
        let actions = actions.split(',').map(str::to_owned).collect();
        Some((name.to_owned(), actions))
    };
    scopes.filter_map(scope).collect()
}

/// A JSON web token, signed by the key whose certificate the registry trusts.
fn token(scopes: &[(String, Vec<String>)], directory: &Path) -> String {
    let certificate = fs::read_to_string(directory.join("certificate.pem")).expect("a certificate");
    let der: String = certificate
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [der]});
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time")
        .as_secs();
    let access: Vec<_> = scopes
        .iter()
        .map(|(name, actions)| json!({"type": "repository", "name": name, "actions": actions}))
        .collect();
    let claims = json!({
        "iss": ISSUER, "aud": SERVICE, "sub": super::USER, "jti": "1",
        "iat": now, "nbf": now - 60, "exp": now + 600, "access": access,
    });
    let text = [header, claims]
        .map(|part| encode::<Base64UrlSafeNoPadding>(part.to_string().as_bytes()))
        .join(".");
    let signature = sign(text.as_bytes(), directory.join("key.pem"));
    format!("{text}.{}", encode::<Base64UrlSafeNoPadding>(&signature))
}

fn sign(bytes: &[u8], key: PathBuf) -> Vec<u8> {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl starts");
    let mut input = openssl.stdin.take().expect("a pipe");
    input.write_all(bytes).expect("it reads");
    drop(input);
    let mut signature = Vec::new();
    let mut output = openssl.stdout.take().expect("a pipe");
    output.read_to_end(&mut signature).expect("it writes");
    assert!(openssl.wait().expect("it ends").success());
    signature
}

fn encode<E: Encoder>(bytes: &[u8]) -> String {
    E::encode_to_string(bytes).expect("it fits")
}
