// Loads tenants' files as auth0-deploy-cli does before it deploys one, checks by its schema included, and prints for each what it
// would deploy, or its complaint. Nothing is called: the client of the management API fails at the first use.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const YAMLContext = require("auth0-deploy-cli/lib/context/yaml/index.js").default;
const { Management } = require("auth0");

// The tool compiles its schema anew for each file, which takes longer than everything else: here one compiled form serves all.
const Ajv = createRequire(require.resolve("auth0-deploy-cli"))("ajv/lib/ajv");
const compiled = new Ajv({ useDefaults: true, nullable: true });
const { validate } = Ajv.prototype;
Ajv.prototype.validate = function (schema, data) {
  const valid = validate.call(compiled, schema, data);
  this.errors = compiled.errors;
  return valid;
};

const unreachable = new Proxy({}, {
  get(_, name) {
    throw new Error(`the management API is asked for ${String(name)}`);
  },
});

// The schema leaves these open; the client of the management API, which the tool calls, lists them.
function known(values, value) {
  if (!Object.values(values).includes(value)) {
    throw new Error(`${value} is none of ${Object.values(values)}`);
  }
}

async function read(file) {
  const context = new YAMLContext(
    {
      AUTH0_INPUT_FILE: file,
      AUTH0_KEYWORD_REPLACE_MAPPINGS: JSON.parse(process.env.MAPPINGS),
    },
    unreachable,
  );
  await context.loadAssetsFromLocal();
  const { resourceServers, clients, clientGrants, roles } = context.assets;
  for (const client of clients) {
    known(Management.ClientAppTypeEnum, client.app_type);
    known(Management.ClientTokenEndpointAuthMethodEnum, client.token_endpoint_auth_method);
  }
  for (const api of resourceServers) {
    known(Management.ResourceServerTokenDialectSchemaEnum, api.token_dialect);
  }
  return { resourceServers, clients, clientGrants, roles };
}

const answers = [];
for (const file of JSON.parse(process.env.TENANTS)) {
  try {
    answers.push({ tenant: await read(file) });
  } catch (error) {
    answers.push({ complaint: error.message });
  }
}
console.log(JSON.stringify(answers));
