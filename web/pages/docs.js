// Renders /openapi.json as a page to read. Everything becomes text nodes, never markup.
'use strict';

(async () => {
  const reference = document.getElementById('reference');
  const contents = document.getElementById('contents');
  let api;

  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  // Text with `code` in it.
  function prose(tag, className, text) {
    const parts = (text || '').split('`').map((part, i) => (i % 2 ? element('code', '', part) : part));
    return element(tag, className, ...parts);
  }

  function resolve(value) {
    if (!value || !value.$ref) return value || {};
    return value.$ref.slice(2).split('/').reduce((place, key) => place[key], api);
  }

  // A schema in a few words: "integer, 0 to 150, or null".
  function words(schema) {
    const name = schema.$ref && schema.$ref.split('/').pop();
    const full = resolve(schema);
    if (full.const !== undefined) return JSON.stringify(full.const);
    const otherwise = full.default === undefined ? [] : [`default ${JSON.stringify(full.default)}`];
    if (full.enum) return [full.enum.map((value) => JSON.stringify(value)).join(' or '), ...otherwise].join(', ');
    if (full.oneOf) return full.oneOf.map((each) => `{${resolve(each).required.join(', ')}}`).join(' or ');
    const types = [].concat(full.type || 'any');
    if (types.includes('object')) return name || 'object';
    if (types.includes('array')) return `list of ${words(full.items || {})}`;
    const bounds = [];
    if (full.format) bounds.push(full.format);
    if (full.minimum !== undefined && full.maximum !== undefined) bounds.push(`${full.minimum} to ${full.maximum}`);
    else if (full.minimum !== undefined) bounds.push(`from ${full.minimum}`);
    if (full.maxLength !== undefined) bounds.push(`${full.minLength ?? 0} to ${full.maxLength} characters`);
    const nothing = types.includes('null') ? ['or null'] : [];
    return [types.filter((type) => type !== 'null').join(' or '), ...bounds, ...otherwise, ...nothing].join(', ');
  }

  function table(rows) {
    const body = element('tbody');
    for (const [name, type, text] of rows) {
      const last = element('td');
      if (type) last.append(element('span', 'type', type), ' ');
      last.append(prose('span', '', text));
      body.append(element('tr', '', element('td', '', name), last));
    }
    return element('div', 'scroll', element('table', '', body));
  }

  function members(schema) {
    const full = resolve(schema);
    const required = new Set(full.required || []);
    return Object.entries(full.properties || {}).map(([name, member]) => [
      required.has(name) ? name : `${name}?`,
      words(member),
      member.description || resolve(member).description,
    ]);
  }

  // The members that tell something: of `data` where there is an envelope, of its elements where that is a list.
  function substance(schema) {
    const full = resolve(schema);
    const data = full.properties && full.properties.data && full.properties.success ? full.properties.data : schema;
    const inner = resolve(data);
    return inner.type === 'array' ? [`data: list of`, inner.items] : [data === schema ? '' : 'data', data];
  }

  function section(inside, title, ...children) {
    inside.append(element('h4', '', title), ...children);
  }

  function operation(method, path, op) {
    const head = element('summary', '', element('span', `method ${method}`, method.toUpperCase()),
      element('h3', '', op.summary), element('code', '', path),
      element('span', 'access', { guest: 'anyone', user: 'signed in', admin: 'admins' }[op['x-access']] || ''));
    const inside = element('div', 'inside');
    if (op.description) inside.append(prose('p', '', op.description));

    const parameters = (op.parameters || []).map(resolve);
    if (parameters.length > 0) {
      section(inside, 'Parameters', table(parameters.map((p) => [p.required ? p.name : `${p.name}?`, words(p.schema), p.description])));
    }

    const bodies = resolve(op.requestBody).content || {};
    const body = bodies['application/json'] || Object.values(bodies)[0];
    if (body) {
      section(inside, 'Body', table(members(body.schema)));
      if (body.example) section(inside, 'Example', element('pre', '', JSON.stringify(body.example, null, 2)));
    }

    section(inside, 'Answers', table(Object.entries(op.responses).map(([status, r]) => [status, '', resolve(r).description])));
    const success = Object.entries(op.responses).find(([status, r]) => status < '3' && resolve(r).content);
    const schema = success && Object.values(resolve(success[1]).content)[0].schema;
    if (schema) {
      const [label, inner] = substance(schema);
      const rows = members(inner);
      if (rows.length > 0) section(inside, [success[0], label].filter(Boolean).join(' '), table(rows));
    }
    const made = element('details', 'card operation', head, inside);
    made.id = op.operationId;
    return made;
  }

  function unfoldTarget() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.tagName === 'DETAILS') target.open = true;
    target.scrollIntoView();
  }

  try {
    const response = await fetch('/openapi.json');
    api = await response.json();
  } catch {
    reference.replaceChildren(element('p', 'note bad', 'The server does not answer.'));
    return;
  }

  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, op]) => ({ method, path, op })));
  reference.replaceChildren(element('p', 'quiet', api.info.summary), prose('p', 'field', api.info.description));
  for (const tag of api.tags) {
    reference.append(element('h2', '', tag.name), prose('p', 'quiet', tag.description));
    contents.append(element('h2', '', tag.name));
    for (const { method, path, op } of operations.filter((each) => each.op.tags[0] === tag.name)) {
      reference.append(operation(method, path, op));
      const link = element('a', '', op.summary);
      link.href = `#${op.operationId}`;
      contents.append(link);
    }
  }
  addEventListener('hashchange', unfoldTarget);
  unfoldTarget();
})();
