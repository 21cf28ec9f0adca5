// A peer: unleash-server as npm has it, on the database of DATABASE_URL, with one token each for its API of clients and of
// admins. Prints {"port":N} and ends with its standard input.
import unleash from 'unleash-server';

const { DATABASE_URL, ADMIN_TOKEN, FRONTEND_TOKEN } = process.env;
const [, user, host, port, database] = DATABASE_URL.match(/^postgres:\/\/(\w+)@([\w.]+):(\d+)\/(\w+)$/);
const token = (type, secret, environment) => ({ type, secret, environment, project: type === 'admin' ? '*' : 'default', projects: [type === 'admin' ? '*' : 'default'], tokenName: type });

const server = await unleash.start({
  db: { user, password: '', host, port: Number(port), database, ssl: false },
  server: { port: 0, host: '127.0.0.1', disableCompression: true, keepAliveTimeout: 3_600_000 },
  logLevel: 'error',
  versionCheck: { enable: false },
  telemetry: false,
  disableScheduler: false,
  authentication: { type: 'open-source', initApiTokens: [token('admin', ADMIN_TOKEN, '*'), token('frontend', FRONTEND_TOKEN, 'development')] },
});
console.log(JSON.stringify({ port: server.server.address().port }));
process.stdin.resume().on('end', () => process.exit());
