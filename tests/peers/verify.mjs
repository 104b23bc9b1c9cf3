// Verifies tokens with jose and with oauth4webapi, at a time of the caller's choice.
//
// Standard input is JSON: `now` and `leeway` in seconds, `issuer`, `audience`, `algorithms`, `sets` (key sets) and
// `cases`, each with a `token` and the index of its key set. For each case the output has, per peer, `null`
// where it accepts the token, and the message of its error where it does not.

import { readFileSync } from 'node:fs'
import { createLocalJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'

const { now, leeway, issuer, audience, algorithms, sets, cases } = JSON.parse(readFileSync(0, 'utf8'))

// oauth4webapi takes no time, only a difference to this clock.
Date.now = () => now * 1000

const peers = sets.map((set) => {
  const keys = createLocalJWKSet(set)
  const server = { issuer, jwks_uri: 'https://issuer.example/keys' }
  return {
    jose: (token) =>
      jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        clockTolerance: leeway,
        currentDate: new Date(now * 1000),
        requiredClaims: ['exp'],
      }),
    oauth4webapi: (token) =>
      oauth.validateJwtAccessToken(
        server,
        new Request('https://api.example/', { headers: { authorization: `Bearer ${token}` } }),
        audience,
        {
          signingAlgorithms: algorithms,
          [oauth.clockTolerance]: leeway,
          [oauth.jwksCache]: { jwks: set, uat: now },
        },
      ),
  }
})

const answer = async (verify) => {
  try {
    await verify()
    return null
  } catch (error) {
    return error.message
  }
}

const answers = []
for (const { token, keys } of cases) {
  const { jose, oauth4webapi } = peers[keys]
  answers.push({
    jose: await answer(async () => jose(token)),
    oauth4webapi: await answer(async () => oauth4webapi(token)),
  })
}
process.stdout.write(JSON.stringify(answers))
