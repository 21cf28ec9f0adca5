// A peer: the npm package "socket.io" as most people would use it for a broadcast, without compression. Routes
// as in limit.cpp, but a publisher is any client that emits "publish"; prints {"port":N} and ends with its standard
// input.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
    response.setHeader('Content-Type', 'application/json');
    response.end(request.method === 'POST' ? '{"success":true}' : '{"status":"ok"}');
    if (request.method === 'POST') io.to('receivers').emit('message', JSON.parse(Buffer.concat(chunks)));
  });
});
server.keepAliveTimeout = 0;

const io = new Server(server, { serveClient: false, perMessageDeflate: false });
io.on('connection', (socket) => {
  if (socket.handshake.query.publisher) {
    socket.on('publish', (event) => io.to('receivers').emit('message', event));
  } else {
    socket.join('receivers');
  }
});

io.of('/client').on('connection', () => {}); // a second namespace

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.resume().on('end', () => process.exit());
