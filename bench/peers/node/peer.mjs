// aws-jwt-verify, for `bench`: answers each line of standard input with one line.
//   time ALGORITHM COUNT   nanoseconds for so many verifications
//   accept TOKEN           true or false

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

// The package lies where it was installed, not beside this file.
const { JwtVerifier } = createRequire(process.argv[3] + '/')('aws-jwt-verify');
const workload = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const verifier = JwtVerifier.create({
  issuer: workload.issuer,
  audience: workload.audience,
  jwksUri: 'https://unused.invalid/jwks',
  graceSeconds: 30,
});
verifier.cacheJwks(workload.key_set);

function accepts(token) {
  try {
    verifier.verifySync(token);
    return true;
  } catch {
    return false;
  }
}

function time(algorithm, count) {
  const tokens = workload.tokens[algorithm];
  const started = process.hrtime.bigint();
  for (let index = 0; index < count; index += 1) {
    verifier.verifySync(tokens[index % tokens.length]);
  }
  return process.hrtime.bigint() - started;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, first, second] = line.split(' ');
  console.log(String(verb === 'time' ? time(first, Number(second)) : accepts(first ?? '')));
}
