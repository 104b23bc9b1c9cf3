//! `tollgate keycloak apply`: each set-up of `infra/keycloak` is applied to a real Keycloak, twice, and used.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempDir};

use crate::apply::{Applied, apply, command, run, somebodys};
use crate::browser::Browser;
use crate::case::case_with;
use crate::claims::claims;
use crate::gateway::{self, Gateway, json_file};
use crate::http::{self, Reply, text};
use crate::keycloak::{PART, PASSWORD, SECRET, USER, keycloak};
use crate::ministack::{self, Ministack};
use crate::sam;

/// Where codes go: any port is good where the set-up names none.
const CALLBACK: &str = "http://127.0.0.1:9/callback";
/// What a challenge is made of: 43 characters at least.
const VERIFIER: &str = "a-verifier-that-is-known-to-the-tests-alone-0123";

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let case = |name, run| case_with(&[PART], name, run);
    vec![
        case(
            "identity: a plan of the imported realm has no change",
            the_import_is_the_set_up,
        ),
        case(
            "identity: `ml-models` is applied twice, and used",
            a_model_api,
        ),
        case(
            "identity: `machine-access` is applied twice, and used",
            machine_access,
        ),
        case(
            "identity: `protected-api` is applied twice, and used",
            a_protected_api,
        ),
        case(
            "identity: `gateway-client` is applied twice, drifts, and is used",
            a_gateways_client,
        ),
        case(
            "identity: a client's secret is made anew, for a file of its owner's",
            a_new_secret,
        ),
        case(
            "identity: weak settings are refused before anything is changed",
            weak_settings_are_refused,
        ),
        case_with(
            &[PART, ministack::PART],
            "identity: the authorizer asks with the secret that Secrets Manager was given",
            a_secret_of_secrets_manager,
        ),
    ]
}

/// A set-up that has been applied, and its client's secret.
struct Realm {
    name: String,
    issuer: String,
    client: &'static str,
    secret: String,
    _folder: TempDir,
}

/// The plan writes nothing, the second time changes nothing, and the secret stays.
fn twice(set_up: &str, realm: &str, client: &'static str) -> Result<Realm> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("secret").display().to_string();
    let arguments = ["--realm", realm];
    let plan = apply(
        set_up,
        &[&arguments[..], &["--plan", "--exit-code"]].concat(),
    )?;
    ensure!(
        plan.code == Some(2) && plan.stdout.contains("nothing is written"),
        "{plan:?}"
    );
    ensure!(
        plan.stdout.contains(&format!("create client `{client}`")),
        "{plan:?}"
    );
    let again = apply(set_up, &[&arguments[..], &["--plan"]].concat())?.ok()?;
    ensure!(
        again.stdout == plan.stdout,
        "the plan was carried out: {again:?}"
    );
    let written = [&arguments[..], &["--secret-file", &file]].concat();
    let first = apply(set_up, &written)?.ok()?;
    ensure!(
        first.stdout.contains("changes made")
            && first.stdout.contains(&format!("client `{client}`: id ")),
        "{first:?}"
    );
    let secret = fs::read_to_string(&file)?;
    ensure!(
        !first.stdout.contains(&secret) && secret.len() > 30,
        "{first:?}"
    );
    ensure!(
        fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600,
        "others may read the secret"
    );
    let second = apply(set_up, &written)?.ok()?;
    ensure!(
        second.stdout.starts_with("nothing to change\n") && second.stdout.contains("unchanged"),
        "{second:?}"
    );
    ensure!(
        fs::read_to_string(&file)? == secret,
        "the secret has changed"
    );
    Ok(Realm {
        name: realm.to_owned(),
        issuer: keycloak()?.issuer_of(realm),
        client,
        secret,
        _folder: folder,
    })
}

impl Realm {
    /// What the token endpoint answers the confidential client.
    fn ask(&self, grant: &[(&str, &str)]) -> Result<Reply> {
        self.ask_as(
            &[
                grant,
                &[("client_id", self.client), ("client_secret", &self.secret)],
            ]
            .concat(),
        )
    }

    fn ask_as(&self, form: &[(&str, &str)]) -> Result<Reply> {
        let url = format!("{}/protocol/openid-connect/token", self.issuer);
        http::send(http::request("POST", &url)?.form(form))
    }

    fn machine(&self, scope: &str) -> Result<String> {
        let grant = [("grant_type", "client_credentials"), ("scope", scope)];
        text(&self.ask(&grant)?.expect(200)?.json()?, "access_token")
    }

    fn password(&self, user: &str) -> Result<Reply> {
        let _alone = keycloak()?.sign_in_alone();
        self.ask(&[
            ("grant_type", "password"),
            ("username", user),
            ("password", PASSWORD),
            ("scope", "predict"),
        ])
    }

    /// The address at which a person begins to sign in.
    fn authorization(&self, client: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let fixed = [
            ("client_id", client),
            ("redirect_uri", CALLBACK),
            ("scope", "openid predict"),
        ];
        let url = format!("{}/protocol/openid-connect/auth", self.issuer);
        let all = [&fixed[..], parameters].concat();
        Ok(reqwest::Url::parse_with_params(&url, all)?.to_string())
    }

    /// The token of a person who signs in with a browser, for a client with or without a secret.
    fn browser(&self, client: &str, secret: Option<&str>, user: &str) -> Result<String> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let parameters = [
            ("response_type", "code"),
            ("code_challenge_method", "S256"),
            ("code_challenge", &challenge),
        ];
        let url = self.authorization(client, &parameters)?;
        let page = Browser::until(CALLBACK).sign_in(&url, user, PASSWORD)?;
        let page = reqwest::Url::parse(&page).with_context(|| page.clone())?;
        let code = page
            .query_pairs()
            .find(|(name, _)| name == "code")
            .context("no code")?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &*code.1),
            ("client_id", client),
            ("redirect_uri", CALLBACK),
        ];
        form.extend(secret.map(|secret| ("client_secret", secret)));
        self.ask_as(&form)?
            .expect(400)
            .context("without the verifier")?;
        // A code is good once: for another try a new one is needed, which the browser's session gives.
        let page = Browser::until(CALLBACK).sign_in(&url, user, PASSWORD)?;
        let page = reqwest::Url::parse(&page)?;
        let code = page
            .query_pairs()
            .find(|(name, _)| name == "code")
            .context("no code")?;
        form.retain(|(name, _)| *name != "code");
        form.extend([("code", &*code.1), ("code_verifier", VERIFIER)]);
        text(&self.ask_as(&form)?.expect(200)?.json()?, "access_token")
    }

    /// Asking for anything but a code with PKCE ends in an error, before anybody signs in.
    fn refuses_weak_requests(&self, client: &str) -> Result<()> {
        for (parameters, words) in [
            (&[("response_type", "code")][..], "code_challenge_method"),
            (
                &[("response_type", "token"), ("nonce", "n")][..],
                "unauthorized_client",
            ),
            (
                &[
                    ("response_type", "code"),
                    ("code_challenge_method", "plain"),
                    ("code_challenge", VERIFIER),
                ][..],
                "code+challenge+method",
            ),
        ] {
            let reply = http::get(&self.authorization(client, parameters)?, None)?;
            let location = reply.header("location").unwrap_or_default();
            let refused = location.starts_with(CALLBACK)
                && location.contains("error=")
                && location.contains(words);
            ensure!(
                refused,
                "{parameters:?}: {} {location} {}",
                reply.status,
                reply.body
            );
        }
        Ok(())
    }

    fn gateway(&self, audience: &str) -> Result<Gateway> {
        Gateway::start(&["--issuer", &self.issuer, "--audience", audience])
    }

    /// A person who can sign in.
    fn add_user(&self, name: &str) -> Result<()> {
        let body = json!({
            "username": name, "enabled": true, "emailVerified": true, "email": format!("{name}@example.com"),
            "firstName": "A", "lastName": "Person",
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": false}],
        });
        keycloak()?
            .admin("POST", &format!("/{}/users", self.name), Some(&body))
            .map(drop)
    }
}

/// The other cases add clients, keys and users to it: of those the set-up says nothing.
fn the_import_is_the_set_up() -> Result<()> {
    let mut command = command("ml-models", &["--plan", "--exit-code"])?;
    let plan = run(command.env("ML_MODEL_API_CLIENT_SECRET", SECRET))?.ok()?;
    ensure!(plan.stdout.starts_with("nothing to change\n"), "{plan:?}");
    let mut command = crate::apply::command("ml-models", &["--plan", "--exit-code"])?;
    let plan = run(command.env("ML_MODEL_API_CLIENT_SECRET", "another"))?;
    let hidden = "secret: \"(hidden)\" -> \"(hidden)\"";
    ensure!(
        plan.code == Some(2) && plan.stdout.contains(hidden) && !plan.stdout.contains("another"),
        "{plan:?}"
    );
    Ok(())
}

fn a_model_api() -> Result<()> {
    let realm = twice("ml-models", "applied", "ml-model-api")?;
    let gateway = realm.gateway("ml-api")?;
    gateway.predict(&realm.machine("predict")?)?.expect(200)?;
    gateway.predict(&realm.machine("email")?)?.expect(403)?;
    let wine = realm.machine("predict:wine")?;
    gateway
        .post("/predict/wine", Some(&wine), &gateway::example()?)?
        .expect(200)?;
    let digits = json_file("models/digits/example.json")?;
    gateway
        .post("/predict/digits", Some(&wine), &digits)?
        .expect(403)?;
    let user = realm.password(USER)?.expect(200)?.json()?;
    gateway
        .predict(&text(&user, "access_token")?)?
        .expect(200)?;
    let token = realm.browser("ml-model-api", Some(&realm.secret), USER)?;
    gateway.predict(&token)?.expect(200)?;
    ensure!(
        claims(&token)?["realm_access"]["roles"] == json!(["ml-user"]),
        "other roles"
    );
    realm.refuses_weak_requests("ml-model-api")?;
    let weak = |changes: Value| -> Result<()> {
        let mut client = json!({"clientId": "weak", "implicitFlowEnabled": false, "fullScopeAllowed": false, "redirectUris": ["https://a.example/cb"]});
        for (name, value) in changes.as_object().into_iter().flatten() {
            client[name] = value.clone();
        }
        keycloak()?
            .admin("POST", "/applied/clients", Some(&client))
            .map(drop)
    };
    for changes in [
        json!({"implicitFlowEnabled": true}),
        json!({"fullScopeAllowed": true}),
        json!({"redirectUris": ["https://a.example/*"]}),
        json!({"redirectUris": ["http://a.example/cb"]}),
    ] {
        let refused = weak(changes.clone());
        ensure!(
            refused.is_err_and(|error| error.to_string().contains("400")),
            "{changes}"
        );
    }
    weak(json!({})).context("a client that is not weak")?;
    let added = apply("ml-models", &["--realm", "applied", "--model", "churn"])?.ok()?;
    ensure!(
        added.stdout.contains("create client scope `predict:churn`"),
        "{added:?}"
    );
    ensure!(
        claims(&realm.machine("predict:churn")?)?["scope"]
            .as_str()
            .is_some_and(|scope| scope.contains("predict:churn")),
        "no scope"
    );
    let kept = apply("ml-models", &["--realm", "applied"])?.ok()?;
    ensure!(kept.stdout.starts_with("nothing to change\n"), "{kept:?}");
    Ok(())
}

fn machine_access() -> Result<()> {
    let realm = twice(
        "machine-access",
        "my-machine-learning-realm",
        "machine-learning-api",
    )?;
    let gateway = realm.gateway("machine-learning-api-bearer")?;
    gateway.predict(&realm.machine("predict")?)?.expect(200)?;
    gateway.predict(&realm.machine("email")?)?.expect(403)?;
    let tokens = realm.password("machine_learn_user")?.expect(200)?.json()?;
    let access = text(&tokens, "access_token")?;
    gateway.predict(&access)?.expect(200)?;
    ensure!(
        claims(&access)?["email_verified"] == true,
        "the e-mail is not verified"
    );
    let refresh = text(&tokens, "refresh_token")?;
    let renewed = realm
        .ask(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)])?
        .expect(200)?;
    gateway
        .predict(&text(&renewed.json()?, "access_token")?)?
        .expect(200)?;
    let page = http::get(
        &realm.authorization("machine-learning-api", &[("response_type", "code")])?,
        None,
    )?;
    ensure!(page.status == 400, "a browser may sign in: {}", page.status);
    let bearer = [
        ("grant_type", "client_credentials"),
        ("client_id", "machine-learning-api-bearer"),
        ("client_secret", "any"),
    ];
    let refused = realm.ask_as(&bearer)?;
    ensure!(refused.status >= 400, "the API itself gets a token");
    Ok(())
}

fn a_protected_api() -> Result<()> {
    let realm = twice("protected-api", "my-realm", "my-api-client")?;
    let gateway = realm.gateway("my-api")?;
    gateway.predict(&realm.machine("predict")?)?.expect(200)?;
    realm.add_user("visitor")?;
    let token = realm.browser("my-api-client", Some(&realm.secret), "visitor")?;
    gateway.predict(&token)?.expect(200)?;
    realm.refuses_weak_requests("my-api-client")?;
    let refused = realm.password("visitor")?.expect(400)?;
    ensure!(
        refused.json()?["error"] == "unauthorized_client",
        "{}",
        refused.body
    );
    Ok(())
}

fn a_gateways_client() -> Result<()> {
    somebodys("somebodys")?;
    let realm = twice("gateway-client", "somebodys", "ai-service-client-id")?;
    realm.add_user("visitor")?;
    drifts_and_is_repaired(&realm)?;
    let (gateway, _access) = asking(&realm, &file_of(&realm.secret)?)?;
    let token = realm.browser("ml-model-web", None, "visitor")?;
    gateway.predict(&token)?.expect(200)?;
    realm.refuses_weak_requests("ml-model-web")?;
    let user = realm.password("visitor")?.expect(200)?.json()?;
    gateway
        .predict(&text(&user, "access_token")?)?
        .expect(200)?;
    let form = [("token", token.as_str()), ("client_id", "ml-model-web")];
    let revoke = format!("{}/protocol/openid-connect/revoke", realm.issuer);
    http::send(http::request("POST", &revoke)?.form(&form))?.expect(200)?;
    gateway.refuses(&token, "inactive")?;
    let none = apply("gateway-client", &["--realm", "nobodys", "--plan"])?;
    ensure!(
        none.code == Some(1) && none.stderr.contains("no realm `nobodys`"),
        "{none:?}"
    );
    Ok(())
}

/// Somebody has made the web client weaker, and its colleague's scope everybody's.
fn drifts_and_is_repaired(realm: &Realm) -> Result<()> {
    let path = format!("/{}/clients", realm.name);
    let found = keycloak()?
        .admin("GET", &format!("{path}?clientId=ml-model-web"), None)?
        .json()?;
    let mut client = found[0].clone();
    let id = text(&client, "id")?;
    client["redirectUris"] = json!(["http://127.0.0.1/callback", "https://evil.example/*"]);
    client["attributes"]["pkce.code.challenge.method"] = json!("");
    client["description"] = json!("mine");
    keycloak()?.admin("PUT", &format!("{path}/{id}"), Some(&client))?;
    let scopes = keycloak()?
        .admin("GET", &format!("/{}/client-scopes", realm.name), None)?
        .json()?;
    let phone = scopes
        .as_array()
        .into_iter()
        .flatten()
        .find(|scope| scope["name"] == "phone")
        .context("no scope")?;
    keycloak()?.admin(
        "PUT",
        &format!("{path}/{id}/default-client-scopes/{}", text(phone, "id")?),
        None,
    )?;
    let arguments = ["--realm", &realm.name];
    let plan = apply("gateway-client", &[&arguments[..], &["--plan"]].concat())?.ok()?;
    for words in [
        "change client `ml-model-web`",
        "redirectUris: [",
        "https://evil.example/*",
        "attributes.pkce.code.challenge.method: ",
        "-> \"S256\"",
        "remove default scope `phone` of client `ml-model-web`",
        "2 changes to make; nothing is written",
    ] {
        ensure!(plan.stdout.contains(words), "`{words}`: {plan:?}");
    }
    apply("gateway-client", &arguments)?.ok()?;
    let found = keycloak()?
        .admin("GET", &format!("{path}/{id}"), None)?
        .json()?;
    ensure!(
        found["redirectUris"] == json!(["http://127.0.0.1/callback"]),
        "{found}"
    );
    ensure!(
        found["attributes"]["pkce.code.challenge.method"] == "S256",
        "{found}"
    );
    let again = apply("gateway-client", &arguments)?.ok()?;
    ensure!(again.stdout.starts_with("nothing to change\n"), "{again:?}");
    Ok(())
}

fn file_of(secret: &str) -> Result<NamedTempFile> {
    let file = NamedTempFile::new()?;
    fs::write(file.path(), secret)?;
    Ok(file)
}

/// A gateway that asks about every token with the secret of a file, and remembers nothing.
fn asking(realm: &Realm, secret: &NamedTempFile) -> Result<(Gateway, NamedTempFile)> {
    let form = format!("{{file: {}}}", secret.path().display());
    let (mut command, access) = introspecting(realm, &form)?;
    Ok((Gateway::start_with(&mut command)?, access))
}

fn introspecting(realm: &Realm, secret: &str) -> Result<(Command, NamedTempFile)> {
    let access = gateway::access_file(&format!(
        "issuers:\n  - issuer: {}\n    audience: ai-service-client-id\n    profile: keycloak\n    introspection:\n      client_id: ai-service-client-id\n      client_secret: {secret}\n      tokens: jwt\n      cache: 0s\nrules:\n  - allow: [POST /predict]\n    require: {{scope: predict}}\n",
        realm.issuer
    ))?;
    let mut command = gateway::dev(&["--access", &access.path().display().to_string()])?;
    command.env("AUTHORIZER_TTL", "0");
    Ok((command, access))
}

/// Rotation as the page says: the secret is made anew, and who has the old one is no longer answered.
fn a_new_secret() -> Result<()> {
    somebodys("rotating")?;
    let realm = twice("gateway-client", "rotating", "ai-service-client-id")?;
    realm.add_user("visitor")?;
    let token = text(
        &realm.password("visitor")?.expect(200)?.json()?,
        "access_token",
    )?;
    let old = file_of(&realm.secret)?;
    let (gateway, _access) = asking(&realm, &old)?;
    gateway.predict(&token)?.expect(200)?;
    let path = old.path().display().to_string();
    let arguments = [
        "--realm",
        "rotating",
        "--secret-file",
        &path,
        "--new-secret",
    ];
    let rotated = apply("gateway-client", &arguments)?.ok()?;
    ensure!(
        rotated.stdout.starts_with("nothing to change\n") && rotated.stdout.contains("written, in"),
        "{rotated:?}"
    );
    let secret = fs::read_to_string(&path)?;
    ensure!(
        secret != realm.secret && !rotated.stdout.contains(&secret),
        "{rotated:?}"
    );
    gateway
        .predict(&token)?
        .expect(500)
        .context("with the old secret")?;
    let (gateway, _access) = asking(&realm, &old)?;
    gateway
        .predict(&token)?
        .expect(200)
        .context("with the new secret")?;
    let mut given = command("gateway-client", &arguments)?;
    let given = run(given.env(
        "AI_SERVICE_CLIENT_SECRET",
        "given-and-thirty-two-bytes-long!",
    ))?;
    ensure!(
        given.code == Some(1) && given.stderr.contains("--new-secret"),
        "{given:?}"
    );
    Ok(())
}

fn weak_settings_are_refused() -> Result<()> {
    for (arguments, words) in [
        (&["--set", "MY_API_WEB_ORIGIN=*"][..], "--allow-any-origin"),
        (
            &["--set", "MY_API_REDIRECT_URI=https://a.example/*"][..],
            "without `*`",
        ),
        (&["--set", "MY_API_CLIENT_SECRET=s"][..], "not with `--set`"),
        (&["--set", "MY_API=s"][..], "has no `MY_API`"),
    ] {
        let refused = apply(
            "protected-api",
            &[&["--realm", "refused"][..], arguments].concat(),
        )?;
        ensure!(
            refused.code == Some(1) && refused.stderr.contains(words),
            "{refused:?}"
        );
    }
    let mut lacking = command("machine-access", &["--realm", "refused"])?;
    let lacking = run(lacking.env_remove("MACHINE_LEARN_USER_PASSWORD"))?;
    ensure!(
        lacking.code == Some(1) && lacking.stderr.contains("has no password"),
        "{lacking:?}"
    );
    let mut stranger = command("protected-api", &["--realm", "refused"])?;
    let stranger = run(stranger.env("TOLLGATE_KEYCLOAK_PASSWORD", "not-the-password"))?;
    ensure!(
        stranger.code == Some(1)
            && stranger
                .stderr
                .contains("does not sign the administrator in"),
        "{stranger:?}"
    );
    ensure!(
        !stranger.stderr.contains("not-the-password"),
        "{stranger:?}"
    );
    let any = apply(
        "protected-api",
        &[
            "--realm",
            "refused",
            "--plan",
            "--allow-any-origin",
            "--set",
            "MY_API_WEB_ORIGIN=*",
        ],
    )?;
    ensure!(
        any.ok()?.stdout.contains("create realm"),
        "the realm is there"
    );
    Ok(())
}

/// AWS's extension runs on Lambda alone: what answers here in its place hands on what the emulator's store holds.
fn a_secret_of_secrets_manager() -> Result<()> {
    const NAME: &str = "tollgate/gateway";
    somebodys("stored")?;
    let realm = twice("gateway-client", "stored", "ai-service-client-id")?;
    realm.add_user("visitor")?;
    let store = Ministack::start()?;
    let written = |arguments: &[&str]| -> Result<Applied> {
        let fixed = ["--realm", "stored", "--secret-to-secrets-manager", NAME];
        let mut command = command("gateway-client", &[&fixed[..], arguments].concat())?;
        command
            .env("AWS_ENDPOINT_URL", store.url())
            .env("AWS_REGION", sam::REGION);
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        run(&mut command)?.ok()
    };
    ensure!(
        written(&[])?
            .stdout
            .contains("written, in AWS Secrets Manager, `tollgate/gateway`"),
        "not written"
    );
    let first = store.secret(NAME)?;
    let stored: Value = serde_json::from_str(&text(&first, "SecretString")?)?;
    ensure!(
        stored == json!({"client_id": "ai-service-client-id", "client_secret": realm.secret}),
        "{stored}"
    );
    ensure!(written(&[])?.stdout.contains("unchanged"), "written again");
    ensure!(
        store.secret(NAME)?["VersionId"] == first["VersionId"],
        "a second version"
    );
    ensure!(
        written(&["--new-secret"])?.stdout.contains("written"),
        "not written"
    );
    let second = store.secret(NAME)?;
    ensure!(
        second["SecretString"] != first["SecretString"],
        "the secret is the same"
    );
    let port = answer_with(&second.to_string())?;
    let form = format!("{{secrets_manager: {NAME}, member: client_secret}}");
    let (mut command, _access) = introspecting(&realm, &form)?;
    command.env("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port.to_string());
    let gateway = Gateway::start_with(command.env("AWS_SESSION_TOKEN", "session"))?;
    let token = realm.browser("ml-model-web", None, "visitor")?;
    gateway.predict(&token)?.expect(200)?;
    Ok(())
}

/// A port at which every request gets this answer, until the tests end.
fn answer_with(body: &str) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Ok(port)
}
