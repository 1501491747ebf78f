// contract.mjs - what api.test.mjs needs besides its cases: raw requests, api/openapi.yaml as a judge of answers, and the nonsense that a body's schema invites.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from './lib.mjs';

const Ajv = createRequire(path.join(root, 'web/package.json'))('ajv/dist/2020').default;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/* ---- requests: fetch() would refuse or mend half of what is tried here ---- */
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

/** One exchange. body: a string or bytes; length: a Content-Length that is only said; events: ends after the first bytes of the answer. */
export function send(url, { method, path: target, headers = {}, body, length, events }) {
  return new Promise((resolve, reject) => {
    const own = length !== undefined || events;
    const request = http.request(url + target, { method, agent: own ? false : agent, headers: { ...headers,
      ...(body !== undefined || length !== undefined ? { 'Content-Length': length ?? Buffer.byteLength(body) } : {}) } });
    request.setTimeout(20000, () => request.destroy(new Error(`${method} ${target}: no answer in 20 s`)));
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks = [];
      const done = () => {
        const text = Buffer.concat(chunks).toString();
        let json;
        try { json = JSON.parse(text); } catch { /* not every answer is JSON */ }
        resolve({ status: response.statusCode, headers: response.headers, text, json, type: (response.headers['content-type'] ?? '').split(';')[0] });
        if (own) request.destroy();
      };
      response.on('data', (chunk) => { chunks.push(chunk); if (events) done(); });
      response.on('end', done);
      response.on('error', own ? () => {} : reject);
    });
    if (length === undefined) request.end(body);
    else request.write('{'); // the rest never comes
  });
}

/* ---- the routes as the source has them ---- */
export function routesOfSource() {
  const found = new Set();
  const folder = path.join(root, 'src/api');
  for (const file of readdirSync(folder).filter((f) => f.endsWith('.c'))) {
    const text = readFileSync(path.join(folder, file), 'utf8');
    const macros = Object.fromEntries([...text.matchAll(/^#define (\w+) "([^"]*)"$/gm)].map((m) => [m[1], m[2]]));
    for (const [, method, macro, rest] of text.matchAll(/^ +\{ HTTP_([A-Z]+), (?:(\w+) )?"([^"]*)",/gm)) {
      if (method === 'OPTIONS') continue; // a browser's question before another one
      found.add(`${method} ${((macro ? macros[macro] : '') + rest).replace(/:(\w+)/g, '{$1}')}`);
    }
    for (const [, below] of text.matchAll(/^ +X\("([^"]*)",/gm)) { // what lies below a tape's HLS root lies below a token, too
      for (const root of ['', 't/:token/']) found.add(`GET ${(macros.HLS + root + below).replace(/:(\w+)/g, '{$1}')}`);
    }
  }
  return found;
}

/* ---- the contract ---- */
// Members that the schema does not name are mistakes here, though a client must bear them: the server says them, so the file must, too.
function strict(schema) {
  if (Array.isArray(schema)) return schema.map(strict);
  if (schema === null || typeof schema !== 'object') return schema;
  const out = Object.fromEntries(Object.entries(schema).map(([k, v]) => [k, strict(v)]));
  if (schema.properties && schema.additionalProperties === undefined && [schema.type].flat().includes('object')) out.additionalProperties = false;
  return out;
}

export class Contract {
  constructor() {
    this.file = JSON.parse(readFileSync(path.join(root, 'api/openapi.yaml'), 'utf8'));
    this.ajv = new Ajv({ allErrors: true, strict: false, formats: {
      'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/ } });
    this.ajv.addSchema({ $id: 'contract', components: strict(this.file.components) });
    this.validators = new Map();
    this.operations = new Map();
    for (const [route, item] of Object.entries(this.file.paths)) {
      for (const method of METHODS.filter((m) => item[m])) {
        const operation = item[method];
        const parameters = (operation.parameters ?? []).map((p) => this.resolve(p));
        const content = operation.requestBody?.content ?? {};
        const schema = content['application/json'] && this.resolve(content['application/json'].schema);
        this.operations.set(`${method.toUpperCase()} ${route}`, { key: `${method.toUpperCase()} ${route}`, method: method.toUpperCase(), route, parameters, schema,
          bodyRequired: operation.requestBody?.required ?? false, account: (operation.security ?? [1]).length > 0 && !operation.security?.some((s) => !Object.keys(s).length || s.device),
          responses: operation.responses, seen: new Set() });
      }
    }
  }

  resolve(object) {
    return object?.$ref ? object.$ref.slice(2).split('/').reduce((at, name) => at[name], this.file) : object;
  }

  /** [key, { body: { schema, example }, responses: [[status, { schema, example }]] }] of what has examples. */
  examples() {
    return Object.entries(this.file.paths).flatMap(([route, item]) => METHODS.filter((m) => item[m]).map((m) => {
      const body = Object.values(item[m].requestBody?.content ?? {}).find((c) => c.example !== undefined);
      const responses = Object.entries(item[m].responses).flatMap(([status, r]) => Object.values(r.content ?? {}).filter((c) => c.example !== undefined).map((c) => [status, c]));
      return [`${m.toUpperCase()} ${route}`, { body, responses }];
    }));
  }

  methodsOf(route) {
    return [...this.operations.values()].filter((o) => o.route === route).map((o) => o.method);
  }

  validate(schema, value, what) {
    const text = JSON.stringify(strict(schema)).replaceAll('"#/components', '"contract#/components');
    if (!this.validators.has(text)) this.validators.set(text, this.ajv.compile(JSON.parse(text)));
    const valid = this.validators.get(text);
    assert.ok(valid(value), `${what}: ${this.ajv.errorsText(valid.errors)}\n${JSON.stringify(value)}`);
  }

  /** Holds an answer against the file: its status is there for that route, its type and its body are as said; a refusal is a sentence. */
  check(operation, answer, what) {
    const response = this.resolve(operation.responses[answer.status]);
    assert.ok(response, `${what}: ${answer.status} is not in the file; ${answer.text.slice(0, 300)}`);
    operation.seen.add(String(answer.status));
    const types = Object.keys(response.content ?? {});
    assert.ok(types.length ? types.includes(answer.type) : answer.text === '', `${what}: ${answer.status} with ${answer.type || 'no type'}, not ${types}`);
    for (const name of Object.keys(response.headers ?? {})) assert.ok(answer.headers[name.toLowerCase()], `${what}: ${answer.status} without ${name}`);
    const schema = response.content?.[answer.type]?.schema;
    if (schema) this.validate(schema, answer.json, what);
    if (answer.type === 'application/problem+json') this.checkProblem(answer, what);
  }

  checkProblem(answer, what) {
    this.validate({ $ref: '#/components/schemas/Problem' }, answer.json, what);
    const { type, title, status, detail, request_id: id } = answer.json;
    assert.match(type, /^https:\/\/vcr-online\.invalid\/problems\/[a-z-]+$/, what);
    assert.equal(status, answer.status, what);
    assert.equal(id, answer.headers['x-request-id'], what);
    assert.ok(title.length > 3 && /^\S+ .*\S+/.test(detail), `${what}: no sentence: ${detail}`);
    assert.doesNotMatch(answer.text, /sqlite|select |\.c:\d|errno|\/tmp\/|\/home\//i, what);
    assert.equal(answer.headers['x-content-type-options'] ?? 'nosniff', 'nosniff', what);
    if (status === 401) assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/, what);
  }
}

/* ---- nonsense: bodies that break a schema, one thing at a time ---- */
const WRONG = { string: 7, integer: 'seven', number: 'seven', boolean: 'yes', object: [], array: 'x' };

function* wrongValues(schema) {
  const types = [schema.type ?? []].flat();
  for (const type of types.filter((t) => t !== 'null')) yield [`wrong type`, WRONG[type]];
  if (types.length && !types.includes('null')) yield ['null', null];
  if (types.includes('integer')) yield ['no whole number', 1.5];
  if (schema.maxLength) yield ['too long', 'x'.repeat(schema.maxLength + 1)];
  if (schema.minLength) yield ['empty', ''];
  if (schema.minimum !== undefined) yield ['too small', schema.minimum - 1];
  if (schema.maximum !== undefined && schema.maximum < 2 ** 52) yield ['too large', schema.maximum + 1];
  if (schema.enum) yield ['none of these', 'x-none-of-these'];
  if (types.includes('string')) yield ['U+0000', 'a\0b'];
  if (schema.items) {
    yield ['wrong item', [WRONG[schema.items.type]]];
    if (schema.maxItems) yield ['too many items', Array(schema.maxItems + 1).fill('x')];
    for (const [what, value] of wrongValues(schema.items)) yield [`item: ${what}`, [value]];
  }
}

/** [what, body as sent, status, pointer or undefined] for a route that takes `schema`; good: a body that is taken. */
export function* nonsense(schema, good, required) {
  const text = (body) => JSON.stringify(body);
  for (const [name, member] of Object.entries(schema.properties)) {
    for (const [what, value] of wrongValues(member)) {
      const pointer = what.endsWith('U+0000') ? '' : `/${name}`;
      yield [`${name}: ${what}`, text({ ...good, [name]: value }), 422, pointer];
    }
  }
  for (const [name] of Object.entries(schema.properties).filter(([, m]) => [m.type].flat().some((t) => t === 'integer' || t === 'number'))) {
    for (const huge of ['1e999', '-1e999', '9'.repeat(400)]) yield [`${name}: ${huge.slice(0, 8)}`, text({ ...good, [name]: '@' }).replace('"@"', huge), 422];
  }
  for (const name of schema.required ?? []) {
    const { [name]: gone, ...rest } = good;
    yield [`${name}: missing`, text(rest), 422, `/${name}`];
  }
  yield ['an unknown member', text({ ...good, nobody_knows: 1 }), 422, '/nobody_knows'];
  yield ['an unknown member with a pointer in its name', text({ ...good, 'a/b~c': 1 }), 422, '/a~1b~0c'];
  for (const other of ['[]', '1', '"x"', 'null', 'true']) yield [`${other} is no object`, other, 422, ''];
  for (const broken of ['{', '{"a":}', '{"a" 1}', "{'a':1}", '{"a":1}}', '{"a":1e}', 'NaN', '{"a":"\\x"}', '{"a":"\\ud83d"}', '{"a":01}', '{"a":1,}', '\ufeff{}']) yield [`broken: ${broken}`, broken, 400];
  if (required) yield ['nothing', '', 400];
  yield ['a member twice', '{"a":1,"a":2}', 400];
  yield ['deep arrays', '['.repeat(2000) + ']'.repeat(2000), 400];
  yield ['deep objects', '{"a":'.repeat(500) + '1' + '}'.repeat(500), 400];
  yield ['no UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]), 400];
}

/** [what, body, pointer]: values on the very edge of what the schema takes. */
export function* edges(schema, good) {
  for (const [name, member] of Object.entries(schema.properties)) {
    const values = [member.maxLength && 'x'.repeat(member.maxLength), member.minLength && 'x'.repeat(member.minLength), member.minimum, member.maximum,
      member.maxItems && Array(member.maxItems).fill('x'), member.items?.maxLength && ['x'.repeat(member.items.maxLength)]];
    for (const value of values.filter((v) => v !== undefined)) yield [`${name}: ${JSON.stringify(value).slice(0, 20)}`, { ...good, [name]: value }, `/${name}`];
  }
}
