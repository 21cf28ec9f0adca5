// The namespaces that are served, and what their seats share. Made once, before anything is served; safe from
// any shard's thread.
#pragma once

#include "core/metrics.hpp"
#include "gateway/engineio/link.hpp"
#include "gateway/socketio/recovery.hpp"
#include "gateway/socketio/vocabulary.hpp"
#include "storage/writer.hpp"

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace corohub::gateway::socketio {

// Who is in a namespace by one link: a seat, or what stands in its place in a test. Used on the link's shard
// only.
class Occupant {
 public:
  virtual ~Occupant() = default;

  virtual std::string_view name_space() const noexcept = 0;
  // An event of the client. Throws for memory.
  virtual void hear(Call&& call) = 0;
  // An event of the client whose JSON is more than is taken. Throws for memory.
  virtual void refuse(const AckId& ack, const Refusal& refusal) = 0;
  virtual void on_throttled() {}
  // The link carries what is said in another way from here on.
  virtual void on_rewrapped() {}
  // The client has left the namespace.
  virtual void on_left() noexcept = 0;
  // It is in the namespace no more, and goes in a turn of its own.
  virtual bool has_ended() const noexcept = 0;
  // Last call. It has ended, or its link has.
  virtual void on_closed(CloseReason) noexcept {}
};

// Namespaces that ask for no credential and belong to nobody, for the tests of the protocol.
class Fixture {
 public:
  virtual ~Fixture() = default;
  virtual bool has(std::string_view name_space) const noexcept = 0;
  // `auth`: what CONNECT says, as JSON text; "{}" if it says nothing. Throws for memory.
  virtual std::unique_ptr<Occupant> seat(engineio::Link& link, std::string_view name_space,
                                         std::string_view auth) const = 0;
};

struct ConnectionMetrics {
  ConnectionMetrics();

  metrics::Counter& refused;    // CONNECTs
  metrics::Counter& recovered;  // seats
  metrics::Counter& malformed;  // packets
};

struct Namespaces {
  Namespaces(const auth::KeyStore& keys, const Clock& clock, const storage::Writer& log,
             std::size_t payload_max)
      : pids(keys, clock), kept(clock), writer(log), payload_bytes_max(payload_max) {}

  const Vocabulary* find(std::string_view name_space) const noexcept {
    for (const std::unique_ptr<const Vocabulary>& one : vocabularies)
      if (one->name_space() == name_space) return one.get();
    return nullptr;
  }

  std::vector<std::unique_ptr<const Vocabulary>> vocabularies{};
  std::unique_ptr<const Fixture> fixture{};  // null: there is none
  const Pids pids;
  KeptTopics kept;
  const storage::Writer& writer;
  const std::size_t payload_bytes_max;  // of the Buffers of a packet together
  const ConnectionMetrics metrics{};
};

}  // namespace corohub::gateway::socketio
