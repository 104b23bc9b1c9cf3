// A client that holds a key (RFC 9449): oauth4webapi gets a bound token of the issuer and calls the API with it.
//
// ISSUER, CLIENT_ID, CLIENT_SECRET and SCOPE say whose token; ADDRESS and BODY what is called with POST, twice.
// Prints one line of JSON: the statuses, and what was sent, for others to misuse.

import * as oauth from 'oauth4webapi'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, SCOPE, ADDRESS, BODY } = process.env

const insecure = { [oauth.allowInsecureRequests]: true } // Plain HTTP, to this machine.
const issuer = new URL(ISSUER)
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
const client = { client_id: CLIENT_ID }
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))

const answer = await oauth.clientCredentialsGrantRequest(
  server,
  client,
  oauth.ClientSecretPost(CLIENT_SECRET),
  { scope: SCOPE },
  { DPoP, ...insecure },
)
const { access_token, token_type } = await oauth.processClientCredentialsResponse(server, client, answer)

const proofs = []
const statuses = []
const recorded = async (url, options) => {
  proofs.push(new Headers(options.headers).get('dpop'))
  const response = await fetch(url, options)
  statuses.push(response.status)
  return response
}
for (let call = 0; call < 2; call++) {
  const headers = new Headers({ 'content-type': 'application/json' })
  const options = { DPoP, [oauth.customFetch]: recorded, ...insecure }
  // A refusal is an exception there; its status is noted.
  await oauth.protectedResourceRequest(access_token, 'POST', new URL(ADDRESS), headers, BODY, options).catch(() => {})
}
console.log(JSON.stringify({ access_token, token_type, statuses, proofs }))
