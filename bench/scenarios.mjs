// What is measured: groups of rows, each row one load for several servers. `options` are those of the load generator;
// `load` makes the rest of them for a server.
const FLOOR = ['limit', 'limit-batch'];
const EVENT = { 'text-bytes': 200 };

const volatile_ = (server) => server.volatile();
const durable = (server) => server.durable();
const client = (server) => server.client();

const driven = (title, load, options, more = {}) => ({ title, load, options: { ...EVENT, ...options }, servers: ['limit', 'corohub', 'go-hub', 'node-ws'], ...more });
const MANY = { senders: 16, window: 16 };
const BATCHED = { floor: 'limit-batch', servers: [...FLOOR, 'corohub', 'go-hub', 'node-ws'] };
const FEWER = { servers: ['limit', 'corohub', 'go-hub'] };

export const groups = {
  fanout: {
    what: 'volatile events of 200 bytes: `publish` on a topic without history, over WebSockets',
    unit: 'delivery',
    units: 'deliveries',
    rows: [
      driven('1,000 clients, 100 events/s', volatile_, { clients: 1000, rate: 100 }),
      driven('1,000 clients, 16 under way, 16 publishers', volatile_, { clients: 1000, ...MANY }, BATCHED),
      driven('5,000 clients, 20 events/s', volatile_, { clients: 5000, rate: 20 }, FEWER),
      driven('5,000 clients, 16 under way, 16 publishers', volatile_, { clients: 5000, ...MANY }, { ...BATCHED, servers: [...FLOOR, 'corohub', 'go-hub'] }),
      driven('10,000 clients, one event at a time, 2/s', volatile_, { clients: 10_000, rate: 2 }, FEWER),
    ],
  },
  durable: {
    what: 'durable events of 200 bytes: `POST /ws/broadcast`, answered after the commit',
    unit: 'delivery',
    units: 'deliveries',
    rows: [
      driven('1,000 clients, 100 events/s', durable, { clients: 1000, rate: 100 }),
      driven('1,000 clients, 16 under way, 16 connections', durable, { clients: 1000, ...MANY }, BATCHED),
    ],
  },
  log: {
    what: 'durable publishes into the log with nobody to hear them; counted when answered',
    unit: 'publish',
    units: 'publishes',
    rows: [
      { title: '16 WebSockets, 1,024 under way', load: (server) => server.log('websocket'), options: { senders: 16, window: 1024 }, servers: ['corohub'] },
      { title: 'POST, 64 keep-alive connections', load: (server) => server.log('http'), options: { senders: 64, window: 64 }, servers: ['corohub'] },
    ],
  },
  large: {
    what: 'volatile events of 16 and 48 KB to 1,000 clients, 4 under way',
    unit: 'delivery',
    units: 'deliveries',
    rows: [16, 48].map((kilobytes) => driven(`${kilobytes} KB`, volatile_, { clients: 1000, window: 4, 'text-bytes': kilobytes * 1024 },
      { servers: ['limit', 'corohub'] })),
  },
  targeted: {
    what: 'durable events to few of many: `POST /api/v1/publish` to one user, and to a role of 100; CPU per event',
    unit: 'event',
    units: 'events',
    rows: [1, 100].flatMap((few) => [1000, 10_000].map((clients) => ({
      title: `${few === 1 ? 'one user' : 'a role of 100'} among ${clients.toLocaleString('en')}`,
      load: (server) => server.targeted(clients, few),
      options: { clients, rate: 100, receivers: few, ...EVENT },
      servers: ['corohub'],
    }))),
  },
  http: {
    what: 'requests on 32 keep-alive connections, one under way on each; `limit` answers a constant',
    unit: 'request',
    units: 'requests',
    rows: [
      { title: '`GET /health`', load: (server) => server.get('/health'), servers: ['limit', 'corohub', 'node-ws'] },
      { title: '`GET /api/v1/users/me`, authenticated', load: (server) => server.get('/api/v1/users/me'), servers: ['limit', 'corohub'] },
    ].map((row) => ({ ...row, options: { senders: 32, window: 32 } })),
  },
  idle: {
    what: 'idle connections, authenticated by JWT, 500 accounts; a fresh server each time',
    fresh: true,
    rows: [
      { title: '10,000', load: client, options: { clients: 10_000, settle: 1 }, servers: ['limit', 'corohub', 'go-hub', 'node-ws'] },
      { title: '19,000', load: client, options: { clients: 19_000, settle: 1, idle: 5 }, servers: ['corohub'] },
    ],
  },
};
