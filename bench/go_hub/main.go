// A peer: the hub as it is usually written in Go with gorilla/websocket, one goroutine that owns the set of clients,
// two goroutines per client, a channel of 256 events for each, a write deadline and a ping timer. The same routes as
// limit.cpp; prints {"port":N} and ends with its standard input.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

const (
	queueLength  = 256
	writeTimeout = 10 * time.Second
	pongTimeout  = 60 * time.Second
	pingInterval = pongTimeout * 9 / 10
)

var upgrader = websocket.Upgrader{
	ReadBufferSize:  1024,
	WriteBufferSize: 1024,
	CheckOrigin:     func(*http.Request) bool { return true },
}

type client struct {
	socket *websocket.Conn
	queue  chan []byte
}

type hub struct {
	clients map[*client]struct{}
	join    chan *client
	leave   chan *client
	events  chan []byte
}

func (h *hub) run() {
	for {
		select {
		case c := <-h.join:
			h.clients[c] = struct{}{}
		case c := <-h.leave:
			h.remove(c)
		case event := <-h.events:
			for c := range h.clients {
				select {
				case c.queue <- event:
				default: // too slow
					h.remove(c)
				}
			}
		}
	}
}

func (h *hub) remove(c *client) {
	if _, here := h.clients[c]; here {
		delete(h.clients, c)
		close(c.queue)
	}
}

func (c *client) write() {
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	defer c.socket.Close()
	for {
		select {
		case event, open := <-c.queue:
			c.socket.SetWriteDeadline(time.Now().Add(writeTimeout))
			if !open {
				c.socket.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if c.socket.WriteMessage(websocket.TextMessage, event) != nil {
				return
			}
		case <-ping.C:
			c.socket.SetWriteDeadline(time.Now().Add(writeTimeout))
			if c.socket.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

// Calls heard for every text until the connection ends.
func (c *client) read(heard func([]byte)) {
	defer c.socket.Close()
	extend := func(string) error { return c.socket.SetReadDeadline(time.Now().Add(pongTimeout)) }
	extend("")
	c.socket.SetPongHandler(extend)
	for {
		_, text, err := c.socket.ReadMessage()
		if err != nil {
			return
		}
		heard(text)
	}
}

func (h *hub) receiver(w http.ResponseWriter, r *http.Request) {
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &client{socket: socket, queue: make(chan []byte, queueLength)}
	h.join <- c
	go c.write()
	go func() {
		c.read(func([]byte) {})
		h.leave <- c
	}()
}

func (h *hub) publisher(w http.ResponseWriter, r *http.Request) {
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &client{socket: socket}
	go c.read(func(text []byte) { h.events <- text })
}

func (h *hub) broadcast(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.events <- event
	answer(w, `{"success":true}`)
}

func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, text)
}

func main() {
	h := &hub{
		clients: map[*client]struct{}{},
		join:    make(chan *client),
		leave:   make(chan *client),
		events:  make(chan []byte, queueLength),
	}
	go h.run()
	http.HandleFunc("/ws", h.receiver)
	http.HandleFunc("/publish", h.publisher)
	http.HandleFunc("/broadcast", h.broadcast)
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"status":"ok"}`) })

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, nil))
}
