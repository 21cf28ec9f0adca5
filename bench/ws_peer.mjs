// A peer: the npm package "ws" as most people would use it for a broadcast. The same routes as limit.cpp; prints
// {"port":N} and ends with its standard input.
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';

const receivers = new Set();
const sendToAll = (text) => {
  for (const socket of receivers) if (socket.readyState === WebSocket.OPEN) socket.send(text, { binary: false });
};

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
    response.setHeader('Content-Type', 'application/json');
    response.end(request.method === 'POST' ? '{"success":true}' : '{"status":"ok"}');
    if (request.method === 'POST') sendToAll(Buffer.concat(chunks));
  });
});
server.keepAliveTimeout = 0;

new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket, request) => {
  socket.on('error', () => {});
  if (request.url === '/publish') {
    socket.on('message', sendToAll);
    return;
  }
  receivers.add(socket);
  socket.on('close', () => receivers.delete(socket));
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.resume().on('end', () => process.exit());
