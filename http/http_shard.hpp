// What the HTTP connections of one shard share. Shard's thread only.
#pragma once

#include "core/random.hpp"
#include "core/wheel.hpp"
#include "http/cors.hpp"
#include "http/head.hpp"
#include "http/http_metrics.hpp"
#include "http/serialize.hpp"
#include "http/server.hpp"
#include "http/turnstile.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/intrusive/list.hpp>

namespace corohub::http {

struct ByShard;
// Makes a connection a member of its shard's list for as long as the connection lives.
using ListedConnection =
    boost::intrusive::list_base_hook<boost::intrusive::tag<ByShard>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

struct HttpShard {
  // How many first requests go through in one turn of the loop: handshakes and logins cost the most, and come
  // in crowds.
  static constexpr std::size_t newcomers_per_turn = 2;

  HttpShard(Server& the_server, std::size_t shard_index, const Executor& executor, Wheel& the_wheel,
            auth::Authenticator& the_authenticator)
      : server(&the_server),
        index(shard_index),
        wheel(the_wheel),
        authenticator(the_authenticator),
        newcomers(executor, newcomers_per_turn),
        metrics(the_server.router()),
        cors(the_server.settings().cors_origins),
        limits{the_server.settings().max_header_bytes, the_server.settings().max_headers,
               the_server.settings().max_uri_bytes, the_server.settings().max_body_bytes} {}

  SteadyTime now() const noexcept { return server->clock().steady(); }

  // Unique among the requests of all shards and starts; no secret.
  std::string next_request_id() {
    std::string id;
    next_request_id(id);
    return id;
  }
  void next_request_id(std::string& out) {
    std::array<char, 20> digits;
    const auto [end, failure] = std::to_chars(digits.data(), digits.data() + digits.size(), ++last_id_);
    out.assign(id_prefix_).append(digits.data(), end);
  }

  // The Date header, made once per second.
  std::string_view date() {
    const UnixMs second = server->clock().unix_ms() / 1000;
    if (second != date_second_) date_ = http_date(second * 1000);
    date_second_ = second;
    return date_;
  }

  // The answer to a connection that is closed at once, without a request.
  std::string last_answer(const Error& error) {
    Request nobody;
    nobody.id = next_request_id();
    Framing framing;
    framing.request_id = nobody.id;
    framing.date = date();
    framing.close = true;
    return serialize(problem(error, nobody), framing);
  }

  Server* server;  // null once the ShardServer is gone; a connection then only ends
  const std::size_t index;
  Wheel& wheel;
  auth::Authenticator& authenticator;
  Turnstile newcomers;
  HttpMetrics metrics;
  const Cors cors;
  const ReadLimits limits;
  boost::intrusive::list<ListedConnection, boost::intrusive::base_hook<ListedConnection>,
                         boost::intrusive::constant_time_size<false>>
      connections;
  std::string outbound;  // the answer that is being sent; nobody keeps a reference over a suspension

 private:
  const std::string id_prefix_ = random_token(9) + "-";
  std::uint64_t last_id_ = 0;
  std::string date_;
  UnixMs date_second_ = -1;
};

}  // namespace corohub::http
