//! Images from a registry: the OCI's distribution API, which Docker's registries speak, too.

mod address;
mod auth;
mod blob;
mod challenge;
mod error;
mod http;
mod manifest;
mod proxy;
mod retry;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

pub use error::RegistryError;

use address::Address;
use auth::{Permit, Session};
use blob::Download;
use http::{Answer, Http, Question};
use manifest::{ACCEPT, DOCUMENT_SIZE_BYTES_MAX, Descriptor, Document, Manifest};
use retry::with_retries;

use crate::cache::Cache;
use crate::credentials::{self, AskPassword};
use crate::digest::Sha256;
use crate::layered::{Layer, Layered, Origin};
use crate::platform::Platform;
use crate::reference::{Reference, Version};
use crate::settings::{Settings, Variables};
use crate::watch::Watch;

/// An index may point to another, but not for ever.
const INDEX_DEPTH_MAX: usize = 4;

/// With what a registry is spoken to.
pub struct Client<'a> {
    /// Time, number, repetition.
    pub settings: Settings,
    /// The environment: proxies, certificates, credentials.
    pub variables: Variables<'a>,
    /// Asks for a password.
    pub ask_password: AskPassword<'a>,
    /// Who looks on.
    pub watch: &'a dyn Watch,
}

/// A manifest and where it was.
struct Resolved {
    base: Address,
    manifest: Manifest,
    digest: Sha256,
}

impl Client<'_> {
    /// Downloads an image for a platform; what the cache has is not downloaded again. Everything is checked against its digest, down
    /// from the manifest's, if the image is named by that.
    ///
    /// # Errors
    /// If the registry does not give it, or not undamaged.
    pub fn pull(
        &self,
        reference: &Reference,
        platform: &Platform,
        uri: &str,
        cache: &Cache,
    ) -> Result<Layered, RegistryError> {
        let http = Http::new(self.settings.clone(), self.variables)?;
        let find_login = || credentials::find(reference, self.variables, self.ask_password);
        let session = session(&http, reference, &find_login);
        let resolved = self.resolve(&session, reference, platform)?;
        let download = Download {
            session: &session,
            base: &resolved.base,
            cache,
            watch: self.watch,
            given_up: &AtomicBool::new(false),
        };
        let manifest = &resolved.manifest;
        let sizes = unique(&manifest.layers).map(|layer| layer.size_bytes);
        self.watch
            .begin(sizes.fold(manifest.config.size_bytes, u64::saturating_add));
        let config = read_config(
            blob::fetch(&download, &manifest.config)?,
            &resolved,
            reference,
        )?;
        let diff_ids = manifest::parse_config(&config, manifest.layers.len())
            .map_err(bad("the configuration", reference))?;
        if let Some(found) = &diff_ids.platform
            && platform.distance("linux", &found.architecture, found.variant.as_deref()) != Some(0)
        {
            self.watch
                .note(&format!("the image is for {found}, not for {platform}"));
        }
        let files = self.fetch_layers(&download, manifest)?;
        let layers = manifest.layers.iter().zip(diff_ids.diff_ids);
        let layers = layers.map(|(layer, diff_id)| {
            let file = &files[&layer.digest];
            Ok(Layer {
                file: file.try_clone().map_err(RegistryError::Open)?,
                offset_bytes: 0,
                size_bytes: layer.size_bytes,
                name: layer.digest.to_string(),
                diff_id: Some(diff_id),
            })
        });
        Ok(Layered {
            layers: layers.collect::<Result<_, RegistryError>>()?,
            config: Some(config),
            origin: Origin {
                uri: uri.to_owned(),
                manifest_digest: Some(resolved.digest.to_string()),
                platform: Some(diff_ids.platform.as_ref().unwrap_or(platform).to_string()),
            },
        })
    }

    /// The digest of the manifest that an image has for a platform.
    ///
    /// # Errors
    /// If the registry does not say.
    pub fn digest(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<String, RegistryError> {
        let http = Http::new(self.settings.clone(), self.variables)?;
        let find_login = || credentials::find(reference, self.variables, self.ask_password);
        let session = session(&http, reference, &find_login);
        let resolved = self.resolve(&session, reference, platform)?;
        Ok(resolved.digest.to_string())
    }

    /// Follows a tag or digest down to one manifest.
    fn resolve(
        &self,
        session: &Session<'_>,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Resolved, RegistryError> {
        let base = self.find_base(session, reference)?;
        let mut version = reference.version.clone();
        for _ in 0..INDEX_DEPTH_MAX {
            let (bytes, content_type) = get_manifest(session, &base, &version)?;
            let digest = Sha256::of(&bytes);
            if let Version::Digest(asked) = &version
                && *asked != digest.to_string()
            {
                return Err(RegistryError::Damaged {
                    digest: asked.clone(),
                    registry: session.registry.clone(),
                    reason: format!("what came has the digest {digest}"),
                });
            }
            let document = manifest::parse_document(&bytes, &content_type)
                .map_err(bad("the manifest", reference))?;
            match document {
                Document::Manifest(manifest) => {
                    return Ok(Resolved {
                        base,
                        manifest,
                        digest,
                    });
                }
                Document::Index(entries) => {
                    let chosen = manifest::choose(&entries, platform)
                        .map_err(bad("the index", reference))?;
                    version = Version::Digest(chosen.digest.to_string());
                }
            }
        }
        Err(bad("the index", reference)(
            "it points to another index, and that to another".to_owned(),
        ))
    }

    /// The registry's URL for the image: with TLS, unless it has none and that is permitted.
    fn find_base(
        &self,
        session: &Session<'_>,
        reference: &Reference,
    ) -> Result<Address, RegistryError> {
        let base = |scheme: &str| {
            let (registry, repository) = (&reference.registry, &reference.repository);
            Address::parse(&format!("{scheme}://{registry}/v2/{repository}"))
        };
        let secure = base("https")?;
        if !self.settings.allow_http {
            return Ok(secure);
        }
        let ping = secure.join("/v2/")?;
        match session.http.ask(&ping, &Question::default()) {
            Ok(_) => Ok(secure),
            Err(RegistryError::Unreachable { .. }) => {
                self.watch.note(&format!(
                    "'{}' does not speak TLS: what it sends can be read on its way",
                    reference.registry
                ));
                base("http")
            }
            Err(error) => Err(error),
        }
    }

    /// All layers, several at once. The first that fails ends the others.
    fn fetch_layers(
        &self,
        download: &Download<'_>,
        manifest: &Manifest,
    ) -> Result<BTreeMap<Sha256, File>, RegistryError> {
        // The largest first, since the last to begin should not be the one that takes longest.
        let mut layers: Vec<&Descriptor> = unique(&manifest.layers).collect();
        layers.sort_by_key(|layer| std::cmp::Reverse(layer.size_bytes));
        let next = AtomicUsize::new(0);
        let done = Mutex::new(BTreeMap::new());
        let failed = Mutex::new(None);
        let work = || {
            while let Some(layer) = layers.get(next.fetch_add(1, Ordering::Relaxed)) {
                match blob::fetch(download, layer) {
                    Ok(file) => {
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.insert(layer.digest, file);
                    }
                    Err(error) => {
                        download.given_up.store(true, Ordering::Relaxed);
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        // That others were given up is no reason.
                        if failed.is_none() && !matches!(error, RegistryError::GivenUp) {
                            *failed = Some(error);
                        }
                        return;
                    }
                }
            }
        };
        thread::scope(|scope| {
            let count = self.settings.connections.clamp(1, layers.len().max(1));
            for _ in 1..count {
                let builder = thread::Builder::new().name("download".to_owned());
                if builder.spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

fn session<'a>(
    http: &'a Http,
    reference: &Reference,
    find_login: &'a (
            dyn Fn() -> Result<Option<credentials::Login>, credentials::CredentialError> + Sync
        ),
) -> Session<'a> {
    Session {
        http,
        registry: reference.registry.clone(),
        repository: reference.repository.clone(),
        find_login,
        permit: Mutex::new(Permit::default()),
    }
}

/// A manifest or index as it came, and what the server calls it.
fn get_manifest(
    session: &Session<'_>,
    base: &Address,
    version: &Version,
) -> Result<(Vec<u8>, String), RegistryError> {
    let settings = &session.http.settings;
    let path = format!("{}/manifests/{}", base.uri().path(), version.as_str());
    let address = base.join(&path)?;
    with_retries(settings, |_| {
        let question = Question {
            headers: vec![("accept", ACCEPT.to_owned())],
            timeout: Some(settings.stall_timeout),
            ..Question::default()
        };
        let mut answer: Answer = session.ask(&address, question)?;
        if answer.status != 200 {
            return Err(answer.into_error());
        }
        let bytes = answer.bytes(DOCUMENT_SIZE_BYTES_MAX)?;
        let content_type = answer.header("content-type").unwrap_or_default().to_owned();
        Ok((bytes, content_type))
    })
}

fn read_config(
    file: File,
    resolved: &Resolved,
    reference: &Reference,
) -> Result<Vec<u8>, RegistryError> {
    let mut config = Vec::new();
    file.take(resolved.manifest.config.size_bytes)
        .read_to_end(&mut config)
        .map_err(|error| bad("the configuration", reference)(error.to_string()))?;
    Ok(config)
}

/// Each blob once: images have the same empty layer several times.
fn unique(layers: &[Descriptor]) -> impl Iterator<Item = &Descriptor> {
    let by_digest: BTreeMap<Sha256, &Descriptor> =
        layers.iter().map(|layer| (layer.digest, layer)).collect();
    by_digest.into_values()
}

fn bad(what: &'static str, reference: &Reference) -> impl FnOnce(String) -> RegistryError {
    let image = format!("{}/{}", reference.registry, reference.repository);
    move |reason| RegistryError::BadDocument {
        what,
        image,
        reason,
    }
}

#[cfg(test)]
mod tests;
