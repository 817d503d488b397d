//! The client against servers that behave as real ones do, and as they should not.

mod auth;
mod faults;
mod server;

use std::io::{self, Read, Seek};
use std::sync::Mutex;
use std::time::Duration;

use server::{Asked, End, Reply, Server, reply};

use super::*;
use crate::reference::parse_reference;

const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image of layers that are no archives, which nobody looks at here.
#[derive(Clone)]
struct Sample {
    layers: Vec<Vec<u8>>,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

impl Sample {
    fn new(layers: &[&[u8]]) -> Self {
        let diff_ids: Vec<String> = layers
            .iter()
            .map(|layer| Sha256::of(layer).to_string())
            .collect();
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = config.to_string().into_bytes();
        let descriptor = |bytes: &[u8], media_type: &str| serde_json::json!({"mediaType": media_type, "digest": Sha256::of(bytes).to_string(), "size": bytes.len()});
        let tar = "application/vnd.oci.image.layer.v1.tar";
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": descriptor(&config, CONFIG_TYPE),
            "layers": layers.iter().map(|layer| descriptor(layer, tar)).collect::<Vec<_>>(),
        });
        Self {
            layers: layers.iter().map(|layer| layer.to_vec()).collect(),
            config,
            manifest: manifest.to_string().into_bytes(),
        }
    }

    /// What a sound registry answers.
    fn answer(&self, asked: &Asked) -> Reply {
        let blobs = self.layers.iter().chain([&self.config]);
        for blob in blobs {
            if asked.path == format!("/v2/team/image/blobs/{}", Sha256::of(blob)) {
                return part(blob, asked);
            }
        }
        let by_digest = format!("/v2/team/image/manifests/{}", Sha256::of(&self.manifest));
        if asked.path == "/v2/team/image/manifests/latest" || asked.path == by_digest {
            return reply(200, self.manifest.clone()).with("Content-Type", MANIFEST_TYPE);
        }
        reply(
            404,
            r#"{"errors":[{"code":"NOT_FOUND","message":"nothing is known"}]}"#,
        )
    }

    fn path_of_layer(&self, number: usize) -> String {
        format!("/blobs/{}", Sha256::of(&self.layers[number]))
    }
}

/// A blob, or the part of it that is asked for.
fn part(blob: &[u8], asked: &Asked) -> Reply {
    let range = asked.header("range").strip_prefix("bytes=");
    match range.and_then(|range| range.strip_suffix('-')?.parse::<usize>().ok()) {
        None => reply(200, blob),
        Some(offset) => reply(206, &blob[offset..]).with(
            "Content-Range",
            &format!("bytes {offset}-{}/{}", blob.len() - 1, blob.len()),
        ),
    }
}

/// What the user is told.
#[derive(Default)]
struct Notes {
    texts: Mutex<Vec<String>>,
    balance_bytes: Mutex<i64>,
}

impl Watch for Notes {
    fn begin(&self, size_bytes: u64) {
        *self.balance_bytes.lock().unwrap() -= size_bytes.cast_signed();
    }

    fn received(&self, size_bytes: u64) {
        *self.balance_bytes.lock().unwrap() += size_bytes.cast_signed();
    }

    fn lost(&self, size_bytes: u64) {
        *self.balance_bytes.lock().unwrap() -= size_bytes.cast_signed();
    }

    fn note(&self, text: &str) {
        self.texts.lock().unwrap().push(text.to_owned());
    }
}

/// A client's circumstances.
struct Desk {
    directory: tempfile::TempDir,
    settings: Settings,
    variables: Vec<(&'static str, String)>,
    notes: Notes,
    user: &'static str,
    /// The registry's name, if that is not the server's address.
    host: Option<String>,
}

impl Desk {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            settings: Settings {
                allow_http: true,
                connections: 3,
                retries: 2,
                first_pause: Duration::from_millis(1),
                connect_timeout: Duration::from_secs(20),
                stall_timeout: Duration::from_secs(20),
                transfer_timeout: None,
            },
            variables: Vec::new(),
            notes: Notes::default(),
            user: "",
            host: None,
        }
    }

    fn cache(&self) -> Cache {
        Cache::at(self.directory.path()).unwrap()
    }

    fn ask<T>(
        &self,
        server: &Server,
        version: &str,
        then: impl FnOnce(&Client<'_>, &Reference) -> T,
    ) -> T {
        let variables = |name: &str| {
            let found = self.variables.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| value.clone())
        };
        let client = Client {
            settings: self.settings.clone(),
            variables: &variables,
            ask_password: &|_| Err(io::Error::other("no terminal")),
            watch: &self.notes,
        };
        let host = match &self.host {
            Some(host) => host.clone(),
            None => server.address.to_string(),
        };
        let uri = format!("docker://{}{host}#team/image{version}", self.user);
        then(&client, &parse_reference(&uri).unwrap())
    }

    fn pull_version(&self, server: &Server, version: &str) -> Result<Layered, RegistryError> {
        self.ask(server, version, |client, reference| {
            let platform = Platform::parse("amd64").unwrap();
            client.pull(reference, &platform, "docker://…", &self.cache())
        })
    }

    fn pull(&self, server: &Server) -> Result<Layered, RegistryError> {
        self.pull_version(server, "")
    }

    /// That it comes whole, and that the progress came to its end exactly.
    fn assert_pulls(&self, server: &Server, sample: &Sample) {
        let layered = self.pull(server).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(contents(&layered), sample.layers);
        assert_eq!(*self.notes.balance_bytes.lock().unwrap(), 0, "progress");
    }

    fn assert_fails(&self, server: &Server, expected: &str) {
        let error = self.pull(server).expect_err("it must fail").to_string();
        let error = error.replace(&server.address.to_string(), "HOST");
        assert!(error.contains(expected), "{error}");
    }
}

fn contents(layered: &Layered) -> Vec<Vec<u8>> {
    let read = |layer: &Layer| {
        let mut file = layer.file.try_clone().unwrap();
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    };
    layered.layers.iter().map(read).collect()
}

#[test]
fn an_image_comes_whole_and_only_once() {
    let sample = Sample::new(&[b"lowest", b"middle", b"lowest", b""]);
    let server = Server::start({
        let sample = sample.clone();
        move |asked| sample.answer(asked)
    });
    let desk = Desk::new();
    let layered = desk.pull(&server).unwrap();
    assert_eq!(contents(&layered), sample.layers);
    assert_eq!(layered.config.as_deref(), Some(sample.config.as_slice()));
    let digest = Sha256::of(&sample.manifest).to_string();
    let origin = Origin {
        uri: "docker://…".to_owned(),
        manifest_digest: Some(digest.clone()),
        platform: Some("linux/amd64".to_owned()),
    };
    assert_eq!(layered.origin, origin);
    assert_eq!(layered.layers[1].name, Sha256::of(b"middle").to_string());
    assert_eq!(
        layered.layers[1].diff_id,
        Some(Sha256::of(b"middle").to_string())
    );
    assert_eq!(*desk.notes.balance_bytes.lock().unwrap(), 0);

    assert_eq!(
        server.asked_for("/blobs/").len(),
        3,
        "one is there twice, one is empty"
    );
    desk.assert_pulls(&server, &sample);
    assert_eq!(server.asked_for("/blobs/").len(), 3, "all is in the cache");
    desk.pull_version(&server, &format!("@{digest}")).unwrap();
    let found = desk.ask(&server, "", |client, reference| {
        client.digest(reference, &Platform::parse("amd64").unwrap())
    });
    assert_eq!(found.unwrap(), digest);
}

#[test]
fn an_index_leads_to_the_platforms_image() {
    let sample = Sample::new(&[b"layer"]);
    let index = |platform: &str| {
        format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{MANIFEST_TYPE}","digest":"{}","size":{},
            "platform":{{"os":"linux","architecture":"{platform}"}}}}]}}"#,
            Sha256::of(&sample.manifest),
            sample.manifest.len(),
        )
    };
    let serve = |index: String| {
        let sample = sample.clone();
        Server::start(move |asked| match asked.path.as_str() {
            "/v2/team/image/manifests/latest" => reply(200, index.clone()),
            _ => sample.answer(asked),
        })
    };
    let server = serve(index("amd64"));
    Desk::new().assert_pulls(&server, &sample);
    assert_eq!(server.asked_for("/manifests/").len(), 2);
    Desk::new().assert_fails(
        &serve(index("s390x")),
        "cannot use the index of 'HOST/team/image': there is none for linux/amd64, only for linux/s390x (choose with --arch)",
    );
    // An index that points to itself cannot be made, but a server need not care about digests of what it sends by tag.
    let digest = Sha256::of(index("amd64").as_bytes());
    let nested = index("amd64").replace(
        &Sha256::of(&sample.manifest).to_string(),
        &digest.to_string(),
    );
    let inner = index("amd64");
    let server = Server::start(move |asked| {
        if asked.path.ends_with("latest") {
            reply(200, nested.clone())
        } else {
            reply(200, inner.clone())
        }
    });
    Desk::new().assert_fails(&server, "what came has the digest");
}

/// Enroot's issue 277: a registry that has an OCI manifest says that there is nothing unless all kinds are acceptable.
#[test]
fn all_kinds_are_acceptable() {
    let sample = Sample::new(&[b"layer"]);
    let server = Server::start({
        let sample = sample.clone();
        move |asked| {
            let is_fussy = asked.path.contains("/manifests/")
                && [
                    "oci.image.index",
                    "oci.image.manifest",
                    "manifest.list.v2",
                    "manifest.v2",
                ]
                .iter()
                .any(|kind| !asked.header("accept").contains(kind));
            if is_fussy {
                reply(404, "")
            } else {
                sample.answer(asked)
            }
        }
    });
    Desk::new().assert_pulls(&server, &sample);
}

#[test]
fn without_tls_only_if_that_is_permitted() {
    let sample = Sample::new(&[b"layer"]);
    let server = Server::start({
        let sample = sample.clone();
        move |asked| sample.answer(asked)
    });
    let mut desk = Desk::new();
    desk.settings.allow_http = false;
    desk.settings.retries = 0;
    desk.assert_fails(
        &server,
        "cannot reach 'https://HOST/v2/team/image/manifests/latest'",
    );
    assert!(server.asked().is_empty(), "nothing is sent in the clear");
    desk.settings.allow_http = true;
    desk.assert_pulls(&server, &sample);
    let notes = desk.notes.texts.lock().unwrap();
    assert!(notes[0].contains("does not speak TLS"), "{notes:?}");
}

/// The registry is a host that only the proxy knows.
#[test]
fn through_a_proxy() {
    let sample = Sample::new(&[b"layer"]);
    let proxy = Server::start({
        let sample = sample.clone();
        move |asked| sample.answer(asked)
    });
    let mut desk = Desk::new();
    desk.host = Some("registry.invalid".to_owned());
    let url = format!("http://me:secret@{}", proxy.address);
    desk.variables.push(("all_proxy", url));
    desk.assert_pulls(&proxy, &sample);
    let mut connected = proxy.asked();
    connected.retain(|asked| asked.method == "CONNECT");
    assert_eq!(connected[0].path, "registry.invalid:443");
    let others = &connected[1..];
    assert!(
        others
            .iter()
            .all(|asked| asked.path == "registry.invalid:80")
    );
    // me:secret
    let known = connected[0].header("proxy-authorization");
    assert_eq!(known, "Basic bWU6c2VjcmV0");

    desk.variables.push(("NO_PROXY", ".invalid".to_owned()));
    desk.settings.retries = 0;
    let error = desk.pull(&proxy).unwrap_err().to_string();
    assert!(error.contains("cannot reach"), "{error}");
    for (name, text) in [
        ("HTTPS_PROXY", "ftp://x y"),
        ("ALL_PROXY", "socks5://127.0.0.1:1080"),
        ("all_proxy", "socks4a://proxy:1080"),
    ] {
        desk.variables = vec![(name, text.to_owned())];
        let error = desk.pull(&proxy).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "cannot use the proxy that ${name} names: it is not the address of an HTTP proxy (expected http://HOST:PORT)"
            )
        );
    }
}
