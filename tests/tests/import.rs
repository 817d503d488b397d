//! `bundle import` and `bundle digest` against a real registry: without TLS, with a password, with tokens.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use tests::docker::Engine;
use tests::process::{finish, pid_of, start, wait};
use tests::registry::{Guard, PASSWORD, Registry, USER, make_layout, missing};
use tests::site::bundle_program;
use tests::{skip, stderr, stdout};

/// The name of the image in the registry.
const IMAGE: &str = "team/image:1";

/// A directory to import in, with a home and a cache of its own.
struct Desk {
    directory: tempfile::TempDir,
    set: Vec<(&'static str, String)>,
}

impl Desk {
    fn new() -> Self {
        let directory = tests::scratch();
        fs::create_dir(directory.path().join("work")).expect("a directory");
        Self {
            directory,
            set: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(bundle_program());
        command.args(words).current_dir(self.path("work"));
        // Nothing of the host's, neither proxies nor credentials.
        command.env_clear().env("HOME", self.directory.path());
        command.envs(self.set.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        finish(self.command(words))
    }

    fn succeeds(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
        stdout(&output)
    }

    fn fails(&self, words: &[&str], expected: &str) {
        let output = self.run(words);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains(expected), "{words:?}: {said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }

    /// That an image is what was pushed.
    fn assert_is_the_image(&self, name: &str) {
        let cat = |path: &str| {
            let mut command = Command::new("unsquashfs");
            command
                .arg("-cat")
                .arg(self.path("work").join(name))
                .arg(path);
            finish(command)
        };
        assert_eq!(stdout(&cat("etc/os-release")), "ID=registry-test\n");
        assert_eq!(cat("large").stdout.len(), 4_096_000);
        assert!(
            !cat("etc/gone").status.success(),
            "a later layer has taken it away"
        );
    }

    fn blobs(&self) -> Vec<PathBuf> {
        names(&self.path(".cache/benchrun/blobs/sha256"))
    }
}

fn names(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    names.sort();
    names
}

/// Runs a test with a registry that has the image, or says why not.
fn with_registry(test: &str, guard: Guard, run: impl FnOnce(&Registry, &mut Desk)) {
    if let Some(why) = missing() {
        return skip(test, &why);
    }
    let registry = Registry::start(guard);
    let source = tests::scratch();
    registry.push(&make_layout(source.path()), IMAGE);
    run(&registry, &mut Desk::new());
}

#[test]
fn without_tls() {
    with_registry("without_tls", Guard::Open, |registry, desk| {
        let uri = format!("docker://{}/{IMAGE}", registry.address);
        desk.fails(
            &["import", &uri],
            "it does not speak TLS; --allow-http permits to do without",
        );
        assert_eq!(names(&desk.path("work")), [] as [PathBuf; 0]);

        let said = desk.succeeds(&["import", "--allow-http", &uri]);
        let digest = registry.digest(IMAGE);
        assert!(said.starts_with("made 'team+image+1.sqsh': "), "{said}");
        assert!(said.trim_end().ends_with(&digest), "{said}");
        desk.assert_is_the_image("team+image+1.sqsh");
        let pack = ["pack", "--image", "team+image+1.sqsh"];
        desk.succeeds(&pack);
        fs::remove_file(desk.path("work/team+image+1.run")).expect("it has the image's name");
        // A configuration and three layers; nothing that is not whole.
        let blobs = desk.blobs();
        assert_eq!(blobs.len(), 4, "{blobs:?}");
        assert!(
            blobs.iter().all(|blob| blob.extension().is_none()),
            "{blobs:?}"
        );

        desk.fails(
            &["import", "--allow-http", &uri],
            "it exists (use --force to replace it)",
        );
        let first = fs::read(desk.path("work/team+image+1.sqsh")).expect("an image");
        desk.set.push(("ENROOT_ALLOW_HTTP", "y".to_owned()));
        assert_eq!(desk.succeeds(&["import", "--force", "--quiet", &uri]), "");
        let again = fs::read(desk.path("work/team+image+1.sqsh")).expect("an image");
        assert!(first == again, "the same image has the same bytes");
        assert_eq!(desk.succeeds(&["digest", &uri]).trim_end(), digest);

        let by_digest = format!("docker://{}#team/image@{digest}", registry.address);
        desk.succeeds(&["import", "--output", "by-digest.sqsh", &by_digest]);
        desk.assert_is_the_image("by-digest.sqsh");
        let other = format!("docker://{}/team/image:2", registry.address);
        desk.fails(
            &["import", &other],
            "the server answers 404: manifest unknown (check the image's name and tag)",
        );
        assert_eq!(names(&desk.path("work")).len(), 2);
    });
}

/// A blob in the cache that was damaged, and one that was broken off, are fetched as if they were not there.
#[test]
fn the_cache_is_not_believed() {
    with_registry(
        "the_cache_is_not_believed",
        Guard::Open,
        |registry, desk| {
            let uri = format!("docker://{}/{IMAGE}", registry.address);
            let import = ["import", "--allow-http", "--force", "--quiet", &uri];
            desk.succeeds(&import);
            for blob in desk.blobs() {
                let mut bytes = fs::read(&blob).expect("a blob");
                let half = bytes.len() / 2;
                fs::write(blob.with_extension("partial"), &bytes[..half]).expect("a file");
                bytes[half] ^= 1;
                fs::write(&blob, bytes).expect("a file");
            }
            desk.succeeds(&import);
            desk.assert_is_the_image("team+image+1.sqsh");
            assert_eq!(desk.blobs().len(), 4);
        },
    );
}

/// Two at once, of which the second waits for what the first downloads.
#[test]
fn several_at_once() {
    with_registry("several_at_once", Guard::Open, |registry, desk| {
        let uri = format!("docker://{}/{IMAGE}", registry.address);
        let outputs = ["a.sqsh", "b.sqsh", "c.sqsh"];
        let children = outputs.map(|output| {
            let words = ["import", "--allow-http", "--output", output, &uri];
            start(&mut desk.command(&words))
        });
        for child in children {
            let output = wait(child);
            assert!(output.status.success(), "{}", stderr(&output));
        }
        for output in outputs {
            desk.assert_is_the_image(output);
        }
        assert_eq!(desk.blobs().len(), 4);
    });
}

#[test]
fn with_a_password() {
    with_registry("with_a_password", Guard::Password, guarded);
}

#[test]
fn with_tokens() {
    with_registry("with_tokens", Guard::Token, |registry, desk| {
        // The token server has no TLS.
        desk.set.push(("BENCHRUN_ALLOW_HTTP", "1".to_owned()));
        guarded(registry, desk);
    });
}

/// Whoever knows the password gets the image, wherever the password is written down, and nobody else does.
fn guarded(registry: &Registry, desk: &mut Desk) {
    let address = &registry.address;
    let uri = format!("docker://{address}/{IMAGE}");
    let import = ["import", "--force", uri.as_str()];
    desk.fails(&import, "name a file with the one who has in SSL_CERT_FILE");
    let certificate = registry.certificate();
    desk.set.push((
        "SSL_CERT_FILE",
        certificate.to_str().expect("a path").to_owned(),
    ));
    let refusal = if desk.set.len() > 1 {
        "wrong password"
    } else {
        "the registry denies it to somebody unknown"
    };
    desk.fails(&import, refusal);

    let with_user = format!("docker://{USER}@{address}/{IMAGE}");
    desk.fails(
        &["import", &with_user],
        "no password is known and nobody can be asked for it",
    );
    desk.set.push(("BENCHRUN_PASSWORD", PASSWORD.to_owned()));
    desk.succeeds(&["import", &with_user]);
    desk.assert_is_the_image("team+image+1.sqsh");
    desk.set.pop();

    let write = |name: &str, text: &str| {
        let path = desk.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    let netrc = format!("machine 127.0.0.1 login {USER} password $PULL\n");
    write(".config/enroot/.credentials", &netrc);
    desk.fails(&import, "names $PULL, which is not set");
    desk.set.push(("PULL", PASSWORD.to_owned()));
    desk.succeeds(&import);
    fs::remove_file(desk.path(".config/enroot/.credentials")).expect("it goes");

    // me:secret
    let docker = format!(r#"{{"auths":{{"{address}":{{"auth":"bWU6c2VjcmV0"}}}}}}"#);
    let path = desk.path(".docker/config.json");
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(path, docker).expect("a file");
    desk.succeeds(&import);
    assert_eq!(
        desk.succeeds(&["digest", &uri]).trim_end(),
        registry.digest(IMAGE)
    );
}

#[test]
fn from_dockers_daemon() {
    let name = "from_dockers_daemon";
    if let Some(why) = missing() {
        return skip(name, &why);
    }
    let engine = match Engine::shared() {
        Ok(engine) => engine,
        Err(why) => return skip(name, &why),
    };
    let mut desk = Desk::new();
    let image = "benchrun-import-test";
    let archive = save(&desk, &format!("{image}:latest"));
    let docker = |words: &[&str]| {
        let output = finish(engine.command(words));
        assert!(output.status.success(), "{}", stderr(&output));
    };
    docker(&["load", "--input", archive.to_str().expect("a path")]);
    desk.set
        .extend(engine.host().map(|host| ("DOCKER_HOST", host)));
    let said = desk.succeeds(&["import", &format!("dockerd://{image}")]);
    assert!(
        said.starts_with("made 'benchrun-import-test.sqsh': "),
        "{said}"
    );
    desk.assert_is_the_image("benchrun-import-test.sqsh");
    desk.fails(
        &["import", "dockerd://benchrun-no-such-image:1"],
        "(docker pull gets an image, docker images lists what there is)",
    );
    docker(&["rmi", "--force", image]);
    assert_eq!(names(&desk.path("work")).len(), 1);
}

/// Podman is asked through its program, for which another stands here.
#[test]
fn from_podman() {
    if let Some(why) = missing() {
        return skip("from_podman", &why);
    }
    let mut desk = Desk::new();
    let archive = save(&desk, "localhost/image:1");
    desk.set.push((
        "PATH",
        desk.directory.path().to_str().expect("a path").to_owned(),
    ));
    desk.fails(
        &["import", "podman://localhost/image:1"],
        "the program 'podman': it is not installed",
    );
    let script = format!(
        "#!/bin/sh\nset -eu\ntest \"$*\" = 'save --format docker-archive -- localhost/image:1'\nexec /bin/cat '{}'\n",
        archive.display()
    );
    let program = desk.path("podman");
    fs::write(&program, script).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
    let said = desk.succeeds(&["import", "podman://localhost/image:1"]);
    assert!(
        said.starts_with("made 'localhost+image+1.sqsh': "),
        "{said}"
    );
    desk.assert_is_the_image("localhost+image+1.sqsh");
}

/// The image as `docker save` writes it.
fn save(desk: &Desk, name: &str) -> PathBuf {
    let archive = desk.path("saved.tar");
    let source = format!("oci:{}", make_layout(&desk.path("source")));
    let target = format!("docker-archive:{}:{name}", archive.display());
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["--insecure-policy", "copy", "--quiet", &source, &target]);
    let output = finish(skopeo);
    assert!(output.status.success(), "{}", stderr(&output));
    archive
}

/// Ctrl-C while nothing answers: nothing is left where the image was to be.
#[test]
fn interrupted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let desk = Desk::new();
    let uri = format!(
        "docker://{}/image",
        listener.local_addr().expect("an address")
    );
    let child = start(&mut desk.command(&["import", &uri]));
    let (_connection, _) = listener.accept().expect("it asks");
    kill(pid_of(&child), Signal::SIGINT).expect("it lives");
    assert_eq!(wait(child).status.signal(), Some(Signal::SIGINT as i32));
    assert_eq!(names(&desk.path("work")), [] as [PathBuf; 0]);
}

#[test]
fn what_is_no_image_is_refused_before_anything_is_made() {
    let mut desk = Desk::new();
    desk.fails(&["import", "alpine"], "it begins with none of docker://");
    desk.fails(&["import", "docker://Alpine"], "upper-case letters");
    desk.fails(
        &["import", "docker://127.0.0.1:1/a"],
        "cannot reach 'https://127.0.0.1:1/v2/a/manifests/latest'",
    );
    desk.set.push(("SSL_CERT_FILE", "/nowhere".to_owned()));
    desk.fails(
        &["import", "docker://127.0.0.1:1/a"],
        "cannot use the certificates",
    );
    assert_eq!(names(&desk.path("work")), [] as [PathBuf; 0]);
}
