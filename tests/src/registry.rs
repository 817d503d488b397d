//! A real registry, Debian's docker-registry, on a free port of this host, and an image in it that skopeo has pushed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};

use crate::process::{eventually, pid_of};

pub mod tokens;

/// Who may pull where a password is wanted.
pub const USER: &str = "me";
/// The password.
pub const PASSWORD: &str = "secret";

/// `htpasswd -nbB me secret`
const HTPASSWD: &str = "me:$2y$05$UJ4vcmPAHqvhtXW7L9hxDO2HJgqbVjCStai/EEoIrd6lc6roEk0Hu\n";

/// What all of it takes.
const TOOLS: [&str; 5] = [
    "docker-registry",
    "skopeo",
    "umoci",
    "unsquashfs",
    "openssl",
];

/// How a registry lets somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Without TLS, everybody.
    Open,
    /// Over TLS with a certificate of its own making, whoever knows the password.
    Password,
    /// The same, for a token that another server gives to whoever knows the password.
    Token,
}

/// A registry that runs until its value goes.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    directory: tempfile::TempDir,
    guard: Guard,
    /// Its host and port.
    pub address: String,
}

/// What is missing for a registry here, if anything is.
pub fn missing() -> Option<String> {
    let is_missing = |tool: &&str| {
        let found = Command::new("sh")
            .args(["-c", "command -v \"$0\" >/dev/null", tool])
            .status();
        !found.is_ok_and(|status| status.success())
    };
    let missing = TOOLS.into_iter().find(|tool| is_missing(tool))?;
    Some(format!("{missing} is not installed"))
}

impl Registry {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(guard: Guard) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        if guard != Guard::Open {
            make_certificate(directory.path());
            fs::write(at("htpasswd"), HTPASSWD).expect("a file");
        }
        let tokens = (guard == Guard::Token).then(|| tokens::serve(directory.path()));
        fs::write(
            at("config.yml"),
            config(directory.path(), guard, tokens.as_deref()),
        )
        .expect("a file");
        let log = File::create(at("log")).expect("a file");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(at("config.yml"))
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("docker-registry starts");
        let address = eventually(|| {
            let log = fs::read_to_string(at("log")).unwrap_or_default();
            let (_, rest) = log.split_once("listening on ").ok_or_else(|| log.clone())?;
            let address = rest.split(['"', ',']).next().ok_or("no address")?;
            Ok(address.to_owned())
        });
        Self {
            process,
            directory,
            guard,
            address,
        }
    }

    /// A file with the certificate that says who it is.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// Pushes the image of an OCI layout, named `PATH:TAG`, as `name`.
    ///
    /// # Panics
    ///
    /// When skopeo does not push it.
    pub fn push(&self, layout: &str, name: &str) {
        let target = format!("docker://{}/{name}", self.address);
        let source = format!("oci:{layout}");
        let mut skopeo = Command::new("skopeo");
        skopeo.args([
            "--insecure-policy",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
        ]);
        if self.guard != Guard::Open {
            skopeo.arg(format!("--dest-creds={USER}:{PASSWORD}"));
        }
        run(skopeo.args([source, target]));
    }

    /// The digest of an image's manifest, as skopeo has it.
    ///
    /// # Panics
    ///
    /// When skopeo does not say.
    pub fn digest(&self, name: &str) -> String {
        let mut skopeo = Command::new("skopeo");
        skopeo.args(["inspect", "--tls-verify=false", "--format", "{{.Digest}}"]);
        if self.guard != Guard::Open {
            skopeo.arg(format!("--creds={USER}:{PASSWORD}"));
        }
        run(skopeo.arg(format!("docker://{}/{name}", self.address)))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = kill(pid_of(&self.process), Signal::SIGKILL);
        let _ = self.process.wait();
    }
}

/// Makes an OCI layout with one image of two layers, tagged `1`: the second layer takes a file of the first away and has a large one.
///
/// # Panics
///
/// When umoci does not make it.
pub fn make_layout(directory: &Path) -> String {
    let layers = [directory.join("lower"), directory.join("upper")];
    fs::create_dir_all(layers[0].join("etc")).expect("a directory");
    // Debian's umoci forgets what fills up the last block of a file that ends an archive, so none does here.
    fs::create_dir_all(layers[0].join("var")).expect("a directory");
    fs::create_dir_all(&layers[1]).expect("a directory");
    fs::write(layers[0].join("etc/os-release"), "ID=registry-test\n").expect("a file");
    fs::write(layers[0].join("etc/gone"), "").expect("a file");
    let large: Vec<u8> = (0..4_096_000_u32)
        .map(|at| (at.wrapping_mul(at) >> 7) as u8)
        .collect();
    fs::write(layers[1].join("large"), large).expect("a file");

    let layout = directory.join("oci").to_str().expect("a path").to_owned();
    let image = format!("{layout}:1");
    let umoci = |words: &[&str]| run(Command::new("umoci").args(words));
    umoci(&["init", "--layout", &layout]);
    umoci(&["new", "--image", &image]);
    for layer in layers {
        let layer = layer.to_str().expect("a path");
        umoci(&["insert", "--rootless", "--image", &image, layer, "/"]);
    }
    umoci(&[
        "insert",
        "--rootless",
        "--image",
        &image,
        "--whiteout",
        "/etc/gone",
    ]);
    umoci(&["config", "--image", &image, "--config.cmd", "/bin/true"]);
    image
}

fn config(directory: &Path, guard: Guard, tokens: Option<&str>) -> String {
    let at = |name: &str| directory.join(name).display().to_string();
    let storage = format!("filesystem: {{rootdirectory: {}}}", at("storage"));
    let (tls, auth) = (
        format!(
            "tls: {{certificate: {}, key: {}}}",
            at("certificate.pem"),
            at("key.pem")
        ),
        match tokens {
            None => format!("htpasswd: {{realm: test, path: {}}}", at("htpasswd")),
            Some(realm) => format!(
                "token: {{realm: '{realm}', service: {}, issuer: {}, rootcertbundle: {}}}",
                tokens::SERVICE,
                tokens::ISSUER,
                at("certificate.pem")
            ),
        },
    );
    let open = format!("version: 0.1\nstorage:\n  {storage}\nhttp:\n  addr: 127.0.0.1:0\n");
    match guard {
        Guard::Open => open,
        Guard::Password | Guard::Token => format!("{open}  {tls}\nauth:\n  {auth}\n"),
    }
}

/// A certificate for this host that nobody but itself vouches for.
fn make_certificate(directory: &Path) {
    let mut openssl = Command::new("openssl");
    openssl
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=registry test",
            "-keyout",
            "key.pem",
            "-out",
            "certificate.pem",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(directory);
    run(&mut openssl);
}

/// Runs a tool and gives what it prints.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("the tool starts");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        crate::stderr(&output)
    );
    crate::stdout(&output).trim().to_owned()
}
