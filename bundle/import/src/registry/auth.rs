//! Being let in: a registry's challenge is answered with a token or with user and password.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use ct_codecs::{Base64, Encoder};
use serde::Deserialize;

use super::address::{Address, percent_encoded};
use super::challenge::{Challenge, parse_challenges};
use super::error::RegistryError;
use super::http::{Answer, Http, Question};
use super::retry::with_retries;
use crate::credentials::{CredentialError, Login};

/// No token server's answer is larger.
const TOKEN_SIZE_BYTES_MAX: u64 = 1 << 20;

/// What this program calls itself where a token server wants to know.
const CLIENT_ID: &str = "benchrun";

/// The dealings with one registry about one image.
pub(crate) struct Session<'a> {
    pub(crate) http: &'a Http,
    pub(crate) registry: String,
    pub(crate) repository: String,
    pub(crate) find_login: &'a (dyn Fn() -> Result<Option<Login>, CredentialError> + Sync),
    pub(crate) permit: Mutex<Permit>,
}

/// What lets us in, if anything is needed. It is one for one image, since one scope is: to pull it.
#[derive(Default)]
pub(crate) struct Permit {
    authorization: Option<String>,
    /// How often it has been renewed: of several threads that are turned away, one renews it.
    round: u64,
    /// Who we are, looked up when first needed.
    login: Option<Login>,
    is_login_known: bool,
}

impl Session<'_> {
    /// Asks the registry. A permit is got when it asks for one, and renewed when it has expired, in the middle of everything.
    ///
    /// # Errors
    /// If nobody answers, or we are not let in.
    pub(crate) fn ask(
        &self,
        address: &Address,
        mut question: Question<'_>,
    ) -> Result<Answer, RegistryError> {
        let (authorization, round) = {
            let permit = self.lock();
            (permit.authorization.clone(), permit.round)
        };
        question.authorization = authorization;
        let answer = self.http.ask(address, &question)?;
        // A storage server that the registry redirects to has no say in who we are.
        if answer.status != 401 || !answer.from.is_same_server(address) {
            return self.allowed(answer);
        }
        question.authorization = Some(self.renewed(round, answer)?);
        let answer = self.http.ask(address, &question)?;
        self.allowed(answer)
    }

    fn allowed(&self, mut answer: Answer) -> Result<Answer, RegistryError> {
        if !matches!(answer.status, 401 | 403) {
            return Ok(answer);
        }
        Err(RegistryError::Denied {
            place: answer.from.place(),
            who: who(self.lock().login.as_ref()),
            detail: answer.detail(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Permit> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new permit, unless another thread has got one since.
    fn renewed(&self, round: u64, answer: Answer) -> Result<String, RegistryError> {
        let mut permit = self.lock();
        if permit.round != round
            && let Some(authorization) = &permit.authorization
        {
            return Ok(authorization.clone());
        }
        if !permit.is_login_known {
            permit.login = (self.find_login)()?;
            permit.is_login_known = true;
        }
        let login = permit.login.clone();
        let authorization = self.answer_challenge(answer, login.as_ref())?;
        permit.authorization = Some(authorization.clone());
        permit.round += 1;
        Ok(authorization)
    }

    fn answer_challenge(
        &self,
        mut answer: Answer,
        login: Option<&Login>,
    ) -> Result<String, RegistryError> {
        let challenges = parse_challenges(answer.header_values("www-authenticate"));
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => Some((realm, service.as_deref(), scope.as_deref())),
            _ => None,
        });
        if let Some((realm, service, scope)) = bearer {
            let token = self.token(&answer.from.join(realm)?, service, scope, login)?;
            return Ok(format!("Bearer {token}"));
        }
        if challenges.contains(&Challenge::Basic) {
            return match login {
                Some(Login::Password { user, password }) => Ok(basic(user, password)),
                _ => Err(RegistryError::Denied {
                    place: answer.from.place(),
                    who: who(login),
                    detail: answer.detail(),
                }),
            };
        }
        let offered = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Other(scheme) => Some(scheme.escape_default().to_string()),
            _ => None,
        });
        Err(self.cannot_log_in(match offered {
            Some(scheme) => format!("it wants the method '{scheme}', which is not known"),
            None => "it does not say how".to_owned(),
        }))
    }

    fn token(
        &self,
        realm: &Address,
        service: Option<&str>,
        scope: Option<&str>,
        login: Option<&Login>,
    ) -> Result<String, RegistryError> {
        let own_scope = format!("repository:{}:pull", self.repository);
        let scope = scope
            .filter(|scope| !scope.is_empty())
            .unwrap_or(&own_scope);
        let mut parameters = Vec::new();
        if let Some(service) = service {
            parameters.push(("service", service));
        }
        parameters.push(("scope", scope));
        let mut answer = with_retries(&self.http.settings, |_| {
            let answer = self.ask_for_token(realm, &parameters, login)?;
            match answer.status {
                200 | 400..=407 => Ok(answer),
                _ => Err(answer.into_error()),
            }
        })?;
        if answer.status != 200 {
            let detail = answer.detail();
            return Err(self.cannot_log_in(format!(
                "'{}' answers {} to {}{detail} (check user and password)",
                realm.place(),
                answer.status,
                who(login)
            )));
        }
        let bytes = answer.bytes(TOKEN_SIZE_BYTES_MAX)?;
        token_in(&bytes).ok_or_else(|| {
            self.cannot_log_in(format!("'{}' answers without a token", realm.place()))
        })
    }

    fn ask_for_token(
        &self,
        realm: &Address,
        parameters: &[(&str, &str)],
        login: Option<&Login>,
    ) -> Result<Answer, RegistryError> {
        let timeout = Some(self.http.settings.stall_timeout);
        if let Some(Login::IdentityToken(token)) = login {
            let mut form = format!(
                "grant_type=refresh_token&client_id={CLIENT_ID}&refresh_token={}",
                percent_encoded(token)
            );
            for (name, value) in parameters {
                let _ = write!(form, "&{name}={}", percent_encoded(value));
            }
            let question = Question {
                form: Some(&form),
                timeout,
                ..Question::default()
            };
            return self.http.ask(realm, &question);
        }
        let authorization = match login {
            Some(Login::Password { user, password }) => Some(basic(user, password)),
            _ => None,
        };
        let question = Question {
            authorization,
            timeout,
            ..Question::default()
        };
        self.http.ask(&realm.with_query(parameters)?, &question)
    }

    fn cannot_log_in(&self, reason: String) -> RegistryError {
        RegistryError::LogIn {
            registry: self.registry.clone(),
            reason,
        }
    }
}

/// The token in a token server's answer, if it can be put into a header.
fn token_in(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Tokens {
        token: Option<String>,
        access_token: Option<String>,
    }
    let tokens: Tokens = serde_json::from_slice(bytes).ok()?;
    let given = |token: Option<String>| token.filter(|token| !token.is_empty());
    let token = given(tokens.token).or_else(|| given(tokens.access_token))?;
    token
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
        .then_some(token)
}

fn basic(user: &str, password: &str) -> String {
    // A text of that length always fits.
    let encoded = Base64::encode_to_string(format!("{user}:{password}")).unwrap_or_default();
    format!("Basic {encoded}")
}

fn who(login: Option<&Login>) -> String {
    match login {
        None => "somebody unknown".to_owned(),
        Some(Login::IdentityToken(_)) => "the owner of the identity token".to_owned(),
        Some(Login::Password { user, .. }) => format!("'{}'", user.escape_default()),
    }
}
