//! The cases that need no deployment: the local gateway, with its own and with real issuers.

mod applying;
mod auth0;
mod bodies;
mod bound;
mod clients;
mod contract;
mod credentials;
mod identity;
mod introspection;
mod issuers;
mod local;
mod readme;
mod realm;
mod scoring;
mod sentences;
mod start;

use libtest_mimic::Trial;

/// Every case of this folder. Those that wait for Keycloak go first: it takes longest to start.
pub fn trials() -> Vec<Trial> {
    [
        realm::trials(),
        identity::trials(),
        applying::trials(),
        introspection::trials(),
        bound::trials(),
        issuers::trials(),
        start::trials(),
        auth0::trials(),
        local::trials(),
        credentials::trials(),
        bodies::trials(),
        scoring::trials(),
        clients::trials(),
        sentences::trials(),
        contract::trials(),
        readme::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
