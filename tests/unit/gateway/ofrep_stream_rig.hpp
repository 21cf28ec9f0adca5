// Readers of OFREP's streams on real sockets.
#pragma once

#include "ofrep_rig.hpp"

#include <array>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

namespace corohub::gateway::ofrep::test {

using namespace std::chrono_literals;
using flags::NamespaceAccess;

inline constexpr const char* other =
    R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off"})";

// A reader of one stream.
class Reader {
 public:
  explicit Reader(asio::io_context& context) : client_(context) {
    asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    acceptor.set_option(asio::ip::tcp::no_delay(true));
    client_.connect(acceptor.local_endpoint());
    client_.non_blocking(true);
    server = Socket(context);
    acceptor.accept(*server);
    server->non_blocking(true);
  }
  void turn() {
    std::array<char, 4096> bytes;
    boost::system::error_code error;
    const std::size_t size = client_.read_some(asio::buffer(bytes), error);
    received.append(bytes.data(), size);
    if (error == asio::error::eof) {
      ended = true;
      client_.close();
    }
  }
  std::size_t count(std::string_view word) const {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = received.find(word, at)) != std::string::npos; ++at) ++found;
    return found;
  }
  std::size_t refetches() const { return count("refetchEvaluation"); }

  std::optional<Socket> server;
  std::string received;
  bool ended = false;

 private:
  asio::ip::tcp::socket client_;
};

class OfrepStreams : public testing::Test {
 protected:
  OfrepStreams() { put(7, {{"plain"}}); }
  ~OfrepStreams() override {
    rig.shard.close_all(CloseReason::draining, 0ms);
    for (int i = 0; i < 30; ++i) tick();
  }

  void put(Seq revision, const std::vector<MadeFlag>& made,
           NamespaceAccess access = NamespaceAccess::everybody) {
    rig.put(name_space("default", access, {environment("default", revision, made, default_parts())}));
    settle();
  }
  std::string address(std::vector<std::pair<std::string, std::string>> headers = {}) {
    const json::object body = rig.ask({.headers = std::move(headers)}).json();
    return std::string(body.at("eventStreams").at(0).at("endpoint").at("requestUri").as_string());
  }
  // `meanwhile`: between the judgement of the request and the stream's beginning.
  Reader& open(const std::string& target, std::vector<std::pair<std::string, std::string>> headers = {},
               const std::function<void()>& meanwhile = {}) {
    http::Request request;
    http::Response response =
        rig.answer({.target = target, .headers = std::move(headers), .method = http::Method::get}, request);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "text/event-stream");
    Reader& reader = *readers.emplace_back(std::make_unique<Reader>(rig.context));
    if (!response.takeover) throw std::runtime_error("no stream: " + response.body);
    if (meanwhile) meanwhile();
    response.takeover->begin_with("HEAD\r\n\r\n");
    response.takeover->take(std::move(*reader.server), "");
    settle();
    return reader;
  }
  int status(const std::string& target) {
    return rig.ask({.target = target, .method = http::Method::get, .peer = "192.0.2.9"}).status;
  }
  void settle() {
    for (int i = 0; i < 20; ++i) {
      rig.context.restart();
      rig.context.poll();
      for (const auto& reader : readers)
        if (!reader->ended) reader->turn();
    }
  }
  void tick() {
    rig.clock.advance(Wheel::tick);
    rig.shard.tick();
    settle();
  }
  std::string user_header() {
    account = rig.add_account(1, Role::user);
    return "Bearer " + rig.token(*account);
  }
  void account_becomes(const std::shared_ptr<Account>& now,
                       CloseReason ending = CloseReason::session_revoked) {
    rig.accounts[1] = now;
    rig.cache.apply(1, now);
    rig.publish({hub::AccountChanged{1, now, ending}});
    settle();
  }

  OfrepRig rig;
  std::vector<std::unique_ptr<Reader>> readers;
  AccountRef account;
};

}  // namespace corohub::gateway::ofrep::test
