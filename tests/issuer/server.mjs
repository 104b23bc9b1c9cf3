// The second issuer: oidc-provider with access tokens in Auth0's shape, on a free loopback port.
//
// The client and its secret come from the environment, the keys are made at the start, and the
// line `issuer URL` says where it listens. Run it beside a `node_modules` that has oidc-provider.

import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const { SECOND_CLIENT_ID, SECOND_CLIENT_SECRET, SECOND_API_ID, SECOND_AUDIENCE, SECOND_OPAQUE_AUDIENCE } = process.env

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  // Auth0's issuers end in a slash.
  const issuer = `http://127.0.0.1:${server.address().port}/`
  server.on('request', provider(issuer).callback())
  console.log(`issuer ${issuer}`)
})

function provider(issuer) {
  return new Provider(issuer, {
    jwks: { keys: [signingKey()] },
    clients: [
      {
        client_id: SECOND_CLIENT_ID,
        client_secret: SECOND_CLIENT_SECRET,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: 'client_secret_post',
      },
      // Asks about tokens, and gets none.
      {
        client_id: SECOND_API_ID,
        client_secret: SECOND_CLIENT_SECRET,
        grant_types: [],
        response_types: [],
        redirect_uris: [],
      },
    ],
    scopes: ['predict'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => SECOND_AUDIENCE,
        getResourceServerInfo: (_context, resource) => ({
          audience: resource,
          scope: 'predict',
          accessTokenFormat: resource === SECOND_OPAQUE_AUDIENCE ? 'opaque' : 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    formats: { customizers: { jwt: (_context, token, jwt) => auth0Shape(issuer, token, jwt) } },
  })
}

// Auth0's own profile of access tokens: header `JWT`, the client in `azp` and not in `client_id`,
// machines named `ID@clients`, and what the caller may do in `permissions` as well as in `scope`.
function auth0Shape(issuer, token, jwt) {
  const { client_id: client, jti, ...claims } = jwt.payload
  jwt.header = { typ: 'JWT' }
  jwt.payload = {
    ...claims,
    sub: `${client}@clients`,
    aud: [token.aud, `${issuer}userinfo`],
    azp: client,
    gty: 'client-credentials',
    org_id: 'org_tests',
    permissions: token.scope ? token.scope.split(' ').map((scope) => `${scope}:models`) : [],
  }
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'second-1' }
}
