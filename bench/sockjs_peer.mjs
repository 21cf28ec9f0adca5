// A peer: the npm package "sockjs" as most people would use it for a broadcast, one write() each. Routes as in limit.cpp,
// but clients are at /bench and publishers at /publish; prints {"port":N} and ends with its standard input.
import { createServer } from 'node:http';
import sockjs from 'sockjs';

const receivers = new Set();
const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'application/json');
  response.end('{"status":"ok"}');
});
server.keepAliveTimeout = 0;

const at = (prefix, onConnection) => {
  const hub = sockjs.createServer({ prefix, log: () => {} });
  hub.on('connection', onConnection);
  hub.installHandlers(server);
};
at('/bench', (connection) => {
  receivers.add(connection);
  connection.on('close', () => receivers.delete(connection));
});
at('/publish', (connection) => {
  connection.on('data', (text) => { for (const receiver of receivers) receiver.write(text); });
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.resume().on('end', () => process.exit());
