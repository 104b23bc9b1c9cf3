//! A set-up's file: Keycloak's own form of a realm, as far as it is understood here, taken apart into steps. What is not
//! understood is refused: it would be left out without a word.

use std::collections::BTreeSet;

use serde_json::Value;

use super::adjust;
use super::difference::Object;
use super::placeholders::{self, Values};
use super::resource::{Holder, Key, Link, List, Role, Step, Thing};
use super::weak;

/// Members of a realm that are steps of their own.
const PARTS: [&str; 11] = [
    "realm",
    "roles",
    "clientScopes",
    "defaultDefaultClientScopes",
    "defaultOptionalClientScopes",
    "clients",
    "scopeMappings",
    "clientScopeMappings",
    "users",
    "clientProfiles",
    "clientPolicies",
];
/// Members of a realm that are objects and yet settings.
const SETTINGS: [&str; 2] = ["attributes", "browserSecurityHeaders"];

/// What to take from the command line beside the file.
pub(super) struct Wishes<'a> {
    pub(super) realm: Option<&'a str>,
    pub(super) models: &'a [String],
    pub(super) values: Values<'a>,
    pub(super) any_origin: bool,
}

/// A set-up, ready to be compared with a server.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SetUp {
    pub(super) realm: String,
    /// Whether the realm is the set-up's own, to be made if it is not there.
    pub(super) own_realm: bool,
    pub(super) steps: Vec<Step>,
    pub(super) secrets: Vec<SecretClient>,
}

/// A client that has a secret.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SecretClient {
    pub(super) id: String,
    /// Its own secret is the one that callers need; that of an API serves to ask about tokens.
    pub(super) gets_tokens: bool,
    /// Whether the secret is set in the environment.
    pub(super) given: bool,
}

impl SetUp {
    /// The things that it states, in its order.
    pub(super) fn keys(&self) -> Vec<Key> {
        let keys = self.steps.iter().filter_map(|step| match step {
            Step::Thing(thing) => Some(thing.key.clone()),
            Step::Link(_) | Step::DefaultScopes(..) => None,
        });
        keys.collect()
    }
}

/// Reads a file. All problems are named together.
pub(super) fn read(file: &str, wishes: &Wishes<'_>) -> Result<SetUp, Vec<String>> {
    let mut document = serde_json::from_str::<Value>(file)
        .map_err(|error| vec![format!("the set-up is no JSON: {error}")])?;
    let secrets = secret_clients(&document);
    let problems = placeholders::resolve(&mut document, &wishes.values);
    let Value::Object(mut document) = document else {
        return Err(vec!["the set-up is no JSON object".to_owned()]);
    };
    let mut reader = Reader {
        problems,
        steps: Vec::new(),
    };
    let own = document.get("realm").and_then(Value::as_str);
    let (own, own_realm) = (own.map(str::to_owned), own.is_some());
    let realm = wishes.realm.map(str::to_owned).or_else(|| own.clone());
    if realm.is_none() {
        reader.problem("the set-up adds to a realm: name it with `--realm`".to_owned());
    }
    let realm = realm.unwrap_or_default();
    adjust::rename_default_roles(&mut document, &own.unwrap_or_default(), &realm);
    adjust::split_lists(&mut document);
    adjust::add_models(&mut document, wishes.models, &mut reader.problems);
    weak::refuse(&document, wishes.any_origin, &mut reader.problems);
    reader.document(&document, own_realm, &realm);
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let given = |id: &str| {
        objects(&document, "clients")
            .any(|client| text(client, "clientId") == id && client.contains_key("secret"))
    };
    let secrets = secrets.into_iter().map(|client| SecretClient {
        given: given(&client.id),
        ..client
    });
    Ok(SetUp {
        secrets: secrets.collect(),
        realm,
        own_realm,
        steps: reader.steps,
    })
}

/// The clients that are not public. Those that get tokens have a secret in the file, whether or not it is set.
fn secret_clients(document: &Value) -> Vec<SecretClient> {
    let clients = document.get("clients").and_then(Value::as_array);
    let clients = clients.into_iter().flatten().filter_map(Value::as_object);
    let confidential =
        clients.filter(|client| client.get("publicClient") != Some(&Value::Bool(true)));
    let secret = |client: &Object| SecretClient {
        id: text(client, "clientId").to_owned(),
        gets_tokens: client.contains_key("secret"),
        given: false,
    };
    confidential.map(secret).collect()
}

struct Reader {
    problems: Vec<String>,
    steps: Vec<Step>,
}

impl Reader {
    fn document(&mut self, document: &Object, own_realm: bool, realm: &str) {
        let mut settings = Object::new();
        for (name, value) in document {
            let plain = match value {
                Value::Array(items) => items
                    .iter()
                    .all(|item| !item.is_object() && !item.is_array()),
                Value::Object(_) => SETTINGS.contains(&name.as_str()),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
            };
            match (PARTS.contains(&name.as_str()), plain && own_realm) {
                (true, _) => {}
                (false, true) => drop(settings.insert(name.clone(), value.clone())),
                (false, false) => self.problem(format!("`{name}` is not applied: leave it out")),
            }
        }
        if own_realm {
            settings.insert("realm".to_owned(), realm.into());
            self.thing(Key::Realm, settings, Object::new());
        }
        for role in document
            .get("roles")
            .into_iter()
            .flat_map(|roles| children(roles, "realm"))
        {
            self.role(&role, Role::Realm);
        }
        self.scopes(document);
        for client in objects(document, "clients") {
            self.client(client);
        }
        self.client_roles(document);
        self.scope_mappings(document);
        for user in objects(document, "users") {
            self.user(user);
        }
        self.policies(document);
    }

    fn role(&mut self, role: &Object, of: impl Fn(String) -> Role) {
        if role.contains_key("composites") {
            self.problem(format!(
                "role `{}`: `composites` is not applied",
                text(role, "name")
            ));
        }
        self.thing(
            Key::Role(of(text(role, "name").to_owned())),
            role.clone(),
            Object::new(),
        );
    }

    fn client_roles(&mut self, document: &Object) {
        let clients = document
            .get("roles")
            .and_then(|roles| roles.get("client")?.as_object());
        for client in clients.into_iter().flat_map(Object::keys) {
            for role in clients.into_iter().flat_map(|roles| objects(roles, client)) {
                self.role(role, |name| Role::Client(client.clone(), name));
            }
        }
    }

    fn scopes(&mut self, document: &Object) {
        for scope in objects(document, "clientScopes") {
            let name = text(scope, "name").to_owned();
            let parts = without(scope, &["protocolMappers"]);
            self.thing(Key::Scope(name.clone()), parts.0, parts.1);
            self.mappers(scope, Holder::Scope(name));
        }
        for (list, member) in [
            (List::Default, "defaultDefaultClientScopes"),
            (List::Optional, "defaultOptionalClientScopes"),
        ] {
            for scope in texts(document, member) {
                self.link(Link::RealmScope(list, scope));
            }
        }
    }

    fn mappers(&mut self, holder_members: &Object, holder: Holder) {
        for mapper in objects(holder_members, "protocolMappers") {
            let key = Key::Mapper(holder.clone(), text(mapper, "name").to_owned());
            self.thing(key, mapper.clone(), Object::new());
        }
    }

    fn client(&mut self, client: &Object) {
        let id = text(client, "clientId").to_owned();
        if client.contains_key("authorizationSettings") {
            self.problem(format!(
                "client `{id}`: `authorizationSettings` is not applied"
            ));
        }
        let lists = ["defaultClientScopes", "optionalClientScopes"];
        let parts = without(client, &["protocolMappers", lists[0], lists[1]]);
        self.thing(Key::Client(id.clone()), parts.0, parts.1);
        self.mappers(client, Holder::Client(id.clone()));
        if client.contains_key(lists[0]) {
            let scopes: BTreeSet<_> = texts(client, lists[0]).collect();
            self.steps.push(Step::DefaultScopes(id.clone(), scopes));
        }
        for (list, member) in [(List::Default, lists[0]), (List::Optional, lists[1])] {
            for scope in texts(client, member) {
                self.link(Link::ClientScope(id.clone(), list, scope));
            }
        }
    }

    fn scope_mappings(&mut self, document: &Object) {
        for mapping in objects(document, "scopeMappings") {
            for role in texts(mapping, "roles") {
                self.link(Link::ScopeMapping(holder(mapping), Role::Realm(role)));
            }
        }
        let mappings = document
            .get("clientScopeMappings")
            .and_then(Value::as_object);
        for owner in mappings.into_iter().flat_map(Object::keys) {
            for mapping in mappings
                .into_iter()
                .flat_map(|mappings| objects(mappings, owner))
            {
                for role in texts(mapping, "roles") {
                    let role = Role::Client(owner.clone(), role);
                    self.link(Link::ScopeMapping(holder(mapping), role));
                }
            }
        }
    }

    fn user(&mut self, user: &Object) {
        let name = text(user, "username").to_owned();
        for member in ["groups", "federatedIdentities"] {
            if user.contains_key(member) {
                self.problem(format!("user `{name}`: `{member}` is not applied"));
            }
        }
        let (mut members, mut other) = without(user, &["credentials", "realmRoles", "clientRoles"]);
        other.retain(|name, _| name == "credentials");
        if let Some(credentials) = other.get_mut("credentials").and_then(Value::as_array_mut) {
            credentials.retain(|credential| credential.get("value").is_some());
        }
        members
            .remove("serviceAccountClientId")
            .map(|client| other.insert("serviceAccountClientId".to_owned(), client));
        self.thing(Key::User(name.clone()), members, other);
        for role in texts(user, "realmRoles") {
            self.link(Link::UserRole(name.clone(), Role::Realm(role)));
        }
        let roles = user.get("clientRoles").and_then(Value::as_object);
        for client in roles.into_iter().flat_map(Object::keys) {
            for role in roles.into_iter().flat_map(|roles| texts(roles, client)) {
                self.link(Link::UserRole(
                    name.clone(),
                    Role::Client(client.clone(), role),
                ));
            }
        }
    }

    fn policies(&mut self, document: &Object) {
        for profile in document
            .get("clientProfiles")
            .into_iter()
            .flat_map(|list| children(list, "profiles"))
        {
            self.thing(
                Key::Profile(text(&profile, "name").to_owned()),
                profile,
                Object::new(),
            );
        }
        for policy in document
            .get("clientPolicies")
            .into_iter()
            .flat_map(|list| children(list, "policies"))
        {
            self.thing(
                Key::Policy(text(&policy, "name").to_owned()),
                policy,
                Object::new(),
            );
        }
    }

    fn thing(&mut self, key: Key, members: Object, at_creation: Object) {
        self.steps.push(Step::Thing(Thing {
            key,
            members,
            at_creation,
        }));
    }

    fn link(&mut self, link: Link) {
        self.steps.push(Step::Link(link));
    }

    fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }
}

fn holder(mapping: &Object) -> Holder {
    match text(mapping, "client") {
        "" => Holder::Scope(text(mapping, "clientScope").to_owned()),
        client => Holder::Client(client.to_owned()),
    }
}

/// An object's members, and beside them those that are named.
fn without(object: &Object, names: &[&str]) -> (Object, Object) {
    let members = object.clone().into_iter();
    members.partition(|(name, _)| !names.contains(&name.as_str()))
}

/// The objects of a list.
pub(super) fn objects<'a>(object: &'a Object, name: &str) -> impl Iterator<Item = &'a Object> {
    let list = object.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object)
}

fn children(value: &Value, name: &str) -> Vec<Object> {
    let object = value.as_object();
    object
        .into_iter()
        .flat_map(|object| objects(object, name))
        .cloned()
        .collect()
}

/// The texts of a list.
pub(super) fn texts(object: &Object, name: &str) -> impl Iterator<Item = String> {
    let list = object.get(name).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned)
}

/// A member that is a text; empty if it is none.
pub(super) fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::SetUpName;
    use crate::keycloak::delivered;
    use crate::keycloak::placeholders::owned;

    fn read(
        file: &str,
        realm: Option<&str>,
        models: &[&str],
        set: &[(&str, &str)],
    ) -> Result<SetUp, Vec<String>> {
        let models: Vec<_> = models.iter().map(|model| (*model).to_owned()).collect();
        let set = owned(set);
        let values = Values {
            set: &set,
            environment: &|_| None,
        };
        super::read(
            file,
            &Wishes {
                realm,
                models: &models,
                values,
                any_origin: false,
            },
        )
    }

    fn links(set_up: &SetUp) -> Vec<String> {
        let links = set_up.steps.iter().filter_map(|step| match step {
            Step::Link(link) => Some(link.to_string()),
            Step::Thing(_) | Step::DefaultScopes(..) => None,
        });
        links.collect()
    }

    #[track_caller]
    fn check(document: Value, realm: Option<&str>, models: &[&str], expected: &str) {
        let problems = read(&document.to_string(), realm, models, &[]).unwrap_err();
        assert!(problems.join("\n").contains(expected), "{problems:?}");
    }

    #[test]
    fn each_set_up_is_understood() {
        for (name, realm, own, client) in [
            (SetUpName::MlModels, "ml-models", true, "ml-model-api"),
            (
                SetUpName::MachineAccess,
                "my-machine-learning-realm",
                true,
                "machine-learning-api",
            ),
            (SetUpName::ProtectedApi, "my-realm", true, "my-api-client"),
            (
                SetUpName::GatewayClient,
                "mine",
                false,
                "ai-service-client-id",
            ),
        ] {
            let set_up = read(delivered(name), (!own).then_some(realm), &[], &[]).unwrap();
            assert_eq!((set_up.realm.as_str(), set_up.own_realm), (realm, own));
            let clients: Vec<_> = set_up
                .secrets
                .iter()
                .filter(|client| client.gets_tokens)
                .map(|client| client.id.as_str())
                .collect();
            assert_eq!(clients, [client]);
            assert!(
                set_up
                    .secrets
                    .iter()
                    .all(|client| !client.given && client.id != "ml-model-web")
            );
        }
    }

    /// A realm file with scopes of its own must have Keycloak's, and they are the same in each.
    #[test]
    fn keycloaks_own_scopes_are_the_same_in_each_file() {
        let scopes = |name| -> Vec<Value> {
            let document: Value = serde_json::from_str(delivered(name)).unwrap();
            document["clientScopes"].as_array().unwrap().clone()
        };
        let all = scopes(SetUpName::MlModels);
        for name in [SetUpName::MachineAccess, SetUpName::ProtectedApi] {
            let others = scopes(name);
            for own in [
                "basic",
                "roles",
                "acr",
                "profile",
                "email",
                "web-origins",
                "service_account",
                "predict",
            ] {
                let find =
                    |scopes: &[Value]| scopes.iter().find(|scope| scope["name"] == own).cloned();
                assert!(find(&all).is_some() && find(&all) == find(&others), "{own}");
            }
        }
    }

    #[test]
    fn a_set_up_of_another_name_has_that_realms_roles() {
        let set_up = read(delivered(SetUpName::MlModels), Some("Mine"), &[], &[]).unwrap();
        assert_eq!(set_up.realm, "Mine");
        let links = links(&set_up);
        assert!(
            links.contains(&"role `default-roles-mine` of user `ml-tester`".to_owned()),
            "{links:?}"
        );
    }

    #[test]
    fn a_model_gets_a_scope_wherever_all_models_have_one() {
        let set_up = read(
            delivered(SetUpName::MlModels),
            None,
            &["churn", "wine"],
            &[],
        )
        .unwrap();
        let keys = set_up.keys();
        let count = |name: &str| {
            keys.iter()
                .filter(|key| **key == Key::Scope(name.to_owned()))
                .count()
        };
        assert_eq!((count("predict:churn"), count("predict:wine")), (1, 1));
        let expected = "optional scope `predict:churn` of client `ml-model-api`".to_owned();
        assert!(links(&set_up).contains(&expected));
        check(
            json!({"realm": "r"}),
            None,
            &["churn"],
            "no scope `predict`",
        );
        check(json!({"realm": "r"}), None, &["a b"], "letters, digits");
    }

    #[test]
    fn one_value_may_be_several_addresses() {
        let uris = (
            "ML_MODEL_API_REDIRECT_URI",
            "https://a.example/cb https://b.example/cb",
        );
        let set_up = read(delivered(SetUpName::MlModels), None, &[], &[uris]).unwrap();
        let found = set_up.steps.iter().any(|step| match step {
            Step::Thing(thing) => {
                thing.members.get("redirectUris")
                    == Some(&json!(["https://a.example/cb", "https://b.example/cb"]))
            }
            Step::Link(_) | Step::DefaultScopes(..) => false,
        });
        assert!(found);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        check(json!([]), None, &[], "no JSON object");
        check(json!({"clients": []}), None, &[], "`--realm`");
        check(json!({"displayName": "x"}), Some("r"), &[], "`displayName`");
        for odd in [
            json!({"groups": [{}]}),
            json!({"smtpServer": {}}),
            json!({"components": {}}),
        ] {
            let mut document = odd;
            document["realm"] = "r".into();
            check(document, None, &[], "is not applied");
        }
        check(
            json!({"realm": "r", "users": [{"username": "u", "groups": ["g"]}]}),
            None,
            &[],
            "`groups`",
        );
        check(
            json!({"realm": "r", "roles": {"realm": [{"name": "a", "composites": {}}]}}),
            None,
            &[],
            "`composites`",
        );
        let weak = json!({"clientId": "c", "implicitFlowEnabled": true});
        check(
            json!({"realm": "r", "clients": [weak]}),
            None,
            &[],
            "implicit flow",
        );
    }
}
