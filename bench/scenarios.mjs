// What is measured: groups of rows, each row one load for several servers. `options` are those of the load generator;
// `load` makes the rest of them for a server.
import { SECONDS } from './generator.mjs';
import { number, of, total } from './tables.mjs';

const FLOOR = ['limit', 'limit-batch'];
const PEERS = ['go-hub', 'node-ws', 'socket.io', 'nchan', 'nats'];
const EVENT = { 'text-bytes': 200 };

const volatile_ = (server) => server.volatile();
const durable = (server) => server.durable();
const client = (server) => server.client();

const driven = (title, load, options, more = {}) => ({ title, load, options: { ...EVENT, ...options }, servers: ['limit', 'corohub', ...PEERS], ...more });
const MANY = { senders: 16, window: 16 };
const BATCHED = { floor: 'limit-batch', servers: [...FLOOR, 'corohub', ...PEERS] };
// NATS is published to over WebSockets only.
const POSTED = PEERS.filter((name) => name !== 'nats');
const PACED_POST = { servers: ['limit', 'corohub', ...POSTED] };
const BATCHED_POST = { floor: 'limit-batch', servers: [...FLOOR, 'corohub', ...POSTED] };

// What speaks STOMP or SockJS, native first. A mark and so many bytes are a hundred.
const PROTOCOLS = ['corohub', 'corohub-stomp', 'corohub-sockjs', 'corohub-xhr', 'rabbitmq', 'sockjs', 'sockjs-xhr'];
const SOCKET_IO = ['corohub', 'corohub-socketio', 'socket.io'];
const PAD = 85;

// Beside: paced traffic to 200 clients, and a companion.
const PACED = { clients: 200, rate: 100, ...EVENT };
// A change of a flag, heard by all.
const CHANGES = { clients: 10_000, rate: 5, settle: 1, seconds: Math.min(60, Math.max(10, 5 * SECONDS)) };
const CROWD = 19_000;
const COMING_BACK = 1000;
const MISSED = 50;
const served = (list) => `served in ${number(of(list, 'connect_seconds') * 1000, 0)} ms`;

export const groups = {
  fanout: {
    what: 'volatile events of 200 bytes: `publish` on a topic without history, over WebSockets (nchan: by POST)',
    unit: 'delivery',
    units: 'deliveries',
    rows: [
      driven('1,000 clients, 100 events/s', volatile_, { clients: 1000, rate: 100 }),
      driven('1,000 clients, 16 under way, 16 publishers', volatile_, { clients: 1000, ...MANY }, BATCHED),
      driven('5,000 clients, 20 events/s', volatile_, { clients: 5000, rate: 20 }),
      driven('5,000 clients, 16 under way, 16 publishers', volatile_, { clients: 5000, ...MANY }, BATCHED),
      driven('10,000 clients, one event at a time, 2/s', volatile_, { clients: 10_000, rate: 2 }),
    ],
  },
  stomp: {
    what: 'volatile events of 100 characters to clients of other protocols, published as these protocols\' servers are; `×` is of native, in the same round',
    unit: 'delivery',
    units: 'deliveries',
    floor: '× native',
    rows: [
      ['1,000 clients, 100 events/s', { rate: 100 }],
      ['1,000 clients, 16 under way, 16 publishers', MANY],
    ].map(([title, options]) => driven(title, volatile_, { clients: 1000, 'text-bytes': 0, 'pad-bytes': PAD, ...options }, { floor: 'corohub', servers: PROTOCOLS })),
  },
  socketio: {
    what: 'volatile events of 100 characters to clients of Socket.IO on WebSockets, beside native ones and npm socket.io',
    unit: 'delivery',
    units: 'deliveries',
    floor: '× native',
    rows: [
      ['1,000 clients, 50 events/s', { rate: 50 }],
      ['1,000 clients, 100 events/s', { rate: 100 }],
      ['1,000 clients, 16 under way, 16 publishers', MANY],
    ].map(([title, options]) => driven(title, volatile_, { clients: 1000, 'text-bytes': 0, 'pad-bytes': PAD, ...options }, { floor: 'corohub', servers: SOCKET_IO })),
  },
  polling: {
    what: 'Socket.IO by polling, idle with two namespaces, and a storm of upgrades by one process of Node',
    kind: 'socketio',
    rows: [
      ...[['25 events/s', { rate: 25 }], ['one event after the other', { window: 1 }], ['16 under way, 16 publishers', MANY]].map(([title, options]) => (
        { part: 'polling', title: `200 clients that poll, ${title}`, clients: 200, options: { 'text-bytes': 0, 'pad-bytes': PAD, ...options }, servers: ['corohub-socketio', 'socket.io'] })),
      { part: 'idle', title: '2,000, each with two namespaces', clients: 2000, servers: ['corohub-socketio', 'socket.io'] },
      { part: 'storm', title: '200 native clients, 100 events/s', clients: 2000, options: { ...PACED, seconds: Math.max(8, 4 * SECONDS) }, servers: ['corohub-socketio'] },
    ],
  },
  durable: {
    what: 'durable events of 200 bytes: `POST /ws/broadcast`, answered after the commit (the others only send)',
    unit: 'delivery',
    units: 'deliveries',
    rows: [
      driven('1,000 clients, 100 events/s', durable, { clients: 1000, rate: 100 }, PACED_POST),
      driven('1,000 clients, 16 under way, 16 connections', durable, { clients: 1000, ...MANY }, BATCHED_POST),
      driven('5,000 clients, 20 events/s', durable, { clients: 5000, rate: 20 }, PACED_POST),
      driven('5,000 clients, 16 under way, 16 connections', durable, { clients: 5000, ...MANY }, BATCHED_POST),
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
      { title: '`GET /health`', load: (server) => server.get('/health'), servers: ['limit', 'corohub', 'go-hub', 'node-ws'] },
      { title: '`GET /api/v1/users/me`, authenticated', load: (server) => server.get('/api/v1/users/me'), servers: ['limit', 'corohub'] },
    ].map((row) => ({ ...row, options: { senders: 32, window: 32 } })),
  },
  flags: {
    what: 'fifty flags, each a rule and a share, of one context; 32 keep-alive connections; a change for 10,000 at once',
    kind: 'flags',
    rows: [
      { part: 'requests', title: 'all flags of a context', load: (server) => server.request(), options: { senders: 32, window: 32 }, servers: ['corohub-flags', 'unleash'] },
      { part: 'requests', title: 'the same again, unchanged (304)', load: (server) => server.unchanged(), options: { senders: 32, window: 32 }, servers: ['corohub-flags', 'unleash'] },
      { part: 'changes', title: '10,000 subscribers of the topic', load: (server) => server.toSubscribers(), options: CHANGES, servers: ['corohub-flags'] },
      { part: 'changes', title: '10,000 streams of OFREP', load: (server) => server.toStreams(), options: { ...CHANGES, rate: 2 }, servers: ['corohub-flags'] },
      { part: 'memory', title: 'of 1,000 flags with their rules, in 10,000', servers: ['corohub-flags'] },
      { part: 'evaluations', title: 'one evaluation', servers: ['corohub-evaluation', 'flagd-core'] },
    ],
  },
  watchers: {
    what: 'connections that watch the values of their own flags, and agents of gateways that hear of routes by STOMP',
    kind: 'flags',
    rows: [
      { part: 'changes', title: '10,000 watchers, each with a context of its own', load: (server) => server.toWatchers(), options: { ...CHANGES, rate: 2 }, servers: ['corohub-flags'] },
      { part: 'watchers', title: '10,000, each with a context of its own', watchers: 10_000, changes: 50, servers: ['corohub-flags'] },
      { part: 'agents', title: 'a route changes, for 100 agents', agents: 100, changes: 300, restarts: 10, servers: ['corohub-flags'] },
    ],
  },
  idle: {
    what: 'idle connections, authenticated by JWT, 500 accounts; a fresh server each time',
    kind: 'idle',
    fresh: true,
    rows: [
      { title: '10,000', load: client, options: { clients: 10_000, settle: 1 }, servers: ['limit', 'corohub', 'corohub-stomp', 'corohub-sockjs', ...PEERS, 'rabbitmq', 'sockjs'] },
      { title: '19,000', load: client, options: { clients: 19_000, settle: 1, idle: 5 }, servers: ['corohub'] },
    ],
  },
  latency: {
    what: 'durable events of 200 bytes, `POST /ws/broadcast`, to one client',
    kind: 'latency',
    rows: [{ title: '100 events/s', load: durable, options: { clients: 1, rate: 100, ...EVENT }, servers: ['corohub'] }],
  },
  beside: {
    what: 'paced traffic to 200 clients beside something else; both sides are load generators of one thread',
    kind: 'beside',
    rows: [
      {
        title: 'R6: volatile, 200/s of 1 KB',
        load: volatile_,
        // Long enough to fill their outboxes and close them: the limit is a megabyte.
        options: { ...PACED, rate: 200, 'text-bytes': 1024, warmup: 2, seconds: Math.max(8, 4 * SECONDS) },
        servers: ['corohub'],
        phases: [
          { title: 'nothing' },
          {
            title: '10 more clients that never read',
            companion: (server) => ({ ...server.subscribed('public/bench'), clients: 10, unread: 1 }),
            did: (list) => `closed ${total(list, 'reconnected')} times, came again`,
          },
        ],
      },
      {
        title: 'R7: volatile, 100/s',
        load: volatile_,
        options: PACED,
        servers: ['corohub'],
        phases: [
          { title: '19,000 clients, silent', companion: (server) => ({ ...server.client(), clients: CROWD }) },
          {
            title: '19,000 clients, one event/s to all of them',
            companion: (server) => ({ ...server.volatile('public/crowd'), ...EVENT, clients: CROWD, rate: 1 }),
            did: (list) => `last receipt of an event after ${number(Math.max(...list.map((each) => each.last_max_ms)), 0)} ms at most, ${total(list, 'missing')} lost`,
          },
        ],
      },
      {
        title: 'T39: durable, 100/s',
        load: durable,
        options: PACED,
        servers: ['corohub, hashing as shipped'],
        phases: [
          { title: 'nothing' },
          {
            title: '200 logins/s',
            companion: (server) => ({ ...server.logins(), senders: 64, rate: 200 }),
            did: (list) => `${number(total(list, 'events'), 0)} logins, ${number((100 * total(list, 'unavailable')) / total(list, 'events'), 0)} % of them answered 503`,
          },
        ],
      },
      {
        title: 'R11: durable, 50/s',
        load: durable,
        options: { ...PACED, rate: 50 },
        servers: ['corohub'],
        phases: [
          { title: 'nothing' },
          {
            title: '1,000 clients come at once, nothing missed',
            during: true,
            companion: (server) => ({ ...server.client(), clients: COMING_BACK, settle: 0 }),
            did: served,
          },
          {
            title: `1,000 clients come back at once, ${MISSED} events missed by each`,
            during: true,
            companion: async (server) => ({ ...await server.resuming(MISSED), clients: COMING_BACK, settle: 0 }),
            did: served,
          },
        ],
      },
    ],
  },
};
