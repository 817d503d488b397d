//! Networks that break, servers that lie, and those that never end.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn bytes(size_bytes: usize) -> Vec<u8> {
    (0..size_bytes).map(|at| ((at * at) >> 3) as u8).collect()
}

/// A sound registry but for its first layer, about which `answer` decides, being told how often it was asked.
fn spoiled(
    sample: &Sample,
    answer: impl Fn(usize, &Asked, &[u8]) -> Reply + Send + Sync + 'static,
) -> Server {
    let sample = sample.clone();
    let path = sample.path_of_layer(0);
    let count = AtomicUsize::new(0);
    Server::start(move |asked| {
        if asked.path.ends_with(&path) {
            answer(
                count.fetch_add(1, Ordering::SeqCst),
                asked,
                &sample.layers[0],
            )
        } else {
            sample.answer(asked)
        }
    })
}

#[test]
fn a_broken_transfer_goes_on_where_it_broke() {
    let sample = Sample::new(&[&bytes(100_000)]);
    // It breaks six times, more often than anything is retried: but it comes further each time.
    let server = spoiled(&sample, |count, asked, layer| match part(layer, asked) {
        reply if count < 6 => reply.ending(End::Cut(15_000)),
        reply => reply,
    });
    Desk::new().assert_pulls(&server, &sample);
    let asked = server.asked_for(&sample.path_of_layer(0));
    let ranges: Vec<&str> = asked.iter().map(|asked| asked.header("range")).collect();
    let expected = [
        "",
        "bytes=15000-",
        "bytes=30000-",
        "bytes=45000-",
        "bytes=60000-",
        "bytes=75000-",
        "bytes=90000-",
    ];
    assert_eq!(ranges, expected);
}

#[test]
fn the_next_run_goes_on_where_the_last_broke_off() {
    let sample = Sample::new(&[&bytes(100_000)]);
    let server = spoiled(&sample, |count, asked, layer| match part(layer, asked) {
        reply if count == 0 => reply.ending(End::Cut(60_000)),
        reply => reply,
    });
    let mut desk = Desk::new();
    desk.settings.retries = 0;
    desk.assert_fails(&server, "the transfer broke off after 60000 bytes");
    *desk.notes.balance_bytes.lock().unwrap() = 0;
    desk.assert_pulls(&server, &sample);
    assert_eq!(
        server.asked_for(&sample.path_of_layer(0))[1].header("range"),
        "bytes=60000-"
    );
}

#[test]
fn what_was_left_and_is_damaged_is_fetched_anew() {
    let sample = Sample::new(&[&bytes(100_000)]);
    let server = spoiled(&sample, |_, asked, layer| part(layer, asked));
    let desk = Desk::new();
    desk.cache();
    let name = format!(
        "blobs/sha256/{}.partial",
        Sha256::of(&sample.layers[0]).hex()
    );
    std::fs::write(desk.directory.path().join(name), [7; 5000]).unwrap();
    desk.assert_pulls(&server, &sample);
    let asked = server.asked_for(&sample.path_of_layer(0));
    let ranges: Vec<&str> = asked.iter().map(|asked| asked.header("range")).collect();
    assert_eq!(ranges, ["bytes=5000-", ""]);
}

#[test]
fn a_server_without_parts_sends_all_again() {
    let sample = Sample::new(&[&bytes(100_000)]);
    let server = spoiled(&sample, |count, _, layer| match count {
        0 => reply(200, layer).ending(End::Cut(60_000)),
        _ => reply(200, layer),
    });
    Desk::new().assert_pulls(&server, &sample);
    // One that always breaks at the same place is given up.
    let server = spoiled(&sample, |_, _, layer| {
        reply(200, layer).ending(End::Cut(60_000))
    });
    Desk::new().assert_fails(&server, "the transfer broke off after 60000 bytes");
    assert_eq!(server.asked_for(&sample.path_of_layer(0)).len(), 3);
}

#[test]
fn parts_that_were_not_asked_for_are_not_taken() {
    let sample = Sample::new(&[&bytes(100_000)]);
    let server = spoiled(&sample, |count, _, layer| match count {
        0 => reply(200, layer).ending(End::Cut(60_000)),
        1 => reply(206, &layer[10..]).with("Content-Range", "bytes 10-99999/100000"),
        _ => reply(200, layer),
    });
    Desk::new().assert_pulls(&server, &sample);
    let server = spoiled(&sample, |count, _, layer| match count {
        0 => reply(200, layer).ending(End::Cut(60_000)),
        1 => reply(416, ""),
        _ => reply(200, layer),
    });
    Desk::new().assert_pulls(&server, &sample);
    let server = spoiled(&sample, |_, _, layer| reply(206, layer));
    Desk::new().assert_fails(&server, "the server answers 206");
}

#[test]
fn another_content_is_refused() {
    let sample = Sample::new(&[&bytes(1000), b"other"]);
    let server = spoiled(&sample, |_, _, layer| reply(200, vec![0; layer.len()]));
    Desk::new().assert_fails(&server, "what came, 1000 bytes, has another digest");
    let server = spoiled(&sample, |_, _, layer| reply(200, [layer, b"more"].concat()));
    Desk::new().assert_fails(&server, "more comes than the 1000 bytes that it has");
    let server = spoiled(&sample, |_, _, layer| reply(200, &layer[..999]));
    Desk::new().assert_fails(&server, "the transfer broke off after 999 bytes");
    let server = spoiled(&sample, |_, _, layer| {
        reply(200, layer).ending(End::Endless)
    });
    Desk::new().assert_fails(&server, "more comes than the 1000 bytes that it has");
}

#[test]
fn what_is_no_manifest_is_refused() {
    let check = |reply: Reply, expected: &str| {
        let mut desk = Desk::new();
        desk.settings.retries = 0;
        let server = Server::start(move |_| reply.clone());
        desk.assert_fails(&server, expected);
    };
    check(
        reply(200, "garbage"),
        "cannot use the manifest of 'HOST/team/image': it is not as expected",
    );
    check(
        reply(200, "{").ending(End::Endless),
        "it is larger than 4194304 bytes",
    );
    check(
        reply(200, vec![b' '; 5 << 20]),
        "it is larger than 4194304 bytes",
    );
    check(
        reply(200, "{}").ending(End::Cut(1)),
        "the transfer broke off after 1 bytes",
    );
    check(
        reply(
            404,
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
        ),
        "cannot get 'http://HOST/v2/team/image/manifests/latest': the server answers 404: manifest unknown (check the image's \
         name and tag)",
    );
    check(
        reply(404, "\x1b[2Jno JSON"),
        "the server answers 404 (check",
    );
    check(
        reply(404, "").ending(End::Endless),
        "the server answers 404 (check",
    );
}

/// A registry or a proxy that hangs must not hang an import for ever. The time is short here, but nothing is asserted about it.
#[test]
fn who_says_nothing_is_given_up() {
    let sample = Sample::new(&[&bytes(1000)]);
    let mut desk = Desk::new();
    desk.settings.stall_timeout = Duration::from_millis(300);
    desk.settings.retries = 0;
    let server = spoiled(&sample, |_, _, layer| {
        reply(200, &layer[..500]).ending(End::Hang)
    });
    desk.assert_fails(&server, "nothing came for too long");
    let server = Server::start(|_| reply(200, "{").ending(End::Hang));
    desk.assert_fails(&server, "nothing came for too long");
}

#[test]
fn who_is_asked_to_wait_waits_and_tries_again() {
    let sample = Sample::new(&[&bytes(1000)]);
    for status in [429, 500, 502, 503, 504] {
        let server = spoiled(&sample, move |count, _, layer| match count {
            0 | 1 => reply(status, "").with("Retry-After", "0"),
            _ => reply(200, layer),
        });
        Desk::new().assert_pulls(&server, &sample);
    }
    let server = spoiled(&sample, |_, _, _| reply(503, ""));
    Desk::new().assert_fails(&server, "the server answers 503 (try again later)");
    assert_eq!(
        server.asked_for(&sample.path_of_layer(0)).len(),
        3,
        "once, and twice again"
    );
    let server = spoiled(&sample, |_, _, _| reply(404, ""));
    Desk::new().assert_fails(&server, "the server answers 404");
    assert_eq!(server.asked_for(&sample.path_of_layer(0)).len(), 1);
}

#[test]
fn pauses_are_what_the_server_asks_for_within_limits() {
    let settings = Settings::default();
    let error = |seconds: Option<u64>| RegistryError::Status {
        place: String::new(),
        status: 429,
        detail: String::new(),
        retry_after: seconds.map(Duration::from_secs),
    };
    let check = |failures, seconds, expected| {
        let pause = retry::pause(&settings, failures, &error(seconds));
        assert_eq!(pause, Duration::from_secs(expected));
    };
    check(0, None, 1);
    check(3, None, 8);
    check(30, None, 60);
    check(0, Some(7), 7);
    check(4, Some(7), 16);
}

#[test]
fn layers_that_lie_elsewhere() {
    let sample = Sample::new(&[&bytes(1000)]);
    let with_url = |url: String| {
        let mut sample = sample.clone();
        let text = String::from_utf8(sample.manifest).unwrap();
        let tar = r#""mediaType":"application/vnd.oci.image.layer.v1.tar""#;
        sample.manifest = text
            .replace(tar, &format!(r#"{tar},"urls":["{url}"]"#))
            .into_bytes();
        let path = sample.path_of_layer(0);
        Server::start(move |asked| {
            if asked.path.ends_with(&path) {
                reply(404, "")
            } else {
                sample.answer(asked)
            }
        })
    };
    let elsewhere = Server::start(|_| reply(200, bytes(1000)));
    let server = with_url(format!("http://{}/x", elsewhere.address));
    Desk::new().assert_fails(&server, "only https:// is acceptable there");
    assert!(elsewhere.asked().is_empty());
}
