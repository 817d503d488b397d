//! Tokens, users, and who must never see them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::*;

// me:secret
const BASIC: &str = "Basic bWU6c2VjcmV0";

fn logged_in() -> Desk {
    let mut desk = Desk::new();
    desk.user = "me@";
    desk.variables
        .push(("BENCHRUN_PASSWORD", "secret".to_owned()));
    desk
}

/// A registry that wants a token, and its token server on another port. A token is good for so many requests.
fn with_tokens(sample: &Sample, uses: usize, expected: &'static str) -> (Server, Server) {
    let given = Arc::new(AtomicUsize::new(0));
    let tokens = Server::start({
        let given = Arc::clone(&given);
        move |asked| {
            if asked.header("authorization") != expected {
                return reply(401, r#"{"errors":[{"message":"wrong password"}]}"#);
            }
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            reply(200, format!(r#"{{"token":"t{number}","expires_in":60}}"#))
        }
    });
    let used = AtomicUsize::new(0);
    let sample = sample.clone();
    let realm = format!("http://{}/token?account=x", tokens.address);
    let registry = Server::start(move |asked| {
        let number = given.load(Ordering::SeqCst);
        let is_good = asked.header("authorization") == format!("Bearer t{number}") && number > 0;
        if is_good && used.load(Ordering::SeqCst) < uses * number {
            used.fetch_add(1, Ordering::SeqCst);
            return sample.answer(asked);
        }
        let challenge = format!(
            "Bearer realm=\"{realm}\",service=\"a service\",scope=\"repository:team/image:pull\""
        );
        reply(401, "").with("WWW-Authenticate", &challenge)
    });
    (registry, tokens)
}

#[test]
fn a_token_for_nobody_in_particular() {
    let sample = Sample::new(&[b"one", b"two"]);
    let (registry, tokens) = with_tokens(&sample, 100, "");
    Desk::new().assert_pulls(&registry, &sample);
    let asked = tokens.asked();
    assert_eq!(asked.len(), 1, "one token for all");
    assert_eq!(
        asked[0].path,
        "/token?account=x&service=a%20service&scope=repository%3Ateam%2Fimage%3Apull"
    );
}

#[test]
fn a_token_that_expires_in_the_middle() {
    let layers: Vec<Vec<u8>> = (0..12).map(|number| vec![number; 1000]).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let sample = Sample::new(&layers);
    let (registry, tokens) = with_tokens(&sample, 4, BASIC);
    let mut desk = logged_in();
    // With several connections the uses of one token would be shared out by chance.
    desk.settings.connections = 1;
    desk.assert_pulls(&registry, &sample);
    // A manifest, a configuration and twelve layers, four for each token.
    assert_eq!(tokens.asked().len(), 4);
}

#[test]
fn a_wrong_password_is_no_mystery() {
    let sample = Sample::new(&[b"one"]);
    let (registry, _tokens) = with_tokens(&sample, 100, "Basic other");
    let error = logged_in().pull(&registry).unwrap_err().to_string();
    assert!(
        error.contains("answers 401 to 'me': wrong password (check user and password)"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn a_token_that_does_not_help_is_not_tried_for_ever() {
    let sample = Sample::new(&[b"one"]);
    let (registry, tokens) = with_tokens(&sample, 0, "");
    Desk::new().assert_fails(&registry, "the registry denies it to somebody unknown");
    assert_eq!(tokens.asked().len(), 1);
}

#[test]
fn user_and_password_themselves() {
    let sample = Sample::new(&[b"one"]);
    let server = Server::start({
        let sample = sample.clone();
        move |asked| match asked.header("authorization") {
            BASIC => sample.answer(asked),
            _ => reply(
                401,
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"who\nare you"}]}"#,
            )
            .with("WWW-Authenticate", "Basic realm=\"x\""),
        }
    });
    logged_in().assert_pulls(&server, &sample);
    Desk::new().assert_fails(
        &server,
        "cannot get 'http://HOST/v2/team/image/manifests/latest': the registry denies it to somebody unknown: who are you (check",
    );
    let mut desk = logged_in();
    desk.variables[0].1 = "wrong".to_owned();
    desk.assert_fails(&server, "denies it to 'me': who are you");
    desk.variables.clear();
    desk.assert_fails(
        &server,
        "no password is known and nobody can be asked for it: no terminal",
    );
}

#[test]
fn an_identity_token_is_posted() {
    let sample = Sample::new(&[b"one"]);
    let tokens = Server::start(|asked| {
        assert_eq!(asked.method, "POST");
        reply(200, r#"{"access_token":"good"}"#)
    });
    let realm = format!("http://{}/token", tokens.address);
    let server = Server::start({
        let sample = sample.clone();
        move |asked| match asked.header("authorization") {
            "Bearer good" => sample.answer(asked),
            _ => reply(401, "").with("WWW-Authenticate", &format!("Bearer realm=\"{realm}\"")),
        }
    });
    let mut desk = Desk::new();
    let file = desk.directory.path().join("auth.json");
    let text = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"a/b"}}}}}}"#,
        server.address
    );
    std::fs::write(&file, text).unwrap();
    desk.variables
        .push(("REGISTRY_AUTH_FILE", file.to_str().unwrap().to_owned()));
    desk.assert_pulls(&server, &sample);
    assert_eq!(
        tokens.asked()[0].body,
        "grant_type=refresh_token&client_id=benchrun&refresh_token=a%2Fb&scope=repository%3Ateam%2Fimage%3Apull"
    );
}

#[test]
fn methods_that_are_not_known() {
    let check = |challenge: &'static str, expected: &str| {
        let server = Server::start(move |_| reply(401, "").with("WWW-Authenticate", challenge));
        Desk::new().assert_fails(&server, expected);
    };
    check(
        "Negotiate",
        "it wants the method 'Negotiate', which is not known",
    );
    check("", "it does not say how");
    check(
        "Bearer realm=\"ftp://x\"",
        "it begins neither with https:// nor with http://",
    );
}

/// The storage that a registry redirects to must see neither token nor password, nor may it ask who we are.
#[test]
fn a_redirection_takes_no_secret_along() {
    let sample = Sample::new(&[b"the layer"]);
    let storage = Server::start({
        let sample = sample.clone();
        move |asked| {
            let layer = &sample.layers[0];
            match asked.path.as_str() {
                "/storage?signature=1" => part(layer, asked),
                _ => reply(404, ""),
            }
        }
    });
    let location = format!("http://{}/storage?signature=1", storage.address);
    let server = Server::start({
        let sample = sample.clone();
        move |asked| {
            if asked.header("authorization") != BASIC {
                return reply(401, "").with("WWW-Authenticate", "Basic realm=\"x\"");
            }
            if asked.path.ends_with(&sample.path_of_layer(0)) {
                return reply(307, "").with("Location", &location);
            }
            sample.answer(asked)
        }
    });
    logged_in().assert_pulls(&server, &sample);
    let asked = storage.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].headers.get("authorization"), None);
}

#[test]
fn a_redirection_within_the_registry_keeps_the_permit() {
    let sample = Sample::new(&[b"the layer"]);
    let server = Server::start({
        let sample = sample.clone();
        move |asked| {
            if asked.header("authorization") != BASIC {
                return reply(401, "").with("WWW-Authenticate", "Basic realm=\"x\"");
            }
            if asked.path == "/moved/here" {
                return part(&sample.layers[0], asked);
            }
            if asked.path.ends_with(&sample.path_of_layer(0)) {
                return reply(302, "").with("Location", "/moved/here");
            }
            sample.answer(asked)
        }
    });
    logged_in().assert_pulls(&server, &sample);
}

#[test]
fn who_is_redirected_to_may_not_ask_who_we_are() {
    let sample = Sample::new(&[b"the layer"]);
    let thief = Server::start(|_| reply(401, "").with("WWW-Authenticate", "Basic realm=\"x\""));
    let location = format!("http://{}/thief", thief.address);
    let server = Server::start({
        let sample = sample.clone();
        move |asked| {
            if asked.path.ends_with(&sample.path_of_layer(0)) {
                reply(302, "").with("Location", &location)
            } else {
                sample.answer(asked)
            }
        }
    });
    let error = logged_in().pull(&server).unwrap_err().to_string();
    assert!(error.contains("denies it"), "{error}");
    for asked in thief.asked() {
        assert_eq!(asked.headers.get("authorization"), None);
    }
}

#[test]
fn redirections_end() {
    let own: Arc<OnceLock<String>> = Arc::default();
    let server = Server::start({
        let own = Arc::clone(&own);
        move |_| reply(302, "").with("Location", own.get().unwrap())
    });
    own.set(format!("http://{}/again", server.address)).unwrap();
    Desk::new().assert_fails(&server, "it is redirected again and again");
    let server = Server::start(|_| reply(302, "").with("Location", "file:///etc/passwd"));
    Desk::new().assert_fails(&server, "cannot use the address 'file:///etc/passwd'");
}
